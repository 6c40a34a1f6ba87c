import Kernels
public import Model
public import Storage

/// Second moments of a linear layer's inputs, X^T X / n over the positions of the calibration text, [columns, columns]; with
/// a weight for every position, X^T diag(weights) X / n.
///
/// It weighs errors of the layer's outputs: |X (w - w')^T|^2 / n = (w - w') H (w - w')^T for a row w.
public final class InputHessian {
    public let columns: Int
    /// Row-major and symmetric.
    public private(set) var values: [Float]
    private var count = 0

    init(columns: Int) {
        self.columns = columns
        values = [Float](repeating: 0, count: columns * columns)
    }

    /// Adds the rows of x, [rows, columns], each `weights` times where there are any.
    func add(_ x: UnsafePointer<Float>, rows: Int, weights: ArraySlice<Float>?, blas: BLAS) {
        guard let weights else { return add(x, rows: rows, blas) }
        let columns = columns
        withUnsafeTemporaryAllocation(of: Float.self, capacity: rows * columns) { scaled in
            guard let scaled = scaled.baseAddress else { return }
            nonisolated(unsafe) let (from, to) = (x, scaled)
            blas.pool.run(rows) { row in
                let factor = max(0, weights[weights.startIndex + row]).squareRoot()
                for at in row * columns..<(row + 1) * columns { to[at] = factor * from[at] }
            }
            add(scaled, rows: rows, blas)
        }
    }

    private func add(_ x: UnsafePointer<Float>, rows: Int, _ blas: BLAS) {
        count += rows
        values.withUnsafeMutableBufferPointer { out in
            guard let out = out.baseAddress else { return }
            blas.addSecondMoments(x, rows: rows, columns: columns, into: out)
        }
    }

    /// The values for somebody who needs the memory, too; none are left here.
    public func takeValues() -> [Float] {
        var taken: [Float] = []
        swap(&taken, &values)
        return taken
    }

    /// Divides by the number of positions and fills the lower triangle.
    func finish() {
        let factor = 1 / Float(max(count, 1))
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
    /// - Parameters:
    ///   - wanted: the last of these blocks is the last one computed.
    ///   - weights: of the same sequences; nil for positions that count alike.
    /// - Returns: the final states, where the last block was wanted.
    @discardableResult
    public func inputHessians(
        _ sequences: [[Int]], wanted: Set<Int>, weights tokenWeights: TokenWeights? = nil,
        progress: (Double) -> Void = { _ in },
        each: (_ layer: Int, _ hessians: [TensorName.Part: InputHessian]) throws(TaperError) -> Void
    ) throws(TaperError) -> FinalStates {
        var known = FinalStates()
        guard let last = wanted.max() else { return known }
        var states = try embed(sequences)
        let linear = config.linearParts()
        for layer in 0...last {
            let weights = try weights.block(layer)
            var owners: [String: TensorName.Part] = [:]
            var hessians: [TensorName.Part: InputHessian] = [:]
            if wanted.contains(layer) {
                for (part, _, columns) in linear where part.row.input == part {
                    owners[TensorName.weight(part, layer: layer)] = part
                    hessians[part] = InputHessian(columns: columns)
                }
            }
            var start = 0
            for index in sequences.indices {
                try Interrupt.check("Run the same command again to go on")
                let blas = arithmetic.blas
                try block(weights, &states[index], tokens: sequences[index].count) { name, x, rows, columns in
                    guard let part = owners[name] else { return }
                    let own = tokenWeights?.weights(part, layer: layer, from: start, count: rows)
                    hessians[part]?.add(x, rows: rows, weights: own, blas: blas)
                }
                start += sequences[index].count
                progress(
                    (Double(layer) + Double(index + 1) / Double(sequences.count)) / Double(last + 1))
            }
            guard wanted.contains(layer) else { continue }
            for hessian in hessians.values { hessian.finish() }
            for (part, _, _) in linear { hessians[part] = hessians[part.row.input] }
            try each(layer, hessians)
        }
        if last == config.layerCount - 1 {
            for (index, tokens) in sequences.enumerated() {
                known.add(try finalNorm(states[index], tokens: tokens.count), of: tokens)
                states[index] = []
            }
        }
        return known
    }

    /// Hessian of the head's inputs: the normalized final states.
    public func headHessian(
        _ sequences: [[Int]], known: FinalStates = FinalStates(), progress: (Double) -> Void = { _ in }
    ) throws(TaperError) -> InputHessian {
        let hessian = InputHessian(columns: config.hiddenSize)
        let states = try forward(sequences, known: known, progress: progress)
        for (state, tokens) in zip(states, sequences) {
            state.withUnsafeBufferPointer { state in
                guard let base = state.baseAddress else { return }
                hessian.add(base, rows: tokens.count, weights: nil, blas: arithmetic.blas)
            }
        }
        hessian.finish()
        return hessian
    }
}
