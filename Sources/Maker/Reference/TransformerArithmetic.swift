internal import CGradient
import Kernels
import Model
import Storage

/// The float forward pass that the reference model and the model with gradients share.
struct TransformerArithmetic {
    let config: ModelConfig
    let pool: ThreadPool
    let ops: VectorOps
    let blas: BLAS
    /// Positions a sequence may have.
    let positionCount: Int
    /// One for each layer; nil where positions do not turn.
    let rotations: [RotationTable?]
    let functions: cg_table_t

    init(_ config: ModelConfig, threads: Int, precision: FloatPrecision = .single) throws(TaperError) {
        self.config = config
        pool = try ThreadPool(threadCount: threads)
        ops = VectorOps(pool)
        blas = try BLAS(pool, precision)
        let positions = min(config.contextLength, 1 << 15)
        positionCount = positions
        let kinds = config.rotations
        let tables = kinds.map { RotationTable($0, positionCount: positions) }
        rotations = config.layers.map { layer in
            layer.rotation.flatMap { kinds.firstIndex(of: $0) }.map { tables[$0] }
        }
        functions = gradientFunctions(pool)
    }

    /// Hears every linear layer's name and input, [tokens * columns].
    typealias Observer = (_ name: String, _ x: UnsafePointer<Float>, _ tokens: Int, _ columns: Int) -> Void

    /// - Throws: `usage` when the sequence is empty, too long, or names a token the model lacks.
    func check(_ tokens: [Int]) throws(TaperError) {
        guard !tokens.isEmpty, tokens.count <= positionCount else {
            throw TaperError(
                .usage, "a sequence must have 1 to \(positionCount) tokens", at: "", found: "\(tokens.count)")
        }
        for token in tokens where token < 0 || token >= config.vocabularySize {
            throw TaperError(
                .usage, "token outside the vocabulary", at: "", expected: "0 to \(config.vocabularySize - 1)",
                found: "\(token)")
        }
    }

    func normalize(
        _ x: UnsafePointer<Float>, _ norm: (weight: [Float], bias: [Float]), tokens: Int,
        into out: UnsafeMutablePointer<Float>
    ) {
        let epsilon = Float(config.normEpsilon)
        if config.normalization == .rms {
            ops.rmsNorm(
                x, weight: norm.weight, epsilon: epsilon, tokens: tokens, columns: config.hiddenSize, into: out)
        } else {
            ops.layerNorm(
                x, weight: norm.weight, bias: norm.bias, epsilon: epsilon, tokens: tokens, columns: config.hiddenSize,
                into: out)
        }
    }

    /// Logits of normalized final states, [tokens * vocabularySize]; `bias` may be empty.
    func head(
        _ states: UnsafePointer<Float>, _ weights: FloatMatrix, bias: [Float], tokens: Int,
        into logits: UnsafeMutablePointer<Float>
    ) {
        headPart(states, weights, rows: 0..<config.vocabularySize, tokens: tokens, into: logits)
        finishHead(bias: bias, tokens: tokens, logits)
    }

    /// The product with some of the head's rows, into their columns of the logits.
    func headPart(
        _ states: UnsafePointer<Float>, _ weights: FloatMatrix, rows: Range<Int>, tokens: Int,
        into logits: UnsafeMutablePointer<Float>
    ) {
        blas.multiply(
            states, weights, tokens: tokens, rows: rows.count, columns: config.hiddenSize,
            into: logits + rows.lowerBound, stride: config.vocabularySize)
    }

    /// What comes after the product.
    func finishHead(bias: [Float], tokens: Int, _ logits: UnsafeMutablePointer<Float>) {
        if !bias.isEmpty { ops.addBias(bias, tokens: tokens, columns: config.vocabularySize, to: logits) }
        if let cap = config.logitCap {
            ops.softCap(logits, cap: Float(cap), tokens: tokens, columns: config.vocabularySize)
        }
    }

