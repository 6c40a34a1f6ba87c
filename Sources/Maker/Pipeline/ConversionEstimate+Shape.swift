import Model

extension ConversionEstimate {
    /// The counts that costs are made of.
    struct Shape {
        let weights: Double
        let linear: Double
        let other: Double
        /// Of the embedding, and of the head.
        let table: Double
        let block: Double
        let largestLinear: Double
        let linearRows: Double
        let layers: Double
        let hidden: Double
        let vocabulary: Double
        /// Elements of the widest activation.
        let widest: Double
        /// Sum over a block's inputs of their columns squared.
        let columnsSquared: Double
        /// Bytes of keys and values of one position.
        let cache: Double
        /// Bytes of activations that a gradient keeps of one position.
        let kept: Double

        init(_ config: ModelConfig) {
            var (linear, other, rows, largest) = (0.0, 0.0, 0.0, 0.0)
            var weights = 0.0
            for tensor in config.tensorRequirements() {
                let count = tensor.shape.reduce(1.0) { $0 * Double($1) }
                weights += count
                guard tensor.shape.count == 2 else { continue }
                if tensor.isLinear {
                    linear += count
                    rows += Double(tensor.shape[0])
                    largest = max(largest, count)
                } else {
                    other += count
                }
            }
            (self.weights, self.linear, self.other, linearRows) = (weights, linear, other, rows)
            largestLinear = largest
            layers = Double(config.layerCount)
            hidden = Double(config.hiddenSize)
            vocabulary = Double(config.vocabularySize)
            table = hidden * vocabulary
            block = linear / max(1, layers)
            widest = Double(max(config.intermediateSize, config.hiddenSize, config.querySize))
            let (query, inner) = (Double(config.querySize), Double(config.intermediateSize))
            columnsSquared = 2 * hidden * hidden + query * query + inner * inner
            cache = 4 * layers * Double(config.kvSize)
            let keys = Double(config.kvSize)
            // Norms of queries and keys, and behind attention and MLP, keep what they are given.
            let normed =
                (config.queryKeyNorm == .none ? 0 : query + keys) + (config.has(.mlpOutputNorm) ? 2 * hidden : 0)
            kept = 4 * layers * (2 * hidden + 2 * query + 2 * keys + 2 * inner + normed)
        }

        /// Bytes of one thread's rows while their joint codes are found.
        func jointScratch(bits: Int) -> Double { 32 * 4 * widest * Double(64 + 8 + max(0, bits - 6)) }

        /// Bytes of the bundle's planes and tables, of the linear layers and of the rest; of the linear layers' tables alone.
        func packedBytes(_ recipe: Recipe) -> (linear: Double, other: Double, tables: Double, all: Double) {
            func bytes(_ weights: Double, rows: Double, _ precisions: [Int]) -> Double {
                let entries = precisions.reduce(0) { $0 + (1 << $1) + 4 }
                return weights / 8 * Double(precisions.last ?? 8) + rows * Double(entries)
            }
            let linearBytes =
                bytes(linear, rows: linearRows, recipe.nestedPrecisions) + (recipe.holdsHalf ? 2 * linear : 0)
            let otherRows = other / max(1, hidden)
            let otherBytes =
                recipe.embeddingPrecisions == [8]
                ? other + 4 * otherRows : bytes(other, rows: otherRows, recipe.embeddingPrecisions)
            let vectors = 4 * (weights - linear - other)
            let tables = bytes(0, rows: linearRows, recipe.nestedPrecisions)
            return (linearBytes, otherBytes, tables, linearBytes + otherBytes + vectors + 2e6)
        }
    }
}

extension TensorName {
    /// "layer 3 of 30", or which of the others it is: for people.
    static func place(_ name: String, of config: ModelConfig) -> String {
        let parts = name.split(separator: ".")
        if let index = parts.firstIndex(of: "layers"), index + 1 < parts.count, let layer = Int(parts[index + 1]) {
            return "layer \(layer + 1) of \(config.layerCount)"
        }
        return name == embedding ? "the embedding" : "the head"
    }
}
