import Model
import Storage

/// Memory for what one block computes, [tokens][...] each.
struct BlockActivations {
    /// [hiddenSize]; `output` may be `input`.
    let input: UnsafeMutablePointer<Float>
    let output: UnsafeMutablePointer<Float>

    // What the backward pass needs and would be dear to compute again.
    /// Rotated, [querySize].
    let query: UnsafeMutablePointer<Float>
    /// Rotated, [kvSize].
    let key: UnsafeMutablePointer<Float>
    let value: UnsafeMutablePointer<Float>
    /// Weighted sums of values, [querySize].
    let mixed: UnsafeMutablePointer<Float>
    /// The residual stream between attention and MLP, [hiddenSize].
    let middle: UnsafeMutablePointer<Float>
    /// [intermediateSize]; no gate without a gated MLP.
    let gate: UnsafeMutablePointer<Float>
    let up: UnsafeMutablePointer<Float>
    /// Queries and keys before their norm; `query` and `key` themselves where there is none.
    let rawQuery: UnsafeMutablePointer<Float>
    let rawKey: UnsafeMutablePointer<Float>
    /// What attention and MLP write before its norm, [hiddenSize]; `middle` and `output` where there is none.
    let attentionOutput: UnsafeMutablePointer<Float>
    let mlpOutput: UnsafeMutablePointer<Float>

    // What it computes again, so that all blocks may share the memory.
    /// The input norm's output, [hiddenSize].
    let normalized: UnsafeMutablePointer<Float>
    /// Input of the attention, [hiddenSize]: `normalized`, or `input` without a norm.
    let attentionInput: UnsafeMutablePointer<Float>
    /// Input of the MLP, [hiddenSize]: `normalized` with parallel residuals, `middle` without a norm.
    let mlpInput: UnsafeMutablePointer<Float>
    /// Input of the down projection, [intermediateSize].
    let inner: UnsafeMutablePointer<Float>
    /// Attention scores, a piece for each head.
    let scores: UnsafeMutablePointer<Float>

    /// Sizes of `query` to `mlpOutput`; 0 for what is another one's memory.
    static func keptSizes(_ config: ModelConfig, tokens: Int) -> [Int] {
        let normalizesHeads = config.queryKeyNorm != .none
        return [
            config.querySize, config.kvSize, config.kvSize, config.querySize, config.hiddenSize,
            config.gatedMLP ? config.intermediateSize : 0, config.intermediateSize,
            normalizesHeads ? config.querySize : 0, normalizesHeads ? config.kvSize : 0,
            config.has(.attentionOutputNorm) ? config.hiddenSize : 0,
            config.has(.mlpOutputNorm) ? config.hiddenSize : 0,
        ].map { $0 * tokens }
    }

    /// Sizes of `normalized`, `mlpInput`, `inner` and `scores` when `visible` positions are seen.
    static func sharedSizes(_ config: ModelConfig, tokens: Int, visible: Int) -> [Int] {
        let hidden = tokens * config.hiddenSize
        return [
            config.has(.inputNorm) ? hidden : 0, config.has(.mlpNorm) ? hidden : 0, tokens * config.intermediateSize,
            config.headCount * TransformerArithmetic.scoreCount(tokens: tokens, visible: visible),
        ]
    }

    /// - Parameters: memory of the sizes above.
    init(
        _ config: ModelConfig, input: UnsafeMutablePointer<Float>, output: UnsafeMutablePointer<Float>,
        kept: [UnsafeMutablePointer<Float>], shared: [UnsafeMutablePointer<Float>]
    ) {
        self.input = input
        self.output = output
        query = kept[0]
        key = kept[1]
        value = kept[2]
        mixed = kept[3]
        middle = kept[4]
        gate = kept[5]
        up = kept[6]
        rawQuery = config.queryKeyNorm != .none ? kept[7] : query
        rawKey = config.queryKeyNorm != .none ? kept[8] : key
        attentionOutput = config.has(.attentionOutputNorm) ? kept[9] : middle
        mlpOutput = config.has(.mlpOutputNorm) ? kept[10] : output
        normalized = shared[0]
        attentionInput = config.has(.inputNorm) ? normalized : input
        mlpInput = config.parallelResidual ? normalized : config.has(.mlpNorm) ? shared[1] : middle
        inner = shared[2]
        scores = shared[3]
    }
}
