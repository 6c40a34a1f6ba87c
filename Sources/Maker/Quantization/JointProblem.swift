internal import CQuantization
import Kernels

/// The rows of a layer that share a Hessian, while their codes and centroids are found.
final class JointProblem: @unchecked Sendable {
    private let rows: Range<Int>
    private let columns: Int
    private let bits: Int
    private let seedBits: Int
    private let joint: JointSettings
    private let precisions: [Int32]
    private let preferences: [Float]
    private let hessian: LayerHessian

    init(_ group: RowHessian, settings: NestedSettings, joint: JointSettings) {
        rows = group.rows
        hessian = group.hessian
        columns = hessian.columns
        bits = settings.precisions.last ?? 2
        seedBits = settings.seedBits
        self.joint = joint
        precisions = settings.precisions.map { Int32($0) }
        preferences = settings.precisions.map { Float(joint.preferences[$0] ?? 1) }
    }

    /// - Parameters:
    ///   - weights: the whole layer, as `codes`.
    ///   - errors: one sum of errors for every 8 rows of the layer: of every precision before, then after.
    func solve(
        _ weights: UnsafePointer<Float>, into codes: UnsafeMutablePointer<UInt8>, tables: TableBuilder,
        errors: UnsafeMutablePointer<[Double]>, pool: ThreadPool
    ) {
        let batch = batchSize(pool)
        let functions = jointFunctions(pool)
        nonisolated(unsafe) let (from, to, out) = (weights, codes, errors)
        pool.run((rows.count + batch - 1) / batch) { part in
            let first = rows.lowerBound + part * batch
            let count = min(batch, rows.upperBound - first)
            solveBatch(
                first: first, count: count, from + first * columns, to + first * columns, tables, out, functions)
        }
    }

    /// Rows at a time: a batch reads the Hessian once, and its sums take 2^bits * columns floats a row. Few enough that
    /// every thread gets some, few enough that their sums stay below 100 MB or so.
    private func batchSize(_ pool: ThreadPool) -> Int {
        let share = rows.count / (4 * pool.threadCount)
        let most = (Int(CQ_JOINT_ROWS) << 6) >> max(bits, 6)
        return max(8, min(most, share / 8 * 8))
    }

    private func solveBatch(
        first: Int, count: Int, _ weights: UnsafePointer<Float>, _ codes: UnsafeMutablePointer<UInt8>,
        _ tables: TableBuilder, _ sums: UnsafeMutablePointer<[Double]>, _ functions: cq_table_t
    ) {
        let width = Int32(columns)
        let byteCount = max(
            cq_scratch_bytes(width, Int32(bits)) + 64,
            cq_joint_scratch_bytes(width, Int32(bits), Int32(precisions.count), Int32(count)))
        let scratch = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64)
        defer { scratch.deallocate() }
        let centroidCount = (2 << bits) - 4
        var errors = [Double](repeating: 0, count: 2 * precisionLimit * Int(CQ_JOINT_ROWS))
        withUnsafeTemporaryAllocation(of: Float.self, capacity: count * centroidCount) { buffer in
            guard let centroids = buffer.baseAddress else { return }
            for row in 0..<count {
                cq_quantize_row(
                    weights + row * columns, hessian.diagonal, width, Int32(seedBits), Int32(bits),
                    codes + row * columns,
                    centroids + row * centroidCount, scratch)
            }
            withProblem { problem in
                functions.joint_rows(problem, weights, Int32(count), codes, centroids, &errors, scratch)
            }
            for row in 0..<count {
                for index in 0..<2 * precisionLimit {
                    sums[(first + row) / 8][index] += errors[row * 2 * precisionLimit + index]
                }
                tables.set(
                    row: first + row, centroids: centroids + row * centroidCount, codes: codes + row * columns,
                    importance: hessian.diagonal, columns: columns)
            }
        }
    }

    private func withProblem(_ body: (UnsafePointer<cq_joint_t>) -> Void) {
        precisions.withUnsafeBufferPointer { precisions in
            preferences.withUnsafeBufferPointer { preferences in
                var problem = cq_joint_t()
                problem.hessian = hessian.panels
                problem.feedback = hessian.feedbackPanels
                problem.columns = Int32(columns)
                problem.bits = Int32(bits)
                problem.precisions = precisions.baseAddress
                problem.precision_count = Int32(precisions.count)
                problem.preferences = preferences.baseAddress
                problem.rounds = Int32(joint.rounds)
                body(&problem)
            }
        }
        withExtendedLifetime(hessian) {}
    }
}
