import Decoding
import Kernels
import Model
import Storage

extension Engine {
    /// Runs one block of rows through all layers and into their caches; the residual stream stays in `scratch.hidden`.
    ///
    /// All buffers are [rows][columns]; products are y = x W^T + b. Rows meet each other nowhere but in attention, and there
    /// only those of one sequence.
    /// - Throws: `badData` where the bundle is damaged.
    func run(_ block: RowBlock, of tokens: UnsafeBufferPointer<Int>) throws(TaperError) {
        let count = block.rowCount
        let (width, inner) = (config.hiddenSize, config.intermediateSize)
        let (x, delta) = (scratch.hidden, scratch.delta)
        let (query, key, value, up) = (scratch.query, scratch.key, scratch.value, scratch.up)

        group(block.groups.map { $0.rows })

        // x = E[token]
        try checkEmbedding(block, of: tokens)
        for segment in block.segments {
            let bits = segment.bits.roundedDown
            counts.weightBytes += segment.count * weights.embeddingRowBytes(bits: bits)
            for index in 0..<segment.count {
                weights.embedding.dequantizeRow(
                    tokens[segment.firstToken + index], bits: bits,
                    into: x + (segment.firstRow + index) * width, pool: pool)
            }
        }

        for (index, layer) in weights.layers.enumerated() {
            try checkLayers(from: index)

            // n = norm(x), or x itself where only outputs are normalized
            let attentionInput = normalized(x, layer.inputNorm, tokens: count)

            // q, k, v = n W^T + b; q and k normalized by head and turned by their positions (RoFormer eq. 34)
            take(
                attentionInput, tokens: count, columns: width, for: layer.query,
                bits: allocations[0].layers[index].query)
            multiply(
                Projection(layer.query, into: query) { $0.layers[$1].query },
                Projection(layer.key, into: key) { $0.layers[$1].key },
                Projection(layer.value, into: value) { $0.layers[$1].value }, layer: index)
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
            if config.parallelResidual { multiplyMLPInput(layer, index) }

            // a = softmax(q K^T / sqrt(headSize)) V, every head over all positions so far
            attend(block, layer: index, window: layer.window)

            // x += a W_o^T + b, normalized where outputs are
            take(
                scratch.attended, tokens: count, columns: config.querySize, for: layer.attentionOutput,
                bits: allocations[0].layers[index].attentionOutput)
            multiply(
                Projection(layer.attentionOutput, into: delta) { $0.layers[$1].attentionOutput }, layer: index)
            addBias(layer.attentionOutput, to: delta, tokens: count)
            addToResidual(delta, layer.attentionOutputNorm, tokens: count)

            // Sequential residual: the MLP reads norm(x) after attention.
            if !config.parallelResidual {
                let mlpInput = normalized(x, layer.mlpNorm, tokens: count)
                take(mlpInput, tokens: count, columns: width, for: layer.up, bits: allocations[0].layers[index].up)
                multiplyMLPInput(layer, index)
            }
            activate(layer, tokens: count)

            // x += up W_down^T + b, normalized where outputs are
            take(up, tokens: count, columns: inner, for: layer.down, bits: allocations[0].layers[index].down)
            multiply(Projection(layer.down, into: delta) { $0.layers[$1].down }, layer: index)
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

    /// Every row over its own sequence's cache, into which it goes first.
    private func attend(_ block: RowBlock, layer: Int, window: Int?) {
        let (scale, cap) = (1 / Float(config.headSize).squareRoot(), Float(config.attentionCap ?? 0))
        for segment in block.segments {
            counts.addAttention(
                rows: segment.count, firstPosition: segment.firstPosition, window: window,
                querySize: config.querySize, layerBytes: layerCacheBytes)
        }
        if block.togetherCount > 0 {
            attention(
                query: scratch.query, storing: (UnsafePointer(scratch.key), UnsafePointer(scratch.value)),
                positions: block.positions, caches: block.caches[layer], heads: config.headCount, window: window,
                scale: scale, cap: cap, output: scratch.attended, pool: pool)
        }
        for index in block.togetherCount..<block.segments.count {
            let segment = block.segments[index]
            let cache = segment.sequence.cache.layers[layer]
            storeKV(
                keys: scratch.key + segment.firstRow * config.kvSize,
                values: scratch.value + segment.firstRow * config.kvSize, tokens: segment.count,
                firstPosition: segment.firstPosition, cache: cache, pool: pool)
            attention(
                query: scratch.query + segment.firstRow * config.querySize, tokens: segment.count,
                firstPosition: segment.firstPosition, cache: cache, heads: config.headCount, window: window,
                scale: scale, cap: cap, output: scratch.attended + segment.firstRow * config.querySize, pool: pool)
        }
    }

    /// logits = norm(x) W_head^T + b for some rows of the block that ran last.
    /// - Parameter wanted: indices in the block's list of such rows.
    func head(_ wanted: Range<Int>) {
        let width = config.hiddenSize
        // A head in bytes is the same at every precision, and is read once.
        let bits = weights.head.matrix.effectiveBits(allocations[0].others)
        let isOne = allocations.allSatisfy { weights.head.matrix.effectiveBits($0.others) == bits }
        group(isOne ? [] : headGroups(wanted))
        normalizeHeadInputs(wanted)
        take(scratch.normed, tokens: wanted.count, columns: width, for: weights.head, bits: allocations[0].others)
        multiply(Projection(weights.head, into: scratch.logits) { allocation, _ in allocation.others }, layer: 0)
        addBias(weights.head, to: scratch.logits, tokens: wanted.count)
        if let cap = config.logitCap {
            operations.softCap(
                scratch.logits, cap: Float(cap), tokens: wanted.count, columns: config.vocabularySize)
        }
    }

    /// What the head reads of some wanted rows.
    func normalizeHeadInputs(_ wanted: Range<Int>) {
        let width = config.hiddenSize
        for index in wanted {
            normalize(
                scratch.hidden + block.wanted[index].row * width, weights.finalNorm,
                into: scratch.normed + (index - wanted.lowerBound) * width, tokens: 1)
        }
    }

    /// The wanted rows of each of the block's groups. Without rows a group keeps its place: it stands for its precision.
    private func headGroups(_ wanted: Range<Int>) -> [Range<Int>] {
        var start = 0
        return block.groups.map { group in
            let count = wanted.count { group.rows.contains(block.wanted[$0].row) }
            defer { start += count }
            return start..<start + count
        }
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
