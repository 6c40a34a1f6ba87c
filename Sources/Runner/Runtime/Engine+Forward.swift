import Decoding
import Kernels
public import Model
public import Storage

extension Engine {
    /// Runs one block of rows through all layers and into their caches; the residual stream stays in `scratch.hidden`.
    ///
    /// All buffers are [rows][columns]; products are y = x W^T + b. Rows meet each other nowhere but in attention, and there
    /// only those of one sequence.
    func run(_ block: RowBlock, of tokens: UnsafeBufferPointer<Int>, _ allocation: BitAllocation) {
        let count = block.rowCount
        let (width, inner) = (config.hiddenSize, config.intermediateSize)
        let (x, delta) = (scratch.hidden, scratch.delta)
        let (query, key, value, up) = (scratch.query, scratch.key, scratch.value, scratch.up)

        // x = E[token]
        counts.weightBytes += count * weights.embeddingRowBytes(bits: allocation.others)
        for segment in block.segments {
            for index in 0..<segment.count {
                weights.embedding.dequantizeRow(
                    tokens[segment.firstToken + index], bits: allocation.others,
                    into: x + (segment.firstRow + index) * width, pool: pool)
            }
        }

        for (index, layer) in weights.layers.enumerated() {
            let bits = allocation.layers[index]
            // n = norm(x), or x itself where only outputs are normalized
            let attentionInput = normalized(x, layer.inputNorm, tokens: count)

            // q, k, v = n W^T + b; q and k normalized by head and turned by their positions (RoFormer eq. 34)
            take(attentionInput, tokens: count, columns: width, for: layer.query, bits: bits.query)
            products(
                layer.query.product(bits.query, query), layer.key.product(bits.key, key),
                layer.value.product(bits.value, value), rows: count)
            addBias(layer.query, to: query, tokens: count)
            addBias(layer.key, to: key, tokens: count)
            addBias(layer.value, to: value, tokens: count)
            normalizeHeads(query, layer.queryNorm, heads: config.headCount, tokens: count)
            normalizeHeads(key, layer.keyNorm, heads: config.kvHeadCount, tokens: count)
            if let rotation = layer.rotation {
                rotate(query, heads: config.headCount, block, rotations[rotation])
                rotate(key, heads: config.kvHeadCount, block, rotations[rotation])
            }
            inspectCacheInputs(block, layer: index)

            // Parallel residual: the MLP reads the same normalized input, before the activations are replaced.
            if config.parallelResidual { multiplyMLPInput(layer, bits: bits, rows: count) }

            // a = softmax(q K^T / sqrt(headSize)) V, every head over all positions so far
            attend(block, layer: index, window: layer.window)

            // x += a W_o^T + b, normalized where outputs are
            take(
                scratch.attended, tokens: count, columns: config.querySize, for: layer.attentionOutput,
                bits: bits.attentionOutput)
            products(layer.attentionOutput.product(bits.attentionOutput, delta), rows: count)
            addBias(layer.attentionOutput, to: delta, tokens: count)
            addToResidual(delta, layer.attentionOutputNorm, tokens: count)

            // Sequential residual: the MLP reads norm(x) after attention.
            if !config.parallelResidual {
                let mlpInput = normalized(x, layer.mlpNorm, tokens: count)
                take(mlpInput, tokens: count, columns: width, for: layer.up, bits: bits.up)
                multiplyMLPInput(layer, bits: bits, rows: count)
            }
            activate(layer, tokens: count)

            // x += up W_down^T + b, normalized where outputs are
            take(up, tokens: count, columns: inner, for: layer.down, bits: bits.down)
            products(layer.down.product(bits.down, delta), rows: count)
            addBias(layer.down, to: delta, tokens: count)
            addToResidual(delta, layer.mlpOutputNorm, tokens: count)
        }
    }

    /// up = activation(gate) * up (GLU variants, arXiv 2002.05202, eq. 6), or activation(up) without a gate.
    private func activate(_ layer: TransformerWeights.Layer, tokens count: Int) {
        let (gate, up, inner) = (scratch.gate, scratch.up, config.intermediateSize)
        addBias(layer.up, to: up, tokens: count)
        if let linear = layer.gate {
            addBias(linear, to: gate, tokens: count)
            if config.activation == .silu {
                operations.siluMultiply(gate: gate, up: up, tokens: count, columns: inner, into: up)
            } else {
                operations.geluMultiply(
                    gate: gate, up: up, tokens: count, columns: inner, tanhForm: config.activation == .geluTanh,
                    into: up)
            }
        } else if config.activation == .silu {
            operations.silu(up, tokens: count, columns: inner)
        } else {
            operations.gelu(up, tanhForm: config.activation == .geluTanh, tokens: count, columns: inner)
        }
    }

    /// What attention or MLP reads: norm(x), in `scratch.normed`, or x itself without a norm.
    private func normalized(
        _ x: UnsafePointer<Float>, _ norm: TransformerWeights.Norm?, tokens: Int
    ) -> UnsafePointer<Float> {
        guard let norm else { return x }
        normalize(x, norm, into: scratch.normed, tokens: tokens)
        return UnsafePointer(scratch.normed)
    }

    /// Queries or keys, [tokens][heads * headSize], normalized in place where they are.
    private func normalizeHeads(
        _ x: UnsafeMutablePointer<Float>, _ norm: TransformerWeights.Norm?, heads: Int, tokens: Int
    ) {
        guard let norm else { return }
        let shape = config.headNormShape(heads: heads)
        operations.headNorm(
            x, weight: norm.weight, weightStride: shape.weightStride, tokens: tokens, heads: shape.count,
            headSize: shape.size, epsilon: Float(config.normEpsilon), centred: config.normalization == .layer, into: x)
    }

