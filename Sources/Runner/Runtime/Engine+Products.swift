import Kernels
public import Model
public import Storage

// Products of a block's rows with weights, each at the precisions of its groups of rows.
extension Engine {
    /// A linear layer, where its results go, [rows][its rows], and how many bits it has in a layer of an allocation.
    struct Projection {
        let linear: TransformerWeights.Linear
        let output: UnsafeMutablePointer<Float>
        let bits: (BitAllocation, Int) -> Int

        init(
            _ linear: TransformerWeights.Linear, into output: UnsafeMutablePointer<Float>,
            bits: @escaping (BitAllocation, Int) -> Int
        ) {
            self.linear = linear
            self.output = output
            self.bits = bits
        }

        func product(_ allocation: BitAllocation, _ layer: Int, firstRow: Int = 0) -> Product {
            linear.product(bits(allocation, layer), output + firstRow * linear.matrix.rows)
        }
    }

    /// Rows of the block's precisions among those that are taken next.
    func group(_ groups: [Range<Int>]) {
        scratch.activations.groups = groups.count > 1 ? groups : []
    }

    /// Of what was taken last, all rows at their precisions.
    func multiply(
        _ first: Projection, _ second: Projection? = nil, _ third: Projection? = nil, layer: Int
    ) {
        let activations = scratch.activations
        if activations.groups.isEmpty {
            let one = first.product(allocations[0], layer)
            let two = second?.product(allocations[0], layer)
            let three = third?.product(allocations[0], layer)
            counts.add(one, rows: activations.tokens)
            if let two { counts.add(two, rows: activations.tokens) }
            if let three { counts.add(three, rows: activations.tokens) }
            return Kernels.multiply(one, two, three, activations, pool: pool)
        }
        var products: [Product] = []
        for projection in [first, second, third] {
            guard let projection else { continue }
            for (rows, allocation) in zip(activations.groups, allocations) {
                let product = projection.product(allocation, layer, firstRow: rows.lowerBound)
                if !rows.isEmpty { counts.add(product, rows: rows.count) }
                products.append(product)
            }
        }
        Kernels.multiply(products, activations, pool: pool)
    }

    func multiplyMLPInput(_ layer: TransformerWeights.Layer, _ index: Int) {
        multiply(
            Projection(layer.up, into: scratch.up) { $0.layers[$1].up },
            layer.gate.map { Projection($0, into: scratch.gate) { $0.layers[$1].gate } }, layer: index)
    }

    /// The input of products with `linear` and of all that share it.
    /// - Parameter bits: of the first group; those of more than 8 bits are alone.
    func take(
        _ x: UnsafePointer<Float>, tokens: Int, columns: Int, for linear: TransformerWeights.Linear, bits: Int
    ) {
        scratch.activations.take(x, tokens: tokens, columns: columns, for: linear.matrix, bits: bits, pool: pool)
    }

    /// The matrix products of one decode step's linear layers and nothing else, on whatever the scratch buffers hold of `rows`
    /// sequences: what a benchmark compares with reading memory. Returns the bytes of codes, tables and scales read.
    public func multiplyLinearLayers(bits: Precision, rows: Int = 1) throws(TaperError) -> Int {
        allocations = [try weights.allocation(bits)]
        group([])
        var byteCount = 0
        for (index, layer) in weights.layers.enumerated() {
            take(
                scratch.normed, tokens: rows, columns: config.hiddenSize, for: layer.query,
                bits: allocations[0].layers[index].query)
            multiply(
                Projection(layer.query, into: scratch.query) { $0.layers[$1].query },
                Projection(layer.key, into: scratch.key) { $0.layers[$1].key },
                Projection(layer.value, into: scratch.value) { $0.layers[$1].value }, layer: index)
            multiplyMLPInput(layer, index)
            take(
                scratch.attended, tokens: rows, columns: config.querySize, for: layer.attentionOutput,
                bits: allocations[0].layers[index].attentionOutput)
            multiply(
                Projection(layer.attentionOutput, into: scratch.delta) { $0.layers[$1].attentionOutput }, layer: index)
            take(
                scratch.up, tokens: rows, columns: config.intermediateSize, for: layer.down,
                bits: allocations[0].layers[index].down)
            multiply(Projection(layer.down, into: scratch.delta) { $0.layers[$1].down }, layer: index)
            byteCount += layer.bytesRead(allocations[0].layers[index])
        }
        return byteCount
    }

    /// The head's product of one decode step and nothing else, likewise.
    public func multiplyHead(bits: Precision, rows: Int = 1) throws(TaperError) -> Int {
        precondition(rows <= scratch.headRows, "more rows than logits have room for")
        allocations = [try weights.allocation(bits)]
        group([])
        let own = allocations[0].others
        take(scratch.normed, tokens: rows, columns: config.hiddenSize, for: weights.head, bits: own)
        multiply(Projection(weights.head, into: scratch.logits) { allocation, _ in allocation.others }, layer: 0)
        return weights.head.matrix.bytesRead(bits: own)
    }
}
