import Kernels
import Model
import Storage

/// Keys and values of every layer in half precision, one block of memory.
///
/// Pages that no position has touched cost no memory, so a large context is free until it is used.
final class KeyValueCache {
    let layers: [KVLayer]
    private let memory: MemoryBlock

    /// - Throws: `inputOutput` when there is no memory for so many positions.
    init(_ config: ModelConfig, capacity: Int) throws(TaperError) {
        let capacity = roundedUp(capacity, to: KVLayer.positionBlock)
        let perTensor = checkedProduct([config.kvSize, capacity, 2]) ?? Int.max
        let byteCount = checkedProduct([perTensor, 2, config.layerCount]) ?? Int.max
        let memory = try MemoryBlock(
            byteCount: byteCount, purpose: "a cache of " + String(capacity) + " positions",
            remedy: "Use a smaller " + field("context_length"))
        self.memory = memory
        layers = (0..<config.layerCount).map { layer in
            KVLayer(
                keys: memory.values(UInt16.self, at: 2 * layer * perTensor, count: perTensor / 2),
                values: memory.values(UInt16.self, at: (2 * layer + 1) * perTensor, count: perTensor / 2),
                capacity: capacity, kvHeads: config.kvHeadCount, headSize: config.headSize)
        }
    }
}
