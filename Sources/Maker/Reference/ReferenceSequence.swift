public import Decoding
public import Model

/// Keys and values of one sequence that a float model continues.
public final class ReferenceSequence: ExecutorSequence {
    /// Tokens in the caches.
    public internal(set) var position = 0
    public let capacity: Int
    /// Keys and values of every layer.
    let caches: [LayerCache]
    private let width: Int

    /// Normalized final states, [count][hiddenSize], of the tokens whose logits were wanted: what logits can be made of again
    /// (`ReferenceModel.logits(ofStates:)`) in far less memory. Empty unless they are kept.
    public internal(set) var states: [Float] = []
    let keepsStates: Bool

    /// An empty sequence.
    /// - Parameter capacity: positions at most; nil for the model's.
    public init(_ config: ModelConfig, capacity: Int? = nil, keepsStates: Bool = false) {
        let reserved = (capacity ?? 0) * config.kvSize
        caches = (0..<config.layerCount).map { _ in LayerCache(capacity: reserved) }
        self.capacity = min(capacity ?? config.contextLength, config.contextLength)
        self.keepsStates = keepsStates
        width = config.kvSize
    }

    /// A sequence that another model has read: rotated keys and values of every layer, [positions][kvHeads * headSize].
    public init(_ config: ModelConfig, layers: [(keys: [Float], values: [Float])]) {
        precondition(layers.count == config.layerCount, "keys and values of every layer")
        caches = layers.map { layer in
            let cache = LayerCache(capacity: layer.keys.count)
            layer.keys.withUnsafeBufferPointer { keys in
                layer.values.withUnsafeBufferPointer { values in
                    precondition(keys.count == values.count, "as many keys as values")
                    if let keys = keys.baseAddress, let values = values.baseAddress {
                        cache.append(keys: keys, values: values, count: layer.keys.count)
                    }
                }
            }
            return cache
        }
        capacity = config.contextLength
        keepsStates = false
        width = config.kvSize
        position = (layers.first?.keys.count ?? 0) / max(1, width)
    }

    /// Forgets all positions from `count` on, and all states.
    public func truncate(to count: Int) {
        precondition(count >= 0 && count <= position, "can only forget positions that exist")
        position = count
        states = []
        for cache in caches { cache.truncate(to: count * width) }
    }
}
