import Kernels
import Model
import Storage

/// The weights of one block.
struct BlockWeights {
    let layer: Int
    let matrices: [TensorName.Part: FloatMatrix]
    let biases: [TensorName.Part: [Float]]
    let norms: [TensorName.Part: (weight: [Float], bias: [Float])]

    /// - Parameters:
    ///   - readsTogether: whether the pool's threads may read at once.
    ///   - read: answers by canonical name.
    init(
        _ config: ModelConfig, layer: Int, _ precision: FloatPrecision, pool: ThreadPool, readsTogether: Bool,
        read: (String) throws(TaperError) -> [Float]
    ) throws(TaperError) {
        func values(_ name: String, _ count: Int) throws(TaperError) -> [Float] {
            let values = try read(name)
            try Self.check(name, values, count: count)
            return values
        }
        let linear = config.linearParts()
        var read = [Result<FloatMatrix, TaperError>](repeating: .success(.empty), count: linear.count)
        read.withUnsafeMutableBufferPointer { results in
            nonisolated(unsafe) let results = results
            func take(_ index: Int) {
                let (part, rows, columns) = linear[index]
                do throws(TaperError) {
                    results[index] = .success(
                        FloatMatrix(
                            try values(TensorName.weight(part, layer: layer), rows * columns), precision,
                            pool: readsTogether ? nil : pool))
                } catch { results[index] = .failure(error) }
            }
            if readsTogether { pool.run(linear.count, take) } else { for index in linear.indices { take(index) } }
        }
        var matrices: [TensorName.Part: FloatMatrix] = [:]
        var biases: [TensorName.Part: [Float]] = [:]
        for (index, (part, rows, _)) in linear.enumerated() {
            matrices[part] = try read[index].get()
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

    /// - Throws: `badData` for another number of elements.
    static func check(_ name: String, _ values: [Float], count: Int) throws(TaperError) {
        guard values.count == count else {
            throw TaperError(
                .badData, "tensor \(name) has the wrong size", at: "", expected: "\(count) elements",
                found: "\(values.count)")
        }
    }

    /// [rows * columns]; empty for a part the model lacks.
    func matrix(_ part: TensorName.Part) -> FloatMatrix { matrices[part] ?? .empty }
    func norm(_ part: TensorName.Part) -> (weight: [Float], bias: [Float]) { norms[part] ?? ([], []) }
}
