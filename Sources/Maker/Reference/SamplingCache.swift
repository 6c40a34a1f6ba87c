import Kernels
import Model
import Storage

/// Keys and values of several sequences of one length in half precision, which halves the memory that attention reads.
///
/// One block of memory: layer by layer, sequence by sequence.
final class SamplingCache {
    /// [layers][sequences].
    let layers: [[KVLayer]]
    private let memory: MemoryBlock

    /// Bytes that one sequence takes.
    static func byteCount(_ config: ModelConfig, length: Int) -> Int {
        roundedUp(length, to: KVLayer.positionBlock) * config.kvSize * 2 * 2 * config.layerCount
    }

    init(_ config: ModelConfig, sequences: Int, length: Int) throws(TaperError) {
        let capacity = roundedUp(length, to: KVLayer.positionBlock)
        let count = capacity * config.kvSize
        let memory = try MemoryBlock(
            byteCount: sequences * Self.byteCount(config, length: length), dense: true,
            purpose: "a cache of \(sequences) sequences of \(length) tokens", remedy: "Use shorter sequences")
        self.memory = memory
        layers = (0..<config.layerCount).map { layer in
            (0..<sequences).map { sequence in
                let place = (layer * sequences + sequence) * 2
                return KVLayer(
                    keys: memory.values(UInt16.self, at: place * count * 2, count: count),
                    values: memory.values(UInt16.self, at: (place + 1) * count * 2, count: count),
                    capacity: capacity, kvHeads: config.kvHeadCount, headSize: config.headSize)
            }
        }
    }
}
