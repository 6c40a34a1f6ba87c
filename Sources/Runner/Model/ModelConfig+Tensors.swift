extension ModelConfig {
    /// The tensor that makes logits: of a tied model its embedding.
    public var headName: String { tiedEmbeddings ? TensorName.embedding : TensorName.head }

    /// A tensor the model must have, with its shape ([rows, columns], or [elements]).
    public struct TensorRequirement: Equatable, Sendable {
        public let name: String
        public let shape: [Int]
        /// Two-dimensional products of the blocks: what the nested quantizer works on.
        public let isLinear: Bool
        /// What its rows, or elements, run over.
        public let rows: Axis
        /// nil: a vector.
        public let columns: Axis?
        /// Block it belongs to; nil for embedding, final norm and head.
        public let layer: Int?
    }

    /// Every tensor of the model, in reading order: embedding, blocks, final norm, head.
    public func tensorRequirements() -> [TensorRequirement] {
        var all: [TensorRequirement] = []
        func add(_ name: String, _ rows: Axis, _ columns: Axis? = nil, isLinear: Bool = false, layer: Int? = nil) {
            var shape = [count(rows)]
            if let columns { shape.append(count(columns)) }
            all.append(
                TensorRequirement(
                    name: name, shape: shape, isLinear: isLinear, rows: rows, columns: columns, layer: layer))
        }
        add(TensorName.embedding, .vocabulary, .hidden)
        let parts = blockParts()
        for layer in 0..<layerCount {
            for part in parts {
                let (row, rows) = (part.row, rowAxis(part))
                add(TensorName.weight(part, layer: layer), rows, row.columns, isLinear: row.isLinear, layer: layer)
                if hasBias(part) { add(TensorName.bias(part, layer: layer), rows, layer: layer) }
            }
        }
        add(TensorName.finalNorm, .hidden)
        if normalization == .layer { add(TensorName.finalNormBias, .hidden) }
        if !tiedEmbeddings { add(TensorName.head, .vocabulary, .hidden) }
        if headBias { add(TensorName.headBias, .vocabulary) }
        return all
    }
}
