public import Decoding
public import Kernels
public import Model
public import Storage

/// What a model remembers of one text: keys and values of its tokens, and where the next one stands.
public final class TokenSequence: ExecutorSequence {
    /// Tokens in the cache: the next token gets this position.
    public internal(set) var position = 0
    /// Positions that it has room for.
    public let capacity: Int
    let cache: KeyValueCache

    /// An empty sequence.
    /// - Parameter keySmoothing: `Engine.keySmoothing`.
    /// - Throws: `usage` without a position; `inputOutput` when there is no memory for so many.
    public init(_ config: ModelConfig, capacity: Int, keySmoothing: [[Float]]? = nil) throws(TaperError) {
        guard capacity > 0 else {
            throw TaperError(.usage, "the context needs at least one position", at: "context length")
        }
        self.capacity = capacity
        cache = try KeyValueCache(config, capacity: capacity, smoothing: keySmoothing)
    }

    /// Forgets all positions from `count` on, for example to replace the end of a conversation.
    public func truncate(to count: Int) {
        precondition(count >= 0 && count <= position, "can only forget positions that exist")
        position = count
    }

    /// Becomes a twin of another sequence of the same model.
    public func copy(from other: TokenSequence) { copy(from: other, positions: other.position) }

    /// Holds what the first positions of another sequence do.
    public func copy(from other: TokenSequence, positions: Int) {
        precondition(positions >= 0 && positions <= other.position, "can only copy positions that exist")
        for (mine, theirs) in zip(cache.layers, other.cache.layers) { mine.copy(from: theirs, positions: positions) }
        position = positions
    }

    /// Keys and values of one layer, as the kernels keep them.
    public func cachedLayer(_ layer: Int) -> KVLayer { cache.layers[layer] }
}
