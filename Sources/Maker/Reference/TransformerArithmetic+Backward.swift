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
    /// Pieces of scores for each head.
    let scores: UnsafeMutablePointer<Float>
    /// Gradient of what attention or MLP writes, before its norm, [tokens * hiddenSize]; empty where there is no norm.
    let branch: UnsafeMutablePointer<Float>

    static func sizes(_ config: ModelConfig, tokens: Int) -> [Int] {
        let query = tokens * config.querySize
        let key = tokens * config.kvSize
        return [
            tokens * config.hiddenSize, tokens * config.intermediateSize, query, query, key, key, query, query,
            TransformerArithmetic.scorePieces(config) * config.headCount
                * TransformerArithmetic.scoreCount(tokens: tokens, visible: tokens),
            config.has(.mlpOutputNorm) ? tokens * config.hiddenSize : 0,
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
        branch = pieces[9]
    }
}

/// Hears of a linear layer: its input, [tokens * columns], and the gradient of its output, [tokens * rows].
typealias LinearReceiver = (TensorName.Part, _ x: UnsafeMutablePointer<Float>, _ dy: UnsafeMutablePointer<Float>) ->
    Void
/// Hears of a norm: its input and the gradient of its output, [tokens * elements] each.
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

        /// The gradient of what a norm behind attention or MLP was given, d being that of its output; without such a norm d.
        func behind(
            _ part: TensorName.Part, _ x: UnsafeMutablePointer<Float>
        ) -> UnsafeMutablePointer<Float> {
            guard config.has(part) else { return d }
            scratch.branch.update(repeating: 0, count: tokens * config.hiddenSize)
            normBackward(x, weights.norm(part), d, tokens: tokens, into: scratch.branch)
            norm(part, x, d)
            return scratch.branch
        }
        /// d += the gradient of a norm's input, or of what attention or MLP read without one; `scratch.normalized` holds that of
        /// what was read.
        func before(_ part: TensorName.Part, _ x: UnsafeMutablePointer<Float>) {
            if config.has(part) {
                normBackward(x, weights.norm(part), scratch.normalized, tokens: tokens, into: d)
                norm(part, x, scratch.normalized)
            } else {
                ops.add(scratch.normalized, tokens: tokens, columns: config.hiddenSize, into: d)
            }
        }
        func normalizeInput() {
            guard config.has(.inputNorm) else { return }
            normalize(a.input, weights.norm(.inputNorm), tokens: tokens, into: a.normalized)
        }

        // MLP.
        let down = behind(.mlpOutputNorm, a.mlpOutput)
        inputGradient(.down, down, into: scratch.inner)
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
        linear(.down, scratch.inner, down)
        if config.parallelResidual {
            normalizeInput()
        } else if config.has(.mlpNorm) {
            normalize(a.middle, weights.norm(.mlpNorm), tokens: tokens, into: a.mlpInput)
        }
        inputGradient(.up, a.up, into: scratch.normalized)
        if config.gatedMLP { inputGradient(.gate, a.gate, adding: true, into: scratch.normalized) }
        linear(.up, a.mlpInput, a.up)
        if config.gatedMLP { linear(.gate, a.mlpInput, a.gate) }
        // Attention's output gradient is d after the MLP's share has been added, unless both read the same input.
        if !config.parallelResidual { before(.mlpNorm, a.middle) }

        // Attention.
        let output = behind(.attentionOutputNorm, a.attentionOutput)
        inputGradient(.attentionOutput, output, into: scratch.mixed)
        linear(.attentionOutput, a.mixed, output)
        let layer = weights.layer
        attendBackward(a, scratch, layer: layer, tokens: tokens)
        rotate(scratch.query, layer: layer, tokens: tokens, heads: config.headCount, backward: true)
        rotate(scratch.key, layer: layer, tokens: tokens, heads: config.kvHeadCount, backward: true)
        if config.queryKeyNorm != .none {
            norm(.queryNorm, a.rawQuery, scratch.query)
            norm(.keyNorm, a.rawKey, scratch.key)
            headNormBackward(
                a.rawQuery, weights.norm(.queryNorm).weight, heads: config.headCount, tokens: tokens, scratch.query)
            headNormBackward(
                a.rawKey, weights.norm(.keyNorm).weight, heads: config.kvHeadCount, tokens: tokens, scratch.key)
        }
        if !config.parallelResidual { normalizeInput() }
        inputGradient(.query, scratch.query, adding: config.parallelResidual, into: scratch.normalized)
        inputGradient(.key, scratch.key, adding: true, into: scratch.normalized)
        inputGradient(.value, scratch.value, adding: true, into: scratch.normalized)
        linear(.value, a.attentionInput, scratch.value)
        linear(.key, a.attentionInput, scratch.key)
        linear(.query, a.attentionInput, scratch.query)
        before(.inputNorm, a.input)
    }

    /// d, the gradient of normalized queries or keys, [tokens * heads * headSize], becomes that of what was normalized.
    private func headNormBackward(
        _ x: UnsafePointer<Float>, _ weight: [Float], heads: Int, tokens: Int, _ d: UnsafeMutablePointer<Float>
    ) {
        let shape = config.headNormShape(heads: heads)
        let width = shape.count * shape.size
        let centred: Int32 = config.normalization == .layer ? 1 : 0
        weight.withUnsafeBufferPointer { weight in
            guard let weight = weight.baseAddress else { return }
            ops.rows(tokens) { token in
                functions.head_norm_backward(
                    x + token * width, weight, Int64(shape.weightStride), Float(config.normEpsilon), centred,
                    Int32(shape.count), Int32(shape.size), d + token * width, nil)
            }
        }
    }

    /// Gradient of the weight of a norm of queries or keys; one thread, as `normWeightGradient`.
    func headNormWeightGradient(
        _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, heads: Int, tokens: Int,
        weight: UnsafeMutablePointer<Float>
    ) {
        let shape = config.headNormShape(heads: heads)
        let width = shape.count * shape.size
        let stored = shape.weightStride == 0 ? shape.size : width
        let ones = [Float](repeating: 1, count: stored)
        var unused = [Float](repeating: 0, count: width)
        weight.update(repeating: 0, count: stored)
        for token in 0..<tokens {
            for index in 0..<width { unused[index] = dy[token * width + index] }
            functions.head_norm_backward(
                x + token * width, ones, Int64(shape.weightStride), Float(config.normEpsilon),
                config.normalization == .layer ? 1 : 0, Int32(shape.count), Int32(shape.size), &unused, weight)
        }
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
