public import Checkpoint
public import Model
public import Storage

/// Rows of the matrix with this canonical name, row-major, [rows.count * columns].
public typealias RowReader = (_ name: String, _ rows: Range<Int>) throws(TaperError) -> [Float]

/// Where the float model's weights come from: a checkpoint, or anything that answers by canonical name.
public struct WeightSource {
    public let config: ModelConfig
    /// Row-major values of the tensor with this canonical name.
    public let read: (String) throws(TaperError) -> [Float]
    /// Rows of a matrix, [rows.count * columns]; nil where the whole has to be read for them.
    let readRows: RowReader?
    /// Whether several threads may read at once.
    let isConcurrent: Bool

    /// - Parameter read: is called by one thread at a time.
    public init(config: ModelConfig, read: @escaping (String) throws(TaperError) -> [Float]) {
        self.config = config
        self.read = read
        readRows = nil
        isConcurrent = false
    }

    public init(_ checkpoint: Checkpoint) {
        config = checkpoint.config
        read = { name throws(TaperError) in try checkpoint.read(name) }
        readRows = { name, rows throws(TaperError) in try checkpoint.read(name, rows: rows) }
        isConcurrent = true
    }

    private init(
        _ config: ModelConfig, _ read: @escaping (String) throws(TaperError) -> [Float], rows: RowReader?
    ) {
        self.config = config
        self.read = read
        readRows = rows
        isConcurrent = false
    }

    /// The same weights with some replaced, such as by their quantized values.
    /// - Parameter replacesTables: whether the embedding or the head may be among them; if not, their rows stay at hand.
    public func replacing(
        replacesTables: Bool = true, _ replacement: @escaping (String) throws(TaperError) -> [Float]?
    ) -> WeightSource {
        WeightSource(
            config,
            { name throws(TaperError) in
                if let values = try replacement(name) { return values }
                return try read(name)
            }, rows: replacesTables ? nil : readRows)
    }
}
