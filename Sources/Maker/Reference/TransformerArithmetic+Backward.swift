internal import CGradient
import Kernels
import Model
import Storage

/// Memory of the backward pass, shared by all blocks.
struct BackwardScratch {
    /// Gradient of a norm's output, [tokens * hiddenSize].
    let normalized: UnsafeMutablePointer<Float>
    /// Gradient of the down projection's input, then that input itself, [tokens * intermediateSize].
    let inner: UnsafeMutablePointer<Float>
    /// Gradients of query and of the attention's output, [tokens * querySize].
    let query: UnsafeMutablePointer<Float>
    let mixed: UnsafeMutablePointer<Float>
    /// Gradients of key and value, [tokens * kvSize].
    let key: UnsafeMutablePointer<Float>
    let value: UnsafeMutablePointer<Float>
    /// The same of every query head by itself, [tokens * querySize].
    let headKeys: UnsafeMutablePointer<Float>
    let headValues: UnsafeMutablePointer<Float>
    /// Two pieces of scores for each head.
    let scores: UnsafeMutablePointer<Float>

    static func sizes(_ config: ModelConfig, tokens: Int) -> [Int] {
        let query = tokens * config.querySize
        let key = tokens * config.kvSize
        return [
            tokens * config.hiddenSize, tokens * config.intermediateSize, query, query, key, key, query, query,
            2 * config.headCount * TransformerArithmetic.scoreCount(tokens: tokens, visible: tokens),
        ]
    }

    init(_ pieces: [UnsafeMutablePointer<Float>]) {
        normalized = pieces[0]
        inner = pieces[1]
        query = pieces[2]
        mixed = pieces[3]
        key = pieces[4]
        value = pieces[5]
        headKeys = pieces[6]
        headValues = pieces[7]
        scores = pieces[8]
    }
}

/// Hears of a linear layer: its input, [tokens * columns], and the gradient of its output, [tokens * rows].
typealias LinearReceiver = (TensorName.Part, _ x: UnsafeMutablePointer<Float>, _ dy: UnsafeMutablePointer<Float>) ->
    Void
/// Hears of a norm: its input and the gradient of its output, [tokens * hiddenSize] each.
typealias NormReceiver = (TensorName.Part, _ x: UnsafeMutablePointer<Float>, _ dy: UnsafeMutablePointer<Float>) -> Void

extension TransformerArithmetic {
    /// Backward through one block: d, the gradient of its output, [tokens * hiddenSize], becomes that of its input.
    /// What is cheap (norms, activations, attention probabilities) is computed again; gate and up are overwritten.
    func backward(
        _ weights: BlockWeights, _ a: BlockActivations, _ scratch: BackwardScratch, tokens: Int,
        _ d: UnsafeMutablePointer<Float>, linear: LinearReceiver, norm: NormReceiver
    ) {
        /// dx = dy W, or +=.
        func inputGradient(
            _ part: TensorName.Part, _ dy: UnsafePointer<Float>, adding: Bool = false,
            into dx: UnsafeMutablePointer<Float>
        ) {
            let (rows, columns) = config.shape(part)
            blas.inputGradient(
                dy, weights.matrix(part), tokens: tokens, rows: rows, columns: columns, adding: adding, into: dx)
        }

        // MLP.
        inputGradient(.down, d, into: scratch.inner)
        let kind = activationKind
        let inner = config.intermediateSize
        ops.rows(tokens) { token in
            let at = token * inner
            if config.gatedMLP {
                functions.activate_backward(kind, a.gate + at, a.up + at, Int32(inner), scratch.inner + at)
            } else {
                functions.activate_backward(kind, a.up + at, nil, Int32(inner), scratch.inner + at)
            }
        }
        linear(.down, scratch.inner, d)
        if config.parallelResidual {
            normalize(a.input, weights.norm(.inputNorm), tokens: tokens, into: a.normalized)
        } else {
            normalize(a.middle, weights.norm(.postAttentionNorm), tokens: tokens, into: a.mlpInput)
        }
        inputGradient(.up, a.up, into: scratch.normalized)
        if config.gatedMLP { inputGradient(.gate, a.gate, adding: true, into: scratch.normalized) }
        linear(.up, a.mlpInput, a.up)
        if config.gatedMLP { linear(.gate, a.mlpInput, a.gate) }
        // Attention's output gradient is d after the norm's share has been added, unless both read the same input.
        if !config.parallelResidual {
            normBackward(a.middle, weights.norm(.postAttentionNorm), scratch.normalized, tokens: tokens, into: d)
            norm(.postAttentionNorm, a.middle, scratch.normalized)
        }

        // Attention.
        inputGradient(.attentionOutput, d, into: scratch.mixed)
        linear(.attentionOutput, a.mixed, d)
        attendBackward(a, scratch, tokens: tokens)
        rotate(scratch.query, tokens: tokens, heads: config.headCount, backward: true)
        rotate(scratch.key, tokens: tokens, heads: config.kvHeadCount, backward: true)
        if !config.parallelResidual {
            normalize(a.input, weights.norm(.inputNorm), tokens: tokens, into: a.normalized)
        }
        inputGradient(.query, scratch.query, adding: config.parallelResidual, into: scratch.normalized)
        inputGradient(.key, scratch.key, adding: true, into: scratch.normalized)
        inputGradient(.value, scratch.value, adding: true, into: scratch.normalized)
        linear(.value, a.normalized, scratch.value)
        linear(.key, a.normalized, scratch.key)
        linear(.query, a.normalized, scratch.query)
        normBackward(a.input, weights.norm(.inputNorm), scratch.normalized, tokens: tokens, into: d)
        norm(.inputNorm, a.input, scratch.normalized)
    }

    /// dx += gradient of a norm's input, dy being that of its output.
    func normBackward(
        _ x: UnsafePointer<Float>, _ norm: (weight: [Float], bias: [Float]), _ dy: UnsafePointer<Float>, tokens: Int,
        into dx: UnsafeMutablePointer<Float>
    ) {
        let columns = config.hiddenSize
        let centred: Int32 = config.normalization == .layer ? 1 : 0
        norm.weight.withUnsafeBufferPointer { weight in
            guard let weight = weight.baseAddress else { return }
            ops.rows(tokens) { token in
                let at = token * columns
                functions.norm_backward(
                    x + at, weight, dy + at, Float(config.normEpsilon), centred, Int32(columns), dx + at, nil, nil)
            }
        }
    }

    /// Gradients of a norm's weight and, of a layer norm, bias: [hiddenSize] each. Rarely wanted and short, so one
    /// thread.
    func normWeightGradient(
        _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, tokens: Int, weight: UnsafeMutablePointer<Float>,
        bias: UnsafeMutablePointer<Float>
    ) {
        let columns = config.hiddenSize
        let ones = [Float](repeating: 1, count: columns)
        var unused = [Float](repeating: 0, count: columns)
        weight.update(repeating: 0, count: columns)
        bias.update(repeating: 0, count: columns)
        let centred: Int32 = config.normalization == .layer ? 1 : 0
        for token in 0..<tokens {
            let at = token * columns
            functions.norm_backward(
                x + at, ones, dy + at, Float(config.normEpsilon), centred, Int32(columns), &unused, weight, bias)
        }
    }

    /// db [rows] = sum of dy [tokens, rows] over tokens.
    func biasGradient(_ dy: UnsafePointer<Float>, tokens: Int, rows: Int, into db: UnsafeMutablePointer<Float>) {
        db.update(repeating: 0, count: rows)
        functions.add_rows(dy, Int32(tokens), Int64(rows), Int32(rows), db)
    }
}
