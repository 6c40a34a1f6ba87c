import Model
import Storage

/// The weights of one block.
struct BlockWeights {
    let layer: Int
    let matrices: [TensorName.Part: [Float]]
    let biases: [TensorName.Part: [Float]]
    let norms: [TensorName.Part: (weight: [Float], bias: [Float])]

    /// - Parameter read: answers by canonical name.
    init(
        _ config: ModelConfig, layer: Int, read: (String) throws(TaperError) -> [Float]
    ) throws(TaperError) {
        func values(_ name: String, _ count: Int) throws(TaperError) -> [Float] {
            let values = try read(name)
            guard values.count == count else {
                throw TaperError(.badData, "tensor \(name) has \(values.count) elements, expected \(count)")
            }
            return values
        }
        var matrices: [TensorName.Part: [Float]] = [:]
        var biases: [TensorName.Part: [Float]] = [:]
        for (part, rows, columns) in config.linearParts() {
            matrices[part] = try values(TensorName.weight(part, layer: layer), rows * columns)
            if config.hasBias(part) { biases[part] = try values(TensorName.bias(part, layer: layer), rows) }
        }
        var norms: [TensorName.Part: (weight: [Float], bias: [Float])] = [:]
        for part in config.blockParts() where !part.row.isLinear {
            let count = config.shape(part).rows
            norms[part] = (
                try values(TensorName.weight(part, layer: layer), count),
                config.hasBias(part) ? try values(TensorName.bias(part, layer: layer), count) : []
            )
        }
        self.layer = layer
        self.matrices = matrices
        self.biases = biases
        self.norms = norms
    }

    /// [rows * columns]; empty for a part the model lacks.
    func matrix(_ part: TensorName.Part) -> [Float] { matrices[part] ?? [] }
    func norm(_ part: TensorName.Part) -> (weight: [Float], bias: [Float]) { norms[part] ?? ([], []) }
}
