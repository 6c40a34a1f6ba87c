import Kernels
import Quantization
import Reference
import Storage

/// What this machine does in a second, on all of the pool's threads together.
package struct MachineRates {
    /// Operations in products of floats in single precision.
    let single: Double
    /// The same of passes over calibration text, and bytes of a weight in these.
    let passes: Double
    let passBytes: Int
    /// Seconds of joint codes, and of k-means, for what takes a thread of the machine of `ConversionEstimate`'s costs one second;
    /// nil where they were not measured, and follow the products.
    let joint: Double?
    let kMeans: Double?

    /// Measured on the pool's threads in some tenths of a second.
    /// - Throws: `noInput` without OpenBLAS.
    /// - Parameter joint: whether joint codes are found at all.
    init(measuring pool: ThreadPool, joint isJoint: Bool) throws(TaperError) {
        single = try FloatArithmetic.operationsPerSecond(pool, .single)
        let isSingle = FloatPrecision.fastest == .single
        passes = isSingle ? single : try FloatArithmetic.operationsPerSecond(pool, .fastest)
        passBytes = FloatPrecision.fastest.bytesPerWeight
        let probe = try Probe(pool)
        joint = isJoint ? try probe.joint() : nil
        kMeans = try probe.kMeans()
    }

    init(single: Double, passes: Double, passBytes: Int) {
        (self.single, self.passes, self.passBytes) = (single, passes, passBytes)
        (joint, kMeans) = (nil, nil)
    }
}

/// A few rows of random weights, quantized as a conversion quantizes them; the better of two runs, so that what other programs take
/// away counts less.
private struct Probe {
    private let pool: ThreadPool
    private let rows: Int
    private let columns = 768
    private let weights: [Float]
    private let settings = NestedSettings(precisions: [2, 3, 4, 5, 6], seedBits: 3)

    init(_ pool: ThreadPool) throws(TaperError) {
        self.pool = pool
        // Enough for all threads, few enough to be quick; wider layers and batches of more rows cost and save about alike.
        rows = 32 * pool.threadCount
        var random = RandomGenerator(seed: 1)
        weights = (0..<rows * columns).map { _ in
            Float(random.uniform() + random.uniform() + random.uniform() - 1.5)
        }
    }

    private func shortest(_ body: () throws(TaperError) -> Void) throws(TaperError) -> Double {
        var seconds = Double.infinity
        for _ in 0..<2 {
            let start = monotonicSeconds()
            try body()
            seconds = min(seconds, monotonicSeconds() - start)
        }
        return max(seconds, 1e-9)
    }

    func joint() throws(TaperError) -> Double {
        let joint = JointSettings()
        // Inputs that resemble their neighbours.
        var values = [Float](repeating: 0, count: columns * columns)
        var row = [Float](repeating: 1, count: columns)
        for index in 1..<columns { row[index] = row[index - 1] * 0.9 }
        for i in 0..<columns { for j in 0..<columns { values[i * columns + j] = row[abs(i - j)] } }
        let hessian = try LayerHessian(values, columns: columns, joint: joint, pool: pool, place: "a probe")
        let seconds = try shortest { () throws(TaperError) in
            _ = try quantizeJoint(
                name: "a probe", weights: weights, rows: rows, columns: columns,
                hessians: [RowHessian(rows: 0..<rows, hessian: hessian)], settings: settings, joint: joint, pool: pool)
        }
        return seconds / ConversionEstimate.jointly(rows: rows, columns: columns, rounds: joint.rounds)
    }

    func kMeans() throws(TaperError) -> Double {
        let sensitivity = [Float](repeating: 1, count: columns)
        let seconds = try shortest { () throws(TaperError) in
            _ = try quantizeNested(
                name: "a probe", weights: weights, rows: rows, columns: columns, sensitivity: sensitivity,
                settings: settings, pool: pool)
        }
        return seconds / (Double(weights.count) * ConversionEstimate.Costs.kMeans)
    }
}
