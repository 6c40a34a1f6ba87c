import Kernels
public import Model
public import Storage

extension Transformer {
    /// Runs one block of tokens through all layers and into the cache; the residual stream stays in `scratch.hidden`.
    ///
    /// All buffers are [tokens][columns]; products are y = x W^T + b.
    /// - Parameter sequences: one for every token, which continues it, instead of the transformer's own cache.
    func run(
        _ tokens: UnsafeBufferPointer<Int>, _ allocation: BitAllocation, sequences: [DecodingSequence] = []
    ) {
        let count = tokens.count
        let first = position
        let (width, inner) = (config.hiddenSize, config.intermediateSize)
        let (x, normed, delta) = (scratch.hidden, scratch.normed, scratch.delta)
        let (query, key, value) = (scratch.query, scratch.key, scratch.value)
        let (gate, up) = (scratch.gate, scratch.up)

        // x = E[token]
        for row in 0..<count {
            weights.embedding.dequantizeRow(tokens[row], bits: allocation.others, into: x + row * width, pool: pool)
        }

        for (index, layer) in weights.layers.enumerated() {
            let bits = allocation.layers[index]
            // q, k, v = norm(x) W^T + b; q and k turned by their positions (RoFormer eq. 34)
            normalize(x, layer.inputNorm, into: normed, tokens: count)
            take(normed, tokens: count, columns: width, for: layer.query, bits: bits.query)
            multiply(
                layer.query.product(bits.query, query), layer.key.product(bits.key, key),
                layer.value.product(bits.value, value),
                scratch.activations, pool: pool)
            addBias(layer.query, to: query, tokens: count)
            addBias(layer.key, to: key, tokens: count)
            addBias(layer.value, to: value, tokens: count)
            rotate(query, heads: config.headCount, tokens: count, sequences)
            rotate(key, heads: config.kvHeadCount, tokens: count, sequences)
            inspectCacheInputs(layer: index, tokens: count, sequences)

            // Parallel residual: the MLP reads the same normalized input, before the activations are replaced.
            if layer.mlpNorm == nil { multiplyMLPInput(layer, bits: bits) }

            // a = softmax(q K^T / sqrt(headSize)) V, every head over all positions so far
            if sequences.isEmpty {
                let cached = cache.layers[index]
                storeKV(keys: key, values: value, tokens: count, firstPosition: first, cache: cached, pool: pool)
                attention(
                    query: query, tokens: count, firstPosition: first, cache: cached, heads: config.headCount,
                    window: config.slidingWindow, output: scratch.attended, pool: pool)
            } else {
                attend(sequences, layer: index)
            }

            // x += a W_o^T + b
            take(
                scratch.attended, tokens: count, columns: config.querySize, for: layer.attentionOutput,
                bits: bits.attentionOutput)
            multiply(
                layer.attentionOutput.product(bits.attentionOutput, delta), nil, nil, scratch.activations, pool: pool)
            addBias(layer.attentionOutput, to: delta, tokens: count)
            operations.add(delta, tokens: count, columns: width, into: x)

            // Sequential residual: the MLP reads norm(x) after attention.
            if let mlpNorm = layer.mlpNorm {
                normalize(x, mlpNorm, into: normed, tokens: count)
                take(normed, tokens: count, columns: width, for: layer.up, bits: bits.up)
                multiplyMLPInput(layer, bits: bits)
            }

            // up = activation(gate) * up (GLU variants, arXiv 2002.05202, eq. 6), or activation(up) without a gate
            addBias(layer.up, to: up, tokens: count)
            if let linear = layer.gate {
                addBias(linear, to: gate, tokens: count)
                if config.activation == .silu {
                    operations.siluMultiply(gate: gate, up: up, tokens: count, columns: inner, into: up)
                } else {
                    operations.gelu(gate, tanhForm: config.activation == .geluTanh, tokens: count, columns: inner)
                    for index in 0..<count * inner { up[index] *= gate[index] }
                }
            } else if config.activation == .silu {
                for index in 0..<count * inner { gate[index] = 1 }
                operations.siluMultiply(gate: up, up: gate, tokens: count, columns: inner, into: up)
            } else {
                operations.gelu(up, tanhForm: config.activation == .geluTanh, tokens: count, columns: inner)
            }

            // x += up W_down^T + b
            take(up, tokens: count, columns: inner, for: layer.down, bits: bits.down)
            multiply(layer.down.product(bits.down, delta), nil, nil, scratch.activations, pool: pool)
            addBias(layer.down, to: delta, tokens: count)
            operations.add(delta, tokens: count, columns: width, into: x)
        }
        for sequence in sequences { sequence.position += 1 }
        if sequences.isEmpty { position += count }
    }

