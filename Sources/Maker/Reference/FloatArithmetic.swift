internal import COpenBLAS
public import Kernels
public import Storage

/// What the last bits of the float model's results depend on besides its inputs.
public enum FloatArithmetic {
    /// OpenBLAS with its version and the kernels it chose, and the processor's best instruction set.
    public static var name: String {
        guard ob_load() == 0, let text = ob_describe() else { return "no OpenBLAS, " + InstructionSet.best.name }
        return String(cString: text) + ", " + InstructionSet.best.name
    }

    /// Floating-point operations a second that the pool's threads can do in products: the best of one thread in some tens
    /// of milliseconds, times their number as far as there are processors. What other programs take away is not counted.
    /// - Throws: `noInput` without OpenBLAS.
    public static func operationsPerSecond(_ pool: ThreadPool) throws(TaperError) -> Double {
        _ = try BLAS(pool)
        // A tenth of a millisecond: short enough to run without being interrupted, long enough to reach full speed.
        let (tokens, rows, columns) = (64, 512, 256)
        let x = [Float](repeating: 1, count: tokens * columns)
        let weights = [Float](repeating: 0.5, count: rows * columns)
        var y = [Float](repeating: 0, count: tokens * rows)
        var shortest = Double.infinity
        let start = monotonicSeconds()
        while monotonicSeconds() - start < 0.04 {
            let begun = monotonicSeconds()
            x.withUnsafeBufferPointer { x in
                weights.withUnsafeBufferPointer { weights in
                    y.withUnsafeMutableBufferPointer { y in
                        guard let x = x.baseAddress, let weights = weights.baseAddress, let y = y.baseAddress else {
                            return
                        }
                        BLAS.product(
                            m: tokens, n: rows, k: columns, BLAS.Matrix(values: x, stride: columns),
                            BLAS.Matrix(values: weights, stride: columns, transposed: true), into: y, stride: rows)
                    }
                }
            }
            shortest = min(shortest, monotonicSeconds() - begun)
        }
        let threads = min(pool.threadCount, max(1, processorCount()))
        return 2 * Double(tokens * rows * columns) / max(shortest, 1e-9) * Double(threads)
    }
}
