import Kernels
import Model
import Storage

/// Rotated keys and values of one layer so far, [positions][kvHeads * headSize].
struct LayerCache {
    var keys: [Float] = []
    var values: [Float] = []
}

/// The weights of one block.
struct BlockWeights {
    let matrices: [TensorName.Part: [Float]]
    let biases: [TensorName.Part: [Float]]
    let norms: [TensorName.Part: (weight: [Float], bias: [Float])]
    let names: [TensorName.Part: String]

    init(_ model: ReferenceModel, layer: Int) throws(TaperError) {
        let config = model.config
        var matrices: [TensorName.Part: [Float]] = [:]
        var biases: [TensorName.Part: [Float]] = [:]
        var names: [TensorName.Part: String] = [:]
        for (part, rows, columns) in config.linearParts() {
            let name = TensorName.weight(part, layer: layer)
            let values = try model.weight(name)
            guard values.count == rows * columns else {
                throw TaperError(.badData, "tensor \(name) has \(values.count) elements, expected \(rows * columns)")
            }
            matrices[part] = values
            names[part] = name
            let isInput = part == .query || part == .key || part == .value
            if isInput ? config.qkvBias : config.outputBias {
                biases[part] = try model.weight(TensorName.bias(part, layer: layer))
            }
        }
        var norms: [TensorName.Part: (weight: [Float], bias: [Float])] = [:]
        for part in config.parallelResidual ? [.inputNorm] : [TensorName.Part.inputNorm, .postAttentionNorm] {
            let bias = config.normalization == .layer ? try model.weight(TensorName.bias(part, layer: layer)) : []
            norms[part] = (try model.weight(TensorName.weight(part, layer: layer)), bias)
        }
        self.matrices = matrices
        self.biases = biases
        self.norms = norms
        self.names = names
    }
}

extension ReferenceModel {
    typealias Observer = (_ name: String, _ x: UnsafePointer<Float>, _ rows: Int, _ columns: Int) -> Void

    /// Normalized final hidden states of every sequence, [tokens * hiddenSize] each; a block is loaded once for all.
    func forward(
        _ sequences: [[Int]], progress: (Double) -> Void, observe: Observer? = nil
    ) throws(TaperError) -> [[Float]] {
        var states: [[Float]] = []
        for tokens in sequences {
            guard !tokens.isEmpty, tokens.count <= positionLimit else {
                throw TaperError(
                    .usage, "a sequence must have 1 to \(positionLimit) tokens", at: "", found: "\(tokens.count)")
            }
            states.append(try embed(tokens))
        }
        for layer in 0..<config.layerCount {
            let weights = try BlockWeights(self, layer: layer)
            for index in sequences.indices {
                try Interrupt.check("Nothing was written")
                var cache = LayerCache()
                block(
                    weights, &states[index], tokens: sequences[index].count, position: 0, cache: &cache,
                    observe: observe)
                progress(
                    (Double(layer) + Double(index + 1) / Double(sequences.count)) / Double(config.layerCount))
            }
        }
        for index in sequences.indices { states[index] = try finalNorm(states[index], tokens: sequences[index].count) }
        return states
    }

    func embed(_ tokens: [Int]) throws(TaperError) -> [Float] {
        let table = try weight(TensorName.embedding)
        var x: [Float] = []
        x.reserveCapacity(tokens.count * config.hiddenSize)
        for token in tokens {
            guard token >= 0, token < config.vocabularySize else {
                throw TaperError(
                    .usage, "token outside the vocabulary", at: "", expected: "0 to \(config.vocabularySize - 1)",
                    found: "\(token)")
            }
            x.append(contentsOf: table[token * config.hiddenSize..<(token + 1) * config.hiddenSize])
        }
        return x
    }

    func finalNorm(_ x: [Float], tokens: Int) throws(TaperError) -> [Float] {
        let bias = config.normalization == .layer ? try weight(TensorName.finalNormBias) : []
        return normalize(x, (try weight(TensorName.finalNorm), bias), tokens)
    }

