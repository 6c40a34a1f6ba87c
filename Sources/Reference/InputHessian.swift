internal import COpenBLAS
public import Model
public import Storage

/// Second moments of a linear layer's inputs, X^T X / n over the positions of the calibration text, [columns, columns].
///
/// It weighs errors of the layer's outputs: |X (w - w')^T|^2 / n = (w - w') H (w - w')^T for a row w.
public final class InputHessian {
    public let columns: Int
    /// Row-major and symmetric.
    public private(set) var values: [Float]
    private var weight = 0.0

    init(columns: Int) {
        self.columns = columns
        values = [Float](repeating: 0, count: columns * columns)
    }

    /// Adds the rows of x, [rows, columns]; `total` is the sum of their weights.
    func add(_ x: UnsafePointer<Float>, rows: Int, weight total: Double) {
        weight += total
        values.withUnsafeMutableBufferPointer { out in
            guard let base = out.baseAddress else { return }
            // The upper triangle in strips: a little more than half of the products.
            let strip = 192
            for start in stride(from: 0, to: columns, by: strip) {
                ob_sgemm(
                    1, 0, Int32(min(strip, columns - start)), Int32(columns - start), Int32(rows), 1, x + start,
                    Int32(columns), x + start, Int32(columns), 1, base + start * columns + start, Int32(columns))
            }
        }
    }

    /// Divides by the number of positions and fills the lower triangle.
    func finish() {
        let factor = Float(1 / max(weight, 1e-30))
        values.withUnsafeMutableBufferPointer { values in
            for row in 0..<columns {
                values[row * columns + row] *= factor
                for column in row + 1..<max(columns, row + 1) {
                    let value = values[row * columns + column] * factor
                    values[row * columns + column] = value
                    values[column * columns + row] = value
                }
            }
        }
    }
}

extension ReferenceModel {
    /// Hessians of the inputs of every wanted block's linear layers, block by block.
    ///
    /// The states of all sequences advance through full-precision blocks, whose weights are read once; memory is bounded
    /// by the states and one block's weights and Hessians. Layers with the same input share one Hessian.
    /// - Parameter wanted: the last of these blocks is the last one computed.
    public func inputHessians(
        _ sequences: [[Int]], wanted: Set<Int>, progress: (Double) -> Void = { _ in },
        each: (_ layer: Int, _ hessians: [TensorName.Part: InputHessian]) throws(TaperError) -> Void
    ) throws(TaperError) {
        guard let last = wanted.max() else { return }
        var states: [[Float]] = []
        for tokens in sequences {
            guard !tokens.isEmpty, tokens.count <= positionLimit else {
                throw TaperError(
                    .usage, "a sequence must have 1 to \(positionLimit) tokens", at: "", found: "\(tokens.count)")
            }
            states.append(try embed(tokens))
        }
        for layer in 0...last {
            let weights = try BlockWeights(self, layer: layer)
            var owners: [String: TensorName.Part] = [:]
            var hessians: [TensorName.Part: InputHessian] = [:]
            if wanted.contains(layer) {
                for part in [TensorName.Part.query, .attentionOutput, .up, .down] {
                    guard let columns = config.linearParts().first(where: { $0.part == part })?.columns else { continue }
                    owners[TensorName.weight(part, layer: layer)] = part
                    hessians[part] = InputHessian(columns: columns)
                }
            }
            for index in sequences.indices {
                try Interrupt.check("Run the same command again to go on")
                var cache = LayerCache()
                let before = tokenWeights(states[index], sequences[index].count)
                var held: [Float] = []
                block(weights, &states[index], tokens: sequences[index].count, position: 0, cache: &cache) {
                    name, x, rows, columns in
                    guard let part = owners[name], let hessian = hessians[part] else { return }
                    if part == .down {
                        held = Array(UnsafeBufferPointer(start: x, count: rows * columns))
                    } else if part == .attentionOutput {
                        var copy = Array(UnsafeBufferPointer(start: x, count: rows * columns))
                        for row in 0..<rows {
                            let f = before[row].squareRoot()
                            for i in row * columns..<(row + 1) * columns { copy[i] *= f }
                        }
                        hessian.add(copy, rows: rows, weight: before.reduce(0.0) { $0 + Double($1) })
                    } else {
                        hessian.add(x, rows: rows, weight: Double(rows))
                    }
                }
                if let hessian = hessians[.down] {
                    let after = tokenWeights(states[index], sequences[index].count)
                    let columns = hessian.columns
                    for row in 0..<after.count {
                        let f = after[row].squareRoot()
                        for i in row * columns..<(row + 1) * columns { held[i] *= f }
                    }
                    hessian.add(held, rows: after.count, weight: after.reduce(0.0) { $0 + Double($1) })
                }
                progress(
                    (Double(layer) + Double(index + 1) / Double(sequences.count)) / Double(last + 1))
            }
            guard wanted.contains(layer) else { continue }
            for hessian in hessians.values { hessian.finish() }
            hessians[.key] = hessians[.query]
            hessians[.value] = hessians[.query]
            hessians[.gate] = hessians[.up]
            try each(layer, hessians)
        }
    }

    private func tokenWeights(_ x: [Float], _ tokens: Int) -> [Float] {
        guard Files.environment("XP_TOKENS") == "1" else { return [Float](repeating: 1, count: tokens) }
        let hidden = config.hiddenSize
        return (0..<tokens).map { token in
            var sum: Float = 0
            for i in token * hidden..<(token + 1) * hidden { sum += x[i] * x[i] }
            return Float(hidden) / max(sum, 1e-20)
        }
    }
}
