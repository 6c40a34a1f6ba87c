internal import CQuantization
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
    public init() {}
}

/// Error weights of some rows of a layer, [columns, columns].
public struct RowHessian {
    public var rows: Range<Int>
    public var values: [Float]
    public init(rows: Range<Int>, values: [Float]) {
        self.rows = rows
        self.values = values
    }
}

/// Quantizes W, [rows, columns], to nested codes and centroids that minimise the error of the layer's outputs.
///
/// A row w with codes q of B bits and centroids c_p is given the least
/// sum over p of lambda_p (w - c_p[q >> (B - p)]) H (w - c_p[q >> (B - p)])^T, H the damped Hessian. It starts from
/// weighted k-means and takes turns: least squares for all centroids, coordinate descent over the columns for the codes
/// (LNQ in GuidedQuant, arXiv 2505.07004, section 4, here for one code that serves several precisions).
///
/// - Throws: `badData` naming the first weight that is not finite.
/// - Returns: the same bytes for any number of threads.
public func quantizeJoint(
    name: String, weights: [Float], rows: Int, columns: Int, hessians: [RowHessian], settings: NestedSettings,
    joint: JointSettings, pool: ThreadPool, report: ((_ before: [Double], _ after: [Double]) -> Void)? = nil
) throws(TaperError) -> PackedMatrix {
    precondition(weights.count == rows * columns, "weights do not match their shape")
    try settings.check(name: name)
    try checkFinite(name: name, weights: weights)
    let bits = settings.precisions.last ?? 2
    var codes = [UInt8](repeating: 0, count: weights.count)
    let tables = TableBuilder(precisions: settings.precisions, rows: rows)
    let precisions = settings.precisions.map { Int32($0) }
    let preferences = settings.precisions.map { Float(joint.preferences[$0] ?? 1) }
    let centroidCount = (2 << bits) - 4
    var sums = [[Double]](repeating: [Double](repeating: 0, count: 14), count: (rows + 7) / 8)
    for group in hessians {
        precondition(group.values.count == columns * columns, "a Hessian does not match the columns")
        let stride = (columns + 15) / 16 * 16
        let damped = damp(group.values, columns: columns, stride: stride, share: joint.damping)
        let diagonal = (0..<columns).map { damped[$0 * stride + $0] }
        let batch = Int(CQ_JOINT_ROWS)
        let parts = (group.rows.count + batch - 1) / batch
        weights.withUnsafeBufferPointer { weights in
            codes.withUnsafeMutableBufferPointer { codes in
                sums.withUnsafeMutableBufferPointer { sums in
                    damped.withUnsafeBufferPointer { damped in
                        precisions.withUnsafeBufferPointer { precisions in
                            preferences.withUnsafeBufferPointer { preferences in
                                guard let weightBase = weights.baseAddress, let codeBase = codes.baseAddress else {
                                    return
                                }
                                var problem = cq_joint_t()
                                problem.hessian = damped.baseAddress
                                problem.columns = Int32(columns)
                                problem.stride = Int32(stride)
                                problem.bits = Int32(bits)
                                problem.precisions = precisions.baseAddress
                                problem.precision_count = Int32(precisions.count)
                                problem.preferences = preferences.baseAddress
                                problem.rounds = Int32(joint.rounds)
                                let settingsC = problem
                                nonisolated(unsafe) let out = sums.baseAddress
                                pool.run(parts) { part in
                                    var problem = settingsC
                                    let first = group.rows.lowerBound + part * batch
                                    let count = min(batch, group.rows.upperBound - first)
                                    let scratchBytes = max(
                                        cq_scratch_bytes(Int32(columns), Int32(bits)) + 64,
                                        cq_joint_scratch_bytes(Int32(columns), Int32(bits), Int32(precisions.count)))
                                    let scratch = UnsafeMutableRawPointer.allocate(
                                        byteCount: scratchBytes, alignment: 64)
                                    defer { scratch.deallocate() }
                                    var centroids = [Float](repeating: 0, count: batch * centroidCount)
                                    centroids.withUnsafeMutableBufferPointer { centroids in
                                        guard let base = centroids.baseAddress else { return }
                                        for row in 0..<count {
                                            cq_quantize_row(
                                                weightBase + (first + row) * columns, diagonal, Int32(columns),
                                                Int32(settings.seedBits), Int32(bits),
                                                codeBase + (first + row) * columns,
                                                base + row * centroidCount, scratch)
                                        }
                                        var errors = [Double](repeating: 0, count: 14 * 8)
                                        cq_joint_rows(
                                            &problem, weightBase + first * columns, Int32(count),
                                            codeBase + first * columns, base, &errors, scratch)
                                        if let out {
                                            for row in 0..<count {
                                                for i in 0..<14 { out[first / 8][i] += errors[row * 14 + i] }
                                            }
                                        }
                                        for row in 0..<count {
                                            tables.set(
                                                row: first + row, centroids: base + row * centroidCount,
                                                codes: codeBase + (first + row) * columns, importance: diagonal,
                                                columns: columns)
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    if let report {
        var total = [Double](repeating: 0, count: 14)
        for s in sums { for i in 0..<14 { total[i] += s[i] } }
        report(Array(total[0..<precisions.count]), Array(total[7..<7 + precisions.count]))
    }
    return PackedMatrix(
        name: name, rows: rows, columns: columns, bits: bits,
        planes: NestedLayout.pack(codes: codes, rows: rows, columns: columns, bits: bits), tables: tables.finish())
}

/// H + share * mean(diagonal) * I, padded with zeros to `stride` columns; an all-zero Hessian becomes the identity.
private func damp(_ hessian: [Float], columns: Int, stride: Int, share: Double) -> [Float] {
    var out = [Float](repeating: 0, count: columns * stride)
    var trace = 0.0
    for index in 0..<columns { trace += Double(hessian[index * columns + index]) }
    let added = trace > 0 ? Float(share * trace / Double(columns)) : 1
    hessian.withUnsafeBufferPointer { from in
        out.withUnsafeMutableBufferPointer { to in
            for row in 0..<columns {
                for column in 0..<columns { to[row * stride + column] = from[row * columns + column] }
                to[row * stride + row] += added
            }
        }
    }
    return out
}