    private func normalize(_ x: [Float], _ norm: (weight: [Float], bias: [Float]), _ tokens: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: x.count) { out, count in
            count = x.count
            guard let base = out.baseAddress else { return }
            if config.normalization == .rms {
                ops.rmsNorm(
                    x, weight: norm.weight, epsilon: Float(config.normEpsilon), tokens: tokens,
                    columns: config.hiddenSize, into: base)
            } else {
                ops.layerNorm(
                    x, weight: norm.weight, bias: norm.bias, epsilon: Float(config.normEpsilon), tokens: tokens,
                    columns: config.hiddenSize, into: base)
            }
        }
    }

    /// x W^T + b.
    private func linear(
        _ weights: BlockWeights, _ part: TensorName.Part, _ x: [Float], _ tokens: Int, _ rows: Int, _ columns: Int,
        _ observe: Observer?
    ) -> [Float] {
        guard let matrix = weights.matrices[part], let name = weights.names[part] else {
            preconditionFailure("a block without \(part.rawValue)")
        }
        observe?(name, x, tokens, columns)
        var out = [Float](unsafeUninitializedCapacity: tokens * rows) { buffer, count in
            if let base = buffer.baseAddress { BLAS.multiply(x, matrix, m: tokens, n: rows, k: columns, into: base) }
            count = tokens * rows
        }
        if let bias = weights.biases[part] { ops.addBias(bias, tokens: tokens, columns: rows, to: &out) }
        return out
    }

    /// One transformer block on x, [tokens * hiddenSize], whose first token stands at `position`.
    func block(
        _ weights: BlockWeights, _ x: inout [Float], tokens: Int, position: Int, cache: inout LayerCache,
        observe: Observer?
    ) {
        let hidden = config.hiddenSize
        guard let inputNorm = weights.norms[.inputNorm] else { preconditionFailure("a block without norm") }
        let normalized = normalize(x, inputNorm, tokens)

        // Attention.
        var query = linear(weights, .query, normalized, tokens, config.querySize, hidden, observe)
        var key = linear(weights, .key, normalized, tokens, config.kvSize, hidden, observe)
        let value = linear(weights, .value, normalized, tokens, config.kvSize, hidden, observe)
        rotate(&query, tokens, config.headCount, position)
        rotate(&key, tokens, config.kvHeadCount, position)
        cache.keys += key
        cache.values += value
        let mixed = attend(query, cache, tokens: tokens, position: position)
        let attention = linear(weights, .attentionOutput, mixed, tokens, hidden, config.querySize, observe)

        // MLP.
        let input: [Float]
        if config.parallelResidual {
            input = normalized
        } else {
            ops.add(attention, tokens: tokens, columns: hidden, into: &x)
            guard let norm = weights.norms[.postAttentionNorm] else { preconditionFailure("a block without norm") }
            input = normalize(x, norm, tokens)
        }
        let inner = config.intermediateSize
        var up = linear(weights, .up, input, tokens, inner, hidden, observe)
        if config.gatedMLP {
            var gate = linear(weights, .gate, input, tokens, inner, hidden, observe)
            activate(&gate, tokens)
            for index in up.indices { up[index] *= gate[index] }
        } else {
            activate(&up, tokens)
        }
        let down = linear(weights, .down, up, tokens, hidden, inner, observe)
        if config.parallelResidual { ops.add(attention, tokens: tokens, columns: hidden, into: &x) }
        ops.add(down, tokens: tokens, columns: hidden, into: &x)
    }

    private func activate(_ values: inout [Float], _ tokens: Int) {
        switch config.activation {
        case .silu:
            let ones = [Float](repeating: 1, count: config.intermediateSize)
            values.withUnsafeMutableBufferPointer { buffer in
                guard let base = buffer.baseAddress else { return }
                for token in 0..<tokens {
                    let row = base + token * config.intermediateSize
                    ops.siluMultiply(gate: row, up: ones, tokens: 1, columns: config.intermediateSize, into: row)
                }
            }
        case .gelu, .geluTanh:
            ops.gelu(
                &values, tanhForm: config.activation == .geluTanh, tokens: tokens, columns: config.intermediateSize)
        }
    }

    private func rotate(_ x: inout [Float], _ tokens: Int, _ heads: Int, _ position: Int) {
        cosines.withUnsafeBufferPointer { cosines in
            sines.withUnsafeBufferPointer { sines in
                guard let c = cosines.baseAddress, let s = sines.baseAddress else { return }
                ops.rope(
                    &x, tokens: tokens, heads: heads, headSize: config.headSize, pairs: pairs,
                    cosines: c + position * pairs, sines: s + position * pairs)
            }
        }
    }

    /// softmax(Q K^T / sqrt(headSize)) V with a causal mask, [tokens * heads * headSize].
    private func attend(_ query: [Float], _ cache: LayerCache, tokens: Int, position: Int) -> [Float] {
        let size = config.headSize
        let visible = position + tokens
        let shared = config.headCount / config.kvHeadCount
        var out = [Float](repeating: 0, count: tokens * config.querySize)
        var scores = [Float](repeating: 0, count: tokens * visible)
        query.withUnsafeBufferPointer { query in
            cache.keys.withUnsafeBufferPointer { keys in
                cache.values.withUnsafeBufferPointer { values in
                    out.withUnsafeMutableBufferPointer { out in
                        scores.withUnsafeMutableBufferPointer { scores in
                            guard let q = query.baseAddress, let k = keys.baseAddress, let v = values.baseAddress,
                                let o = out.baseAddress, let s = scores.baseAddress
                            else { return }
                            for head in 0..<config.headCount {
                                let offset = head * size
                                let kvOffset = head / shared * size
                                BLAS.strided(
                                    transposeB: true, m: tokens, n: visible, k: size,
                                    alpha: 1 / Float(size).squareRoot(),
                                    a: q + offset, lda: config.querySize, b: k + kvOffset, ldb: config.kvSize, c: s,
                                    ldc: visible)
                                for token in 0..<tokens {
                                    let row = s + token * visible
                                    let seen = position + token + 1
                                    let first = config.slidingWindow.map { max(0, seen - $0) } ?? 0
                                    let scale = 1 / ops.softmaxNumerators(row + first, count: seen - first)
                                    for index in 0..<first { row[index] = 0 }
                                    for index in first..<seen { row[index] *= scale }
                                    for index in seen..<visible { row[index] = 0 }
                                }
                                BLAS.strided(
                                    transposeB: false, m: tokens, n: size, k: visible, alpha: 1, a: s, lda: visible,
                                    b: v + kvOffset, ldb: config.kvSize, c: o + offset, ldc: config.querySize)
                            }
                        }
                    }
                }
            }
        }
        return out
    }
}
