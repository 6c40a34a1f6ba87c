public import Kernels
public import Storage

/// How codes and centroids are optimised together.
public struct JointSettings: Equatable, Sendable {
    /// Turns of least squares for the centroids and coordinate descent for the codes.
    public var rounds = 4
    /// Added to the Hessian's diagonal, as a share of its mean.
    public var damping = 0.01
    /// Weight of each precision's relative error, by bits; 1 where nothing is named. Low precisions have most to lose.
    public var preferences: [Int: Double] = [2: 4, 3: 2]
    /// Choose the first codes column by column, errors fed back to the columns after.
    public var usesFeedback = true
    public init() {}
}

/// Precisions 2 to 8, which is what the C side leaves room for.
let precisionLimit = 7

/// Error weights of some rows of a layer.
public struct RowHessian {
    public var rows: Range<Int>
    public var hessian: LayerHessian
    public init(rows: Range<Int>, hessian: LayerHessian) {
        self.rows = rows
        self.hessian = hessian
    }
}

/// Quantizes W, [rows, columns], to nested codes and centroids that minimise the error of the layer's outputs.
///
/// A row w with codes q of B bits and centroids c_p is given the least
/// sum over p of lambda_p (w - c_p[q >> (B - p)]) H (w - c_p[q >> (B - p)])^T, H the damped Hessian. It starts from
/// weighted k-means and takes turns: least squares for all centroids, coordinate descent over the columns for the codes
/// (LNQ in GuidedQuant, arXiv 2505.07004, section 4, here for one code that serves several precisions).
///
/// - Parameter firstRow: of the tensor among these; a part of it comes out as it does in the whole.
/// - Throws: `badData` naming the first weight that is not finite.
/// - Returns: the same bytes for any number of threads.
public func quantizeJoint(
    name: String, weights: [Float], firstRow: Int = 0, rows: Int, columns: Int, hessians: [RowHessian],
    settings: NestedSettings, joint: JointSettings, pool: ThreadPool,
    report: ((_ before: [Double], _ after: [Double]) -> Void)? = nil
) throws(TaperError) -> PackedMatrix {
    precondition(weights.count == rows * columns, "weights do not match their shape")
    try settings.check(name: name)
    try checkFinite(name: name, weights: weights, first: firstRow * columns)
    let bits = settings.precisions.last ?? 2
    var codes = [UInt8](repeating: 0, count: weights.count)
    let tables = TableBuilder(precisions: settings.precisions, rows: rows)
    var errors = [[Double]](
        repeating: [Double](repeating: 0, count: 2 * precisionLimit), count: (rows + 7) / 8)
    for group in hessians {
        precondition(group.hessian.columns == columns, "a Hessian does not match the columns")
        let problem = JointProblem(group, settings: settings, joint: joint)
        weights.withUnsafeBufferPointer { weights in
            codes.withUnsafeMutableBufferPointer { codes in
                errors.withUnsafeMutableBufferPointer { errors in
                    guard let from = weights.baseAddress, let to = codes.baseAddress, let out = errors.baseAddress
                    else {
                        return
                    }
                    problem.solve(from, into: to, tables: tables, errors: out, pool: pool)
                }
            }
        }
    }
    if let report {
        let count = settings.precisions.count
        var total = [Double](repeating: 0, count: 2 * precisionLimit)
        for sum in errors { for index in sum.indices { total[index] += sum[index] } }
        report(Array(total[0..<count]), Array(total[precisionLimit..<precisionLimit + count]))
    }
    return PackedMatrix(
        name: name, rows: rows, columns: columns, bits: bits,
        planes: NestedLayout.pack(codes: codes, rows: rows, columns: columns, bits: bits), tables: tables.finish())
}
