import Kernels
import Model
import Storage

/// Keys and values of every layer, one block of memory.
///
/// Pages that no position has touched cost no memory, so a large context is free until it is used.
final class KeyValueCache {
    let layers: [KVLayer]
    private let memory: MemoryBlock

    /// - Parameter smoothing: of every layer [kvHeadCount][2][headSize], as `KVBytes` has it, for a cache of bytes; nil for one in half
    ///   precision.
    /// - Throws: `inputOutput` when there is no memory for so many positions.
    init(_ config: ModelConfig, capacity: Int, smoothing: [[Float]]?) throws(TaperError) {
        let capacity = roundedUp(capacity, to: KVLayer.positionBlock)
        let (heads, size) = (config.kvHeadCount, config.headSize)
        let position = KVLayer.byteCount(bits: smoothing == nil ? 16 : 8, kvHeads: heads, headSize: size)
        let factors = smoothing == nil ? 0 : roundedUp(heads * 2 * size * 4, to: 64)
        let layerBytes = checkedProduct([position, capacity]).map { $0 &+ factors } ?? Int.max
        let byteCount = checkedProduct([layerBytes, config.layerCount]) ?? Int.max
        let memory = try MemoryBlock(
            byteCount: byteCount, purpose: "a cache of " + String(capacity) + " positions",
            remedy: "Use a smaller " + field("context_length"))
        self.memory = memory
        layers = (0..<config.layerCount).map { layer in
            var next = layer * layerBytes
            func take<T>(_ type: T.Type, _ count: Int) -> UnsafeMutablePointer<T> {
                defer { next += count * MemoryLayout<T>.stride }
                return memory.values(type, at: next, count: count)
            }
            let numbers: KVLayer.Numbers
            if let smoothing {
                precondition(smoothing[layer].count == heads * 2 * size, "smoothing does not match the cache")
                let own = take(Float.self, factors / 4)
                for (index, factor) in smoothing[layer].enumerated() { own[index] = factor }
                numbers = .bytes(
                    KVBytes(
                        keys: take(Int8.self, heads * capacity * KVBytes.keySize(size)),
                        values: take(Int8.self, heads * capacity * KVBytes.valueSize(size)),
                        keyScales: take(Float.self, heads * capacity), valueScales: take(Float.self, heads * capacity),
                        smoothing: UnsafePointer(own)))
            } else {
                numbers = .half(
                    keys: take(UInt16.self, heads * capacity * size), values: take(UInt16.self, heads * capacity * size)
                )
            }
            return KVLayer(numbers, capacity: capacity, kvHeads: heads, headSize: size)
        }
    }
}
