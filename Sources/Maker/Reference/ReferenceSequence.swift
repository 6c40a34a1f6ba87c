public import Decoding
import Kernels
public import Model
import Storage

/// Keys and values of one sequence that a float model continues.
public final class ReferenceSequence: ExecutorSequence {
    /// How keys and values are kept.
    enum Cache {
        /// As they were computed.
        case float([LayerCache])
        /// In half precision, which halves the memory that attention reads; one token a call.
        case half([KVLayer], MemoryBlock)
    }

    /// Tokens in the caches.
    public internal(set) var position = 0
    public let capacity: Int
    let cache: Cache
    private let width: Int

    /// Normalized final states, [count][hiddenSize], of the tokens whose logits were wanted: what logits can be made of again
    /// (`ReferenceModel.logits(ofStates:)`) in far less memory. Empty unless they are kept.
    public internal(set) var states: [Float] = []
    let keepsStates: Bool

    /// An empty sequence.
    /// - Parameter capacity: positions at most; nil for the model's.
    public init(_ config: ModelConfig, capacity: Int? = nil, keepsStates: Bool = false) {
        let reserved = (capacity ?? 0) * config.kvSize
        cache = .float((0..<config.layerCount).map { _ in LayerCache(capacity: reserved) })
        self.capacity = min(capacity ?? config.contextLength, config.contextLength)
        self.keepsStates = keepsStates
        width = config.kvSize
    }

    /// A sequence that another model has read: rotated keys and values of every layer, [positions][kvHeads * headSize].
    public init(_ config: ModelConfig, layers: [(keys: [Float], values: [Float])]) {
        precondition(layers.count == config.layerCount, "keys and values of every layer")
        cache = .float(
            layers.map { layer in
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
            })
        capacity = config.contextLength
        keepsStates = false
        width = config.kvSize
        position = (layers.first?.keys.count ?? 0) / max(1, width)
    }

    /// An empty sequence whose keys and values are kept in half precision, in one block of memory.
    init(_ config: ModelConfig, halfPrecision capacity: Int) throws(TaperError) {
        let rounded = roundedUp(capacity, to: KVLayer.positionBlock)
        let count = rounded * config.kvSize
        let memory = try MemoryBlock(
            byteCount: Self.halfByteCount(config, capacity: capacity), dense: true,
            purpose: "a cache of \(capacity) positions", remedy: "Use shorter sequences")
        cache = .half(
            (0..<config.layerCount).map { layer in
                KVLayer(
                    keys: memory.values(UInt16.self, at: 2 * layer * count * 2, count: count),
                    values: memory.values(UInt16.self, at: (2 * layer + 1) * count * 2, count: count),
                    capacity: rounded, kvHeads: config.kvHeadCount, headSize: config.headSize)
            }, memory)
        self.capacity = capacity
        keepsStates = false
        width = config.kvSize
    }

    /// Bytes that a sequence of half precision takes.
    static func halfByteCount(_ config: ModelConfig, capacity: Int) -> Int {
        roundedUp(capacity, to: KVLayer.positionBlock) * config.kvSize * 2 * 2 * config.layerCount
    }

    /// Forgets all positions from `count` on, and all states.
    public func truncate(to count: Int) {
        precondition(count >= 0 && count <= position, "can only forget positions that exist")
        position = count
        states = []
        if case .float(let layers) = cache { for layer in layers { layer.truncate(to: count * width) } }
    }
}
