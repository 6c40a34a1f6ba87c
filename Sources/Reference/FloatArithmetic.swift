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

    /// Floating-point operations a second of products on all threads of the pool, measured for some tens of milliseconds.
    /// - Throws: `noInput` without OpenBLAS.
    public static func operationsPerSecond(_ pool: ThreadPool) throws(TaperError) -> Double {
        let blas = try BLAS(pool)
        let (tokens, size) = (256, 512)
        let x = [Float](repeating: 1, count: tokens * size)
        let weights = [Float](repeating: 0.5, count: 4 * size * size)
        var y = [Float](repeating: 0, count: tokens * 4 * size)
        var best = 0.0
        let start = monotonicSeconds()
        while monotonicSeconds() - start < 0.04 {
            let begun = monotonicSeconds()
            x.withUnsafeBufferPointer { x in
                weights.withUnsafeBufferPointer { weights in
                    y.withUnsafeMutableBufferPointer { y in
                        guard let x = x.baseAddress, let weights = weights.baseAddress, let y = y.baseAddress else {
                            return
                        }
                        blas.multiply(x, weights, tokens: tokens, rows: 4 * size, columns: size, into: y)
                    }
                }
            }
            best = max(best, 8 * Double(tokens * size * size) / max(monotonicSeconds() - begun, 1e-9))
        }
        return best
    }
}
