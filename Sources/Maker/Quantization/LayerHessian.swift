internal import CQuantization
public import Kernels
public import Storage

/// What `quantizeJoint` needs to know of a layer's inputs, made once for all layers that share them.
public final class LayerHessian: Sendable {
    public let columns: Int
    /// Columns rounded up to whole vectors; padding is zero.
    public let stride: Int
    /// H + damping * mean(diagonal) * I, [columns][stride].
    public let values: [Float]
    /// How errors are fed back from a column to those after it, [columns][stride]; empty where they are not.
    public let feedback: [Float]
    let diagonal: [Float]

    /// - Parameters:
    ///   - hessian: error weights, [columns, columns], symmetric.
    ///   - place: what they weigh, for errors.
    /// - Throws: `badData` when one is not finite.
    public init(
        _ hessian: [Float], columns: Int, joint: JointSettings, pool: ThreadPool, place: String
    ) throws(TaperError) {
        precondition(hessian.count == columns * columns, "a Hessian does not match the columns")
        try checkImportance(hessian, place: place)
        let stride = (columns + 15) / 16 * 16
        let values = Self.damp(hessian, columns: columns, stride: stride, share: joint.damping)
        self.columns = columns
        self.stride = stride
        self.values = values
        diagonal = (0..<columns).map { values[$0 * stride + $0] }
        feedback = joint.usesFeedback ? Self.factor(values, columns: columns, stride: stride, pool: pool) : []
    }

    /// Row k holds A_kj, j > k, of H = A D A^T, and zeros up to k.
    private static func factor(_ hessian: [Float], columns: Int, stride: Int, pool: ThreadPool) -> [Float] {
        var factor = hessian
        let functions = jointFunctions(pool)
        factor.withUnsafeMutableBufferPointer {
            guard let base = $0.baseAddress else { return }
            nonisolated(unsafe) let values = base
            let (width, block, piece) = (Int32(stride), Int(CQ_FEEDBACK_BLOCK), 8)
            for last in Swift.stride(from: columns, to: 0, by: -block) {
                let first = max(0, last - block)
                for row in (first..<last).reversed() {
                    functions.feedback_rows(values, width, Int32(first), Int32(last), Int32(row), Int32(row + 1))
                }
                pool.run((first + piece - 1) / piece) { part in
                    // Later rows are longer: they come first.
                    let end = first - part * piece
                    functions.feedback_rows(
                        values, width, Int32(first), Int32(last), Int32(max(0, end - piece)), Int32(end))
                }
            }
            cq_feedback_finish(values, Int32(columns), width)
        }
        return factor
    }

    /// H + share * mean(diagonal) * I, padded with zeros to `stride` columns; an all-zero Hessian becomes the identity. Extreme
    /// ones are divided by a power of two, which changes no code: their products would leave single precision.
    private static func damp(_ hessian: [Float], columns: Int, stride: Int, share: Double) -> [Float] {
        var out = [Float](repeating: 0, count: columns * stride)
        var trace = 0.0
        for index in 0..<columns { trace += Double(hessian[index * columns + index]) }
        let mean = trace / Double(columns)
        let unit: Double =
            mean > 0 && !(0x1p-60...0x1p60).contains(mean)
            ? Double(sign: .plus, exponent: mean.exponent, significand: 1) : 1
        let added = trace > 0 ? Float(share * trace / Double(columns) / unit) : 1
        hessian.withUnsafeBufferPointer { from in
            out.withUnsafeMutableBufferPointer { to in
                for row in 0..<columns {
                    for column in 0..<columns {
                        let value = from[row * columns + column]
                        to[row * stride + column] = unit == 1 ? value : Float(Double(value) / unit)
                    }
                    to[row * stride + row] += added
                }
            }
        }
        return out
    }
}
