internal import COneDNN
internal import COpenBLAS
public import Kernels
public import Storage

/// What the last bits of the float model's results depend on besides its inputs.
public enum FloatArithmetic {
    /// OpenBLAS and oneDNN with their versions and the kernels they chose, and the processor's best instruction set.
    public static var name: String {
        let single = ob_load() == 0 ? ob_describe().map { String(cString: $0) } : nil
        let low = od_describe().map { ", " + String(cString: $0) } ?? ""
        return (single ?? "no OpenBLAS") + low + ", " + InstructionSet.best.name
    }

    /// Floating-point operations a second that the pool's threads together do in products of this precision: the best of some
    /// tens of milliseconds, so that what other programs take away does not count.
    /// - Throws: `noInput` without the library that multiplies in this precision.
    public static func operationsPerSecond(
        _ pool: ThreadPool, _ precision: FloatPrecision
    ) throws(TaperError) -> Double {
        let blas = try BLAS(pool, precision)
        // A millisecond: short enough to run without being interrupted, long enough to reach full speed, wide enough for
        // all threads, of which two may share a processor's units.
        let (tokens, rows, columns) = (256, 512 * pool.threadCount, 512)
        let x = [Float](repeating: 1, count: tokens * columns)
        let weights = FloatMatrix([Float](repeating: 0.5, count: rows * columns), precision)
        var y = [Float](repeating: 0, count: tokens * rows)
        var shortest = Double.infinity
        let start = monotonicSeconds()
        var count = 0
        // The first one also loads a library, or has it prepare itself.
        while count < 6 || monotonicSeconds() - start < 0.04 {
            count += 1
            let begun = monotonicSeconds()
            x.withUnsafeBufferPointer { x in
                y.withUnsafeMutableBufferPointer { y in
                    guard let x = x.baseAddress, let y = y.baseAddress else { return }
                    blas.multiply(x, weights, tokens: tokens, rows: rows, columns: columns, into: y)
                }
            }
            shortest = min(shortest, monotonicSeconds() - begun)
        }
        return 2 * Double(tokens * rows * columns) / max(shortest, 1e-9)
    }
}