    /// One transformer block on a.input, whose tokens stand at `places`.
    func forward(
        _ weights: BlockWeights, _ a: BlockActivations, tokens: Int, places: TokenPlaces = .run(from: 0, cache: nil),
        observe: Observer? = nil
    ) {
        let hidden = config.hiddenSize
        func linear(_ part: TensorName.Part, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
            let (rows, columns) = config.shape(part)
            if let observe { observe(TensorName.weight(part, layer: weights.layer), x, tokens, columns) }
            blas.multiply(x, weights.matrix(part), tokens: tokens, rows: rows, columns: columns, into: y)
            if let bias = weights.biases[part] { ops.addBias(bias, tokens: tokens, columns: rows, to: y) }
        }

        // Attention.
        if config.has(.inputNorm) {
            normalize(a.input, weights.norm(.inputNorm), tokens: tokens, into: a.normalized)
        }
        linear(.query, a.attentionInput, a.rawQuery)
        linear(.key, a.attentionInput, a.rawKey)
        linear(.value, a.attentionInput, a.value)
        if config.queryKeyNorm != .none {
            normalizeHeads(
                a.rawQuery, weights.norm(.queryNorm).weight, heads: config.headCount, tokens: tokens, into: a.query)
            normalizeHeads(
                a.rawKey, weights.norm(.keyNorm).weight, heads: config.kvHeadCount, tokens: tokens, into: a.key)
        }
        attend(a, layer: weights.layer, tokens: tokens, places: places)
        linear(.attentionOutput, a.mixed, a.attentionOutput)
        if config.has(.attentionOutputNorm) {
            normalize(a.attentionOutput, weights.norm(.attentionOutputNorm), tokens: tokens, into: a.middle)
        }
        ops.add(a.input, tokens: tokens, columns: hidden, into: a.middle)

        // MLP.
        if config.has(.mlpNorm) {
            normalize(a.middle, weights.norm(.mlpNorm), tokens: tokens, into: a.mlpInput)
        }
        linear(.up, a.mlpInput, a.up)
        if config.gatedMLP { linear(.gate, a.mlpInput, a.gate) }
        let kind = activationKind
        let inner = config.intermediateSize
        ops.rows(tokens) { token in
            let at = token * inner
            if config.gatedMLP {
                functions.activate(kind, a.gate + at, a.up + at, Int32(inner), a.inner + at)
            } else {
                functions.activate(kind, a.up + at, nil, Int32(inner), a.inner + at)
            }
        }
        linear(.down, a.inner, a.mlpOutput)
        if config.has(.mlpOutputNorm) {
            normalize(a.mlpOutput, weights.norm(.mlpOutputNorm), tokens: tokens, into: a.output)
        }
        ops.add(a.middle, tokens: tokens, columns: hidden, into: a.output)
    }

    /// Queries or keys of one block, [tokens * heads * headSize], normalized.
    private func normalizeHeads(
        _ x: UnsafePointer<Float>, _ weight: [Float], heads: Int, tokens: Int, into out: UnsafeMutablePointer<Float>
    ) {
        let shape = config.headNormShape(heads: heads)
        ops.headNorm(
            x, weight: weight, weightStride: shape.weightStride, tokens: tokens, heads: shape.count,
            headSize: shape.size, epsilon: Float(config.normEpsilon), centred: config.normalization == .layer,
            into: out)
    }

    var activationKind: Int32 {
        switch config.activation {
        case .silu: Int32(CG_SILU)
        case .gelu: Int32(CG_GELU)
        case .geluTanh: Int32(CG_GELU_TANH)
        }
    }

    func rotate(
        _ x: UnsafeMutablePointer<Float>, layer: Int, tokens: Int, heads: Int, position: Int = 0, backward: Bool = false
    ) {
        guard let rotation = rotations[layer] else { return }
        let pairs = rotation.pairs
        rotation.cosines.withUnsafeBufferPointer { cosines in
            (backward ? rotation.negatedSines : rotation.sines).withUnsafeBufferPointer { sines in
                guard let c = cosines.baseAddress, let s = sines.baseAddress else { return }
                ops.rope(
                    x, tokens: tokens, heads: heads, headSize: config.headSize, pairs: pairs,
                    cosines: c + position * pairs, sines: s + position * pairs)
            }
        }
    }
}
