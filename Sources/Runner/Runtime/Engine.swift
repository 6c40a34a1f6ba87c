import Bundle
public import Decoding
public import Kernels
public import Model
public import Storage

/// Runs a bundle's weights, at any of their precisions, on this machine's processor.
///
/// `ModelConfig` alone decides what is computed. Results depend neither on the number of threads, nor on how a sequence's
/// tokens are divided among calls, nor on what runs beside them. One thread calls.
public final class Engine: StepExecutor {
    public typealias Sequence = TokenSequence

    public let weights: TransformerWeights
    public let pool: ThreadPool
    /// Positions that its longest sequence may have.
    public let contextLength: Int

    /// Of each of the model's rotations.
    let rotations: [RopeTable]
    let scratch: Scratch
    let operations: VectorOps
    /// The rows that run together now.
    var block = RowBlock()
    /// Of each of their groups.
    var allocations: [BitAllocation] = []
    /// What has failed of the call at hand.
    var failures: [ChunkFailure] = []
    /// All work so far.
    public internal(set) var counts = WorkCounts()
    /// Whether the largest logits alone are looked for where no others are wanted.
    public var usesHeadScreens = true
    /// nil where the weights have no screens.
    public let screenedHead: ScreenedHead?
    /// Times that the whole head is read yet, because reading parts of it was in vain.
    var screenPause = 0
    private var handedOut: [LogitRow] = []
    /// What sequences with caches of bytes scale keys by; nil where caches are of half precision.
    public let keySmoothing: [[Float]]?
    /// nil where weights are not compared with their checksums.
    let checks: BlockChecks?
    private let watchesFile: Bool
    /// Precisions all of whose layers have been compared, and of the block at hand those that have not.
    var checkedPrecisions: [Precision] = []
    var newPrecisions: [Precision] = []
    /// Layers that have been compared at these.
    var checkedLayers = 0
    /// Bits at which the head has been.
    var checkedHeads: [Int] = []

    /// - Parameters:
    ///   - verification: of weights that lie in a bundle.
    ///   - cacheBits: of keys and values: 16, IEEE half precision, or 8, bytes with a scale per position and head.
    /// - Throws: `usage` for an absurd context; `inputOutput` without the memory for it; `badData` for a bundle that is damaged.
    public init(
        _ weights: TransformerWeights, contextLength: Int, pool: ThreadPool, verification: Verification = .lazy,
        cacheBits: Int = 16
    ) throws(TaperError) {
        guard contextLength > 0 else {
            throw TaperError(.usage, "the context needs at least one position", at: field("context_length"))
        }
        guard cacheBits == 16 || cacheBits == 8 else {
            throw TaperError(
                .usage, "keys and values are not kept in so many bits", at: field("cache_bits"), expected: "8 or 16",
                found: String(cacheBits))
        }
        guard cacheBits == 16 || weights.config.headSize <= KVBytes.largestHead else {
            throw TaperError(
                .usage, "heads are too large for keys and values in bytes", at: field("cache_bits"),
                expected: "16 for heads of more than " + String(KVBytes.largestHead), found: "8")
        }
        self.weights = weights
        self.pool = pool
        self.contextLength = contextLength
        var rotations: [RopeTable] = []
        for rotation in weights.config.rotations {
            rotations.append(try RopeTable(rotation, capacity: contextLength))
        }
        self.rotations = rotations
        if verification == .full { try weights.verifyBundle() }
        checks = verification == .lazy ? weights.makeBlockChecks() : nil
        watchesFile = verification != .off
        keySmoothing = cacheBits == 8 ? weights.keySmoothing() : nil
        scratch = try Scratch(weights.config, contextLength: contextLength)
        operations = VectorOps(pool)
        screenedHead =
            weights.headScreens.isEmpty
            ? nil
            : ScreenedHead(
                weights.headScreens, of: weights.head.matrix, bias: weights.head.bias,
                cap: Float(weights.config.logitCap ?? 0))
    }

    public var config: ModelConfig { weights.config }
    public var vocabularySize: Int { weights.config.vocabularySize }

    /// Rows that go through the model together at most.
    public var rowLimit: Int { scratch.blockSize }

    /// Rows whose logits are computed together at most.
    public var headRowLimit: Int { scratch.headRows }

    /// Of a key's or a value's element: 16 or 8.
    public var cacheBits: Int { keySmoothing == nil ? 16 : 8 }

    /// Bytes of keys and values that a position takes in all layers.
    public var cacheBytesPerToken: Int { config.layerCount * layerCacheBytes }
    var layerCacheBytes: Int {
        KVLayer.byteCount(bits: cacheBits, kvHeads: config.kvHeadCount, headSize: config.headSize)
    }

    /// Bytes of keys and values that attention reads when `positions` are in a cache: of a layer with a window its latest ones.
    public func cacheBytes(at positions: Int) -> Int {
        config.layers.reduce(0) { $0 + min(positions, $1.window ?? positions) } * layerCacheBytes
    }

    /// An empty sequence with room for the whole context.
    public func makeSequence() throws(TaperError) -> TokenSequence {
        try TokenSequence(config, capacity: contextLength, keySmoothing: keySmoothing)
    }