    /// x += delta, or norm(delta).
    private func addToResidual(
        _ delta: UnsafeMutablePointer<Float>, _ norm: TransformerWeights.Norm?, tokens: Int
    ) {
        if let norm { normalize(delta, norm, into: delta, tokens: tokens) }
        operations.add(delta, tokens: tokens, columns: config.hiddenSize, into: scratch.hidden)
    }

    /// Turns heads of x, [rows][heads * headSize], by the positions of their tokens.
    private func rotate(_ x: UnsafeMutablePointer<Float>, heads: Int, _ block: RowBlock, _ rope: RopeTable) {
        for segment in block.segments {
            let rotation = rope.rows(segment.firstPosition, count: segment.count)
            operations.rope(
                x + segment.firstRow * heads * config.headSize, tokens: segment.count, heads: heads,
                headSize: config.headSize, pairs: rope.pairs, cosines: rotation.cosines, sines: rotation.sines)
        }
    }

    /// Every row over its own sequence's cache: segments one by one, but rows that are one token each together.
    private func attend(_ block: RowBlock, layer: Int, window: Int?) {
        for segment in block.segments {
            counts.addAttention(
                rows: segment.count, firstPosition: segment.firstPosition, window: window, querySize: config.querySize,
                kvSize: config.kvSize)
            storeKV(
                keys: scratch.key + segment.firstRow * config.kvSize,
                values: scratch.value + segment.firstRow * config.kvSize, tokens: segment.count,
                firstPosition: segment.firstPosition, cache: segment.sequence.cache.layers[layer], pool: pool)
        }
        let (scale, cap) = (1 / Float(config.headSize).squareRoot(), Float(config.attentionCap ?? 0))
        var start = 0
        while start < block.segments.count {
            let segment = block.segments[start]
            let (query, output) = (
                scratch.query + segment.firstRow * config.querySize,
                scratch.attended + segment.firstRow * config.querySize
            )
            var end = start + 1
            if segment.count == 1 {
                while end < block.segments.count && block.segments[end].count == 1 { end += 1 }
            }
            if end - start == 1 {
                attention(
                    query: query, tokens: segment.count, firstPosition: segment.firstPosition,
                    cache: segment.sequence.cache.layers[layer], heads: config.headCount,
                    window: window, scale: scale, cap: cap, output: output, pool: pool)
            } else {
                var positions: [Int] = []
                var caches: [KVLayer] = []
                for index in start..<end {
                    positions.append(block.segments[index].firstPosition)
                    caches.append(block.segments[index].sequence.cache.layers[layer])
                }
                attention(
                    query: query, positions: positions, caches: caches, heads: config.headCount,
                    window: window, scale: scale, cap: cap, output: output, pool: pool)
            }
            start = end
        }
    }

    /// logits = norm(x) W_head^T + b for some rows of the block that ran last.
    /// - Parameter wanted: indices in the block's list of such rows.
    func head(_ wanted: Range<Int>, _ allocation: BitAllocation) {
        let width = config.hiddenSize
        for index in wanted {
            normalize(
                scratch.hidden + block.wanted[index].row * width, weights.finalNorm,
                into: scratch.normed + (index - wanted.lowerBound) * width, tokens: 1)
        }
        take(scratch.normed, tokens: wanted.count, columns: width, for: weights.head, bits: allocation.others)
        products(weights.head.product(allocation.others, scratch.logits), rows: wanted.count)
        addBias(weights.head, to: scratch.logits, tokens: wanted.count)
        if let cap = config.logitCap {
            operations.softCap(
                scratch.logits, cap: Float(cap), tokens: wanted.count, columns: config.vocabularySize)
        }
    }

    /// The matrix products of one decode step's linear layers and nothing else, on whatever the scratch buffers hold: what
    /// a benchmark compares with reading memory. Returns the bytes of codes, tables and scales read.
    public func multiplyLinearLayers(bits: Precision) throws(TaperError) -> Int {
        let allocation = try weights.allocation(bits)
        var byteCount = 0
        for (layer, bits) in zip(weights.layers, allocation.layers) {
            take(scratch.normed, tokens: 1, columns: config.hiddenSize, for: layer.query, bits: bits.query)
            products(
                layer.query.product(bits.query, scratch.query), layer.key.product(bits.key, scratch.key),
                layer.value.product(bits.value, scratch.value), rows: 1)
            multiplyMLPInput(layer, bits: bits, rows: 1)
            take(
                scratch.attended, tokens: 1, columns: config.querySize, for: layer.attentionOutput,
                bits: bits.attentionOutput)
            products(layer.attentionOutput.product(bits.attentionOutput, scratch.delta), rows: 1)
            take(scratch.up, tokens: 1, columns: config.intermediateSize, for: layer.down, bits: bits.down)
            products(layer.down.product(bits.down, scratch.delta), rows: 1)
            byteCount += layer.bytesRead(bits)
        }
        return byteCount
    }

    private func multiplyMLPInput(_ layer: TransformerWeights.Layer, bits: BitAllocation.Layer, rows: Int) {
        products(
            layer.up.product(bits.up, scratch.up), layer.gate?.product(bits.gate, scratch.gate), rows: rows)
    }

    /// Products with the activations at hand, of so many rows.
    private func products(_ first: Product, _ second: Product? = nil, _ third: Product? = nil, rows: Int) {
        counts.add(first, rows: rows)
        if let second { counts.add(second, rows: rows) }
        if let third { counts.add(third, rows: rows) }
        multiply(first, second, third, scratch.activations, pool: pool)
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
