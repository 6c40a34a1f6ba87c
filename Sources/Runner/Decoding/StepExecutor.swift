public import Model
public import Storage

/// A model that runs rows of tokens: all that a decode loop needs of a device.
///
/// The seam is a whole step, rows in and logits of the wanted rows out, so that a device with memory of its own crosses its
/// bus once a step. Loops are generic over it and specialised when they are compiled.
public protocol StepExecutor: AnyObject {
    associatedtype Sequence: ExecutorSequence

    var vocabularySize: Int { get }

    /// Refuses tokens that the sequence could not be continued with, before anything is run.
    func check(_ tokens: [Int], continuing sequence: Sequence) throws(TaperError)

    /// Runs rows of any sequences: every chunk's tokens enter its sequence. What a sequence gets does not depend on the
    /// others. Chunks of one precision had better follow each other.
    ///
    /// - Parameters:
    ///   - bits: of the weights for chunks that name none; a model that has one precision ignores both.
    ///   - each: gets all wanted rows in order, some at a time.
    /// - Returns: chunks whose numbers left their range, which end their sequences and no others.
    /// - Throws: what keeps the whole call from being run; or an interrupt, or what is wrong with the weights, after which some rows
    ///   may have been run.
    func run(
        _ rows: Rows<Sequence>, bits: Precision, each: ([LogitRow]) -> Void
    ) throws(TaperError) -> [ChunkFailure]

    /// Runs `body(index)` for index in 0 ..< count on the executor's threads.
    func inParallel(_ count: Int, _ body: (Int) -> Void)
}

/// What a model remembers of one text.
public protocol ExecutorSequence: AnyObject {
    /// Tokens read: the next one gets this position.
    var position: Int { get }
    /// Positions that it has room for.
    var capacity: Int { get }
    /// Forgets all positions from `count` on.
    func truncate(to count: Int)
}

/// Logits after one token. They may be overwritten, and are valid during the call that hands them out.
public struct LogitRow {
    /// Index of the chunk, and of the token in it.
    public let chunk: Int
    public let token: Int
    /// [vocabularySize].
    public let logits: UnsafeMutableBufferPointer<Float>

    public init(chunk: Int, token: Int, logits: UnsafeMutableBufferPointer<Float>) {
        self.chunk = chunk
        self.token = token
        self.logits = logits
    }
}

/// Why a chunk's sequence cannot go on.
public struct ChunkFailure {
    public let chunk: Int
    public let error: TaperError

    public init(chunk: Int, error: TaperError) {
        self.chunk = chunk
        self.error = error
    }
}