    /// Turns heads of x, [tokens][heads * headSize], by the positions of their tokens.
    private func rotate(
        _ x: UnsafeMutablePointer<Float>, heads: Int, tokens: Int, _ sequences: [DecodingSequence]
    ) {
        func rotate(_ x: UnsafeMutablePointer<Float>, _ tokens: Int, _ position: Int) {
            let rotation = rope.rows(position, count: tokens)
            operations.rope(
                x, tokens: tokens, heads: heads, headSize: config.headSize, pairs: rope.pairs,
                cosines: rotation.cosines, sines: rotation.sines)
        }
        if sequences.isEmpty { return rotate(x, tokens, position) }
        for (row, sequence) in sequences.enumerated() {
            rotate(x + row * heads * config.headSize, 1, sequence.position)
        }
    }

    /// Attention of one new token per sequence, each over its own cache.
    private func attend(_ sequences: [DecodingSequence], layer: Int) {
        let size = config.kvSize
        for (row, sequence) in sequences.enumerated() {
            storeKV(
                keys: scratch.key + row * size, values: scratch.value + row * size, tokens: 1,
                firstPosition: sequence.position, cache: sequence.cache.layers[layer], pool: pool)
        }
        attention(
            query: scratch.query, positions: sequences.map { $0.position },
            caches: sequences.map { $0.cache.layers[layer] }, heads: config.headCount, window: config.slidingWindow,
            output: scratch.attended, pool: pool)
    }

    /// logits = norm(x) W_head^T + b for some rows of the block that ran last.
    func head(firstRow: Int, rows: Int, _ allocation: BitAllocation) {
        let width = config.hiddenSize
        normalize(scratch.hidden + firstRow * width, weights.finalNorm, into: scratch.normed, tokens: rows)
        take(scratch.normed, tokens: rows, columns: width, for: weights.head, bits: allocation.others)
        multiply(weights.head.product(allocation.others, scratch.logits), nil, nil, scratch.activations, pool: pool)
        addBias(weights.head, to: scratch.logits, tokens: rows)
    }

    /// The matrix products of one decode step's linear layers and nothing else, on whatever the scratch buffers hold: what
    /// a benchmark compares with reading memory. Returns the bytes of codes, tables and scales read.
    public func multiplyLinearLayers(bits: Precision) throws(TaperError) -> Int {
        let allocation = try weights.allocation(bits)
        var byteCount = 0
        for (layer, bits) in zip(weights.layers, allocation.layers) {
            take(scratch.normed, tokens: 1, columns: config.hiddenSize, for: layer.query, bits: bits.query)
            multiply(
                layer.query.product(bits.query, scratch.query), layer.key.product(bits.key, scratch.key),
                layer.value.product(bits.value, scratch.value), scratch.activations, pool: pool)
            multiplyMLPInput(layer, bits: bits)
            take(
                scratch.attended, tokens: 1, columns: config.querySize, for: layer.attentionOutput,
                bits: bits.attentionOutput)
            multiply(
                layer.attentionOutput.product(bits.attentionOutput, scratch.delta), nil, nil, scratch.activations,
                pool: pool)
            take(scratch.up, tokens: 1, columns: config.intermediateSize, for: layer.down, bits: bits.down)
            multiply(layer.down.product(bits.down, scratch.delta), nil, nil, scratch.activations, pool: pool)
            byteCount += layer.bytesRead(bits)
        }
        return byteCount
    }

    private func multiplyMLPInput(_ layer: TransformerWeights.Layer, bits: BitAllocation.Layer) {
        multiply(
            layer.up.product(bits.up, scratch.up), layer.gate?.product(bits.gate, scratch.gate), nil,
            scratch.activations,
            pool: pool)
    }

    /// The input of products with `linear` and of all that share it.
    private func take(
        _ x: UnsafePointer<Float>, tokens: Int, columns: Int, for linear: TransformerWeights.Linear, bits: Int
    ) {
        scratch.activations.take(x, tokens: tokens, columns: columns, for: linear.matrix, bits: bits, pool: pool)
    }

    private func normalize(
        _ x: UnsafePointer<Float>, _ norm: TransformerWeights.Norm, into out: UnsafeMutablePointer<Float>, tokens: Int
    ) {
        let epsilon = Float(config.normEpsilon)
        if let bias = norm.bias {
            operations.layerNorm(
                x, weight: norm.weight, bias: bias, epsilon: epsilon, tokens: tokens, columns: config.hiddenSize,
                into: out)
        } else {
            operations.rmsNorm(
                x, weight: norm.weight, epsilon: epsilon, tokens: tokens, columns: config.hiddenSize, into: out)
        }
    }

    private func addBias(_ linear: TransformerWeights.Linear, to y: UnsafeMutablePointer<Float>, tokens: Int) {
        if let bias = linear.bias { operations.addBias(bias, tokens: tokens, columns: linear.matrix.rows, to: y) }
    }
}
