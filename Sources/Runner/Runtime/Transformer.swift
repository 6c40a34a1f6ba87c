public import Bundle
public import Kernels
public import Model
public import Storage

/// A decoder-only transformer that runs a bundle's weights at any of its precisions, with a key/value cache.
///
/// `ModelConfig` alone decides what is computed. Results do not depend on the number of threads, nor on how the tokens
/// are divided among calls.
public final class Transformer {
    public let config: ModelConfig
    /// Positions that the cache can hold.
    public let contextLength: Int
    /// Tokens in the cache: the next token gets this position.
    public internal(set) var position = 0
    /// Set by a run whose keys or values the cache cannot hold.
    var cacheOverflow: CacheOverflow?

    /// Keeps the mapped weights alive.
    private let bundle: Bundle
    let weights: TransformerWeights
    let pool: ThreadPool
    let cache: KeyValueCache
    let rope: RopeTable
    let scratch: Scratch
    let operations: VectorOps

    /// - Throws: `badData` when the bundle's tensors do not fit its model description; `usage` for an absurd context.
    public init(bundle: Bundle, contextLength: Int, pool: ThreadPool) throws(TaperError) {
        guard contextLength > 0 else {
            throw TaperError(.usage, "the context needs at least one position", at: field("context_length"))
        }
        self.bundle = bundle
        self.pool = pool
        self.contextLength = contextLength
        config = bundle.manifest.model
        weights = try TransformerWeights(bundle, config)
        cache = try KeyValueCache(config, capacity: contextLength)
        rope = try RopeTable(config, capacity: contextLength)
        scratch = try Scratch(config, contextLength: contextLength)
        operations = VectorOps(pool)
    }

    /// Forgets all positions from `count` on, for example to replace the end of a conversation.
    public func truncate(to count: Int) {
        precondition(count >= 0 && count <= position, "can only forget positions that exist")
        position = count
    }

    /// Logits [vocabularySize] after the last of `tokens`; valid until the next call.
    /// - Throws: `badData` when tokens do not fit, and when a key, a value or a logit is not finite in its precision.
    public func forward(_ tokens: [Int], bits: Precision) throws(TaperError) -> UnsafeBufferPointer<Float> {
        try tokens.withUnsafeBufferPointer { all throws(TaperError) in try forward(all, bits: bits) }
    }

    /// The same for one token, without an array: the decode step.
    public func forward(_ token: Int, bits: Precision) throws(TaperError) -> UnsafeBufferPointer<Float> {
        scratch.oneToken.pointee = token
        return try forward(UnsafeBufferPointer(start: scratch.oneToken, count: 1), bits: bits)
    }

    private func forward(
        _ tokens: UnsafeBufferPointer<Int>, bits: Precision
    ) throws(TaperError) -> UnsafeBufferPointer<Float> {
        try check(tokens)
        let allocation = try weights.allocation(bits)
        var start = 0
        var rows = 0
        while start < tokens.count {
            if start > 0 { try Interrupt.check("The prompt was not read to its end") }
            rows = min(scratch.blockSize, tokens.count - start)
            run(UnsafeBufferPointer(rebasing: tokens[start..<start + rows]), allocation)
            try checkCache(bits)
            start += rows
        }
        head(firstRow: rows - 1, rows: 1, allocation)
        let logits = UnsafeBufferPointer(start: scratch.logits, count: config.vocabularySize)
        try check(logits, position: position - 1, bits: bits)
        return logits
    }

    /// Hands out the logits after every token, with the token's index in `tokens`.
    /// - Throws: `badData` for logits that are not finite, as `forward` does.
    public func forwardAll(
        _ tokens: [Int], bits: Precision, each: (Int, UnsafeBufferPointer<Float>) -> Void
    ) throws(TaperError) {
        try tokens.withUnsafeBufferPointer { all throws(TaperError) in
            try check(all)
            let allocation = try weights.allocation(bits)
            var start = 0
            while start < all.count {
                let end = min(all.count, start + scratch.blockSize)
                let first = position
                run(UnsafeBufferPointer(rebasing: all[start..<end]), allocation)
                try checkCache(bits)
                for row in stride(from: start, to: end, by: scratch.headRows) {
                    let rows = min(scratch.headRows, end - row)
                    head(firstRow: row - start, rows: rows, allocation)
                    for index in 0..<rows {
                        let logits = UnsafeBufferPointer(
                            start: scratch.logits + index * config.vocabularySize, count: config.vocabularySize)
                        try check(logits, position: first + row - start + index, bits: bits)
                        each(row + index, logits)
                    }
                }
                start = end
            }
        }
    }

    /// Every precision that can be decoded with, rungs included, ascending.
    public var served: [Precision] { weights.served }

    /// Bytes of weights that one decode step reads: planes, tables and scales of the layers and the head. Of a rung that the
    /// bundle has not, those of the whole precision below.
    public func bytesPerToken(bits: Precision) -> Int { weights.bytesRead(bits: bits) }

    /// Bytes of keys and values that attention reads when `positions` are in the cache.
    public func cacheBytes(at positions: Int) -> Int { positions * config.layerCount * config.kvSize * 2 * 2 }

    /// Keys and values of one layer, as the kernels keep them.
    public func cachedLayer(_ layer: Int) -> KVLayer { cache.layers[layer] }

    private func check(_ tokens: UnsafeBufferPointer<Int>) throws(TaperError) {
        guard !tokens.isEmpty else { throw TaperError(.badData, "there are no tokens to run") }
        guard tokens.count <= contextLength - position else {
            throw TaperError(
                .badData, "the text does not fit the context", at: "context of " + String(contextLength) + " tokens",
                expected: "at most " + String(contextLength - position) + " more tokens", found: String(tokens.count),
                remedy: "Use a larger " + field("context_length") + ", or shorten the text")
        }
        for token in tokens { try check(token: token) }
    }

    func check(token: Int) throws(TaperError) {
        guard token >= 0, token < config.vocabularySize else {
            throw TaperError(
                .badData, "token outside the model's vocabulary",
                at: "vocabulary of " + String(config.vocabularySize), found: String(token))
        }
    }
}
