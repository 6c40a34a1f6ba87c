import Kernels
import Model
import Storage

/// All intermediate values of one block of tokens, allocated once and kept.
final class Scratch {
    /// Tokens that go through the model together in prefill: enough that decoding a weight tile is shared by many, few
    /// enough that the buffers stay near 16 MB.
    let blockSize: Int
    /// Rows of logits that are computed together.
    let headRows: Int
    /// Row-major [blockSize][...].
    let hidden, normed, query, key, value, attended, delta, gate, up: UnsafeMutablePointer<Float>
    /// [headRows][vocabularySize]
    let logits: UnsafeMutablePointer<Float>
    let activations: ActivationBuffer
    private let memory: MemoryBlock
    /// As many as it may touch.
    var byteCount: Int { memory.byteCount }

    init(_ config: ModelConfig, contextLength: Int) throws(TaperError) {
        let widths = [
            config.hiddenSize, config.hiddenSize, config.querySize, config.kvSize, config.kvSize, config.querySize,
            config.hiddenSize, config.intermediateSize, config.intermediateSize,
        ]
        // Several sequences have more rows than one has positions.
        let rows = min(max(contextLength, 32), max(32, min(512, (4 << 20) / widths.reduce(0, +) / 32 * 32)))
        let logitRows = min(rows, 16)
        let counts = widths.map { $0 * rows } + [logitRows * config.vocabularySize]
        // Every buffer starts on a cache line of its own.
        let byteCount = counts.reduce(0) { $0 + roundedUp($1 * 4, to: 64) }
        let memory = try MemoryBlock(
            byteCount: byteCount, purpose: "a block of " + String(rows) + " tokens",
            remedy: "Use a smaller " + field("context_length") + ", or a smaller model")
        var offset = 0
        let buffers = counts.map { count in
            let buffer = memory.values(Float.self, at: offset, count: count)
            offset += roundedUp(count * 4, to: 64)
            return buffer
        }
        self.memory = memory
        blockSize = rows
        headRows = logitRows
        (hidden, normed, query, key, value) = (buffers[0], buffers[1], buffers[2], buffers[3], buffers[4])
        (attended, delta, gate, up, logits) = (buffers[5], buffers[6], buffers[7], buffers[8], buffers[9])
        activations = ActivationBuffer(
            maxTokens: rows, maxColumns: max(config.hiddenSize, config.querySize, config.intermediateSize))
    }
}