    /// A sequence that holds what another one does, and goes its own way from there.
    public func makeTwin(of sequence: TokenSequence) throws(TaperError) -> TokenSequence {
        let twin = try makeSequence()
        twin.copy(from: sequence)
        return twin
    }

    public func check(_ tokens: [Int], continuing sequence: TokenSequence) throws(TaperError) {
        try tokens.withUnsafeBufferPointer { all throws(TaperError) in try check(all, continuing: sequence) }
    }

    /// Refuses tokens that an empty sequence could not begin with.
    public func check(_ tokens: [Int]) throws(TaperError) {
        try tokens.withUnsafeBufferPointer { all throws(TaperError) in
            try check(all, length: contextLength, position: 0)
        }
    }

    private func check(
        _ tokens: UnsafeBufferPointer<Int>, continuing sequence: TokenSequence
    ) throws(TaperError) {
        try check(tokens, length: min(contextLength, sequence.capacity), position: sequence.position)
    }

    /// - Parameters:
    ///   - length: positions of the sequence.
    ///   - position: of the first token.
    private func check(_ tokens: UnsafeBufferPointer<Int>, length: Int, position: Int) throws(TaperError) {
        guard !tokens.isEmpty else { throw TaperError(.badData, "there are no tokens to run") }
        guard tokens.count <= length - position else {
            throw TaperError(
                .badData, "the text does not fit the context", at: "context of " + String(length) + " tokens",
                expected: "at most " + String(length - position) + " more tokens",
                found: String(tokens.count), remedy: "Use a larger " + field("context_length") + ", or shorten the text"
            )
        }
        for token in tokens where token < 0 || token >= vocabularySize {
            throw TaperError(
                .badData, "token outside the model's vocabulary", at: "vocabulary of " + String(vocabularySize),
                found: String(token))
        }
    }

    /// A chunk that asks for a rung that the bundle has not fails, and is not run.
    /// - Throws: `badData` for tokens that do not fit, `usage` where `bits` is such a rung; then nothing has been run. And `badData` for
    ///   weights that are damaged or were written to, on which nothing is handed out; rows of blocks before have been run.
    public func run(
        _ rows: Rows<TokenSequence>, bits: Precision, each: ([LogitRow]) -> Void
    ) throws(TaperError) -> [ChunkFailure] {
        _ = try weights.allocation(bits)
        try rows.tokens.withUnsafeBufferPointer { tokens throws(TaperError) in
            for chunk in rows.chunks {
                try check(UnsafeBufferPointer(rebasing: tokens[chunk.range]), continuing: chunk.sequence)
            }
        }
        failures = []
        for (index, chunk) in rows.chunks.enumerated() {
            guard let own = chunk.bits else { continue }
            do throws(TaperError) {
                _ = try weights.allocation(own)
            } catch {
                failures.append(ChunkFailure(chunk: index, error: error))
            }
        }
        block.begin()
        while block.fill(from: rows, bits: bits, rowLimit: scratch.blockSize, failures: failures) {
            if block.number > 1 {
                do throws(TaperError) {
                    try Interrupt.check("The prompt was not read to its end")
                } catch {
                    block.putBack()
                    throw error
                }
            }
            allocations.empty()
            for group in block.groups { allocations.append(try weights.allocation(group.bits)) }
            do throws(TaperError) {
                try runChecked(rows)
            } catch {
                block.putBack()
                throw error
            }
            for start in stride(from: 0, to: block.wanted.count, by: scratch.headRows) {
                let wanted = start..<min(start + scratch.headRows, block.wanted.count)
                if !screen(wanted) {
                    head(wanted)
                    inspectLogits(wanted)
                }
                do throws(TaperError) {
                    if watchesFile { try weights.checkUnchanged() }
                } catch {
                    block.putBack()
                    throw error
                }
                handedOut.empty()
                for index in wanted {
                    let row = block.wanted[index]
                    if hasFailed(row.chunk) { continue }
                    handedOut.append(LogitRow(chunk: row.chunk, token: row.token, logits: logits(index - start)))
                }
                each(handedOut)
            }
        }
        return failures
    }

    /// The block's rows through all layers; weights that are new to this engine are compared with their checksums on the way.
    private func runChecked(_ rows: Rows<TokenSequence>) throws(TaperError) {
        newPrecisions.empty()
        checkedLayers = 0
        for allocation in allocations where checks != nil && !checkedPrecisions.contains(allocation.precision) {
            newPrecisions.append(allocation.precision)
        }
        try rows.tokens.withUnsafeBufferPointer { tokens throws(TaperError) in try run(block, of: tokens) }
        try checkHead()
        for precision in newPrecisions where !checkedPrecisions.contains(precision) {
            checkedPrecisions.append(precision)
        }
        if watchesFile && block.wanted.isEmpty { try weights.checkUnchanged() }
    }

    /// Compares weights anew before they are used: their pages were given back, and come from the file again.
    public func forgetChecks() {
        checks?.forget()
        checkedPrecisions.empty()
        checkedHeads.empty()
    }

    public func inParallel(_ count: Int, _ body: (Int) -> Void) { pool.run(count, body) }

    /// Logits of row `index` of the head's last run.
    func logits(_ index: Int) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(start: scratch.logits + index * vocabularySize, count: vocabularySize)
    }
}
