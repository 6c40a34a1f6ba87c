import Model
import Storage

/// Memory for what one block computes, [tokens][...] each.
struct BlockActivations {
    /// [hiddenSize]; `output` may be `input`.
    var input: UnsafeMutablePointer<Float>
    var output: UnsafeMutablePointer<Float>

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

    // What it computes again, so that all blocks may share the memory.
    /// Input of the attention, [hiddenSize].
    let normalized: UnsafeMutablePointer<Float>
    /// Input of the MLP, [hiddenSize]; `normalized` itself with parallel residuals.
    let mlpInput: UnsafeMutablePointer<Float>
    /// Input of the down projection, [intermediateSize].
    let inner: UnsafeMutablePointer<Float>
    /// Attention scores, a piece for each head.
    let scores: UnsafeMutablePointer<Float>

    /// Sizes of `query` to `up`.
    static func keptSizes(_ config: ModelConfig, tokens: Int) -> [Int] {
        [
            config.querySize, config.kvSize, config.kvSize, config.querySize, config.hiddenSize,
            config.gatedMLP ? config.intermediateSize : 0, config.intermediateSize,
        ].map { $0 * tokens }
    }

    /// Sizes of `normalized` to `scores` when `visible` positions are seen.
    static func sharedSizes(_ config: ModelConfig, tokens: Int, visible: Int) -> [Int] {
        let hidden = tokens * config.hiddenSize
        return [
            hidden, config.parallelResidual ? 0 : hidden, tokens * config.intermediateSize,
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
        normalized = shared[0]
        mlpInput = config.parallelResidual ? shared[0] : shared[1]
        inner = shared[2]
        scores = shared[3]
    }
}
