import Kernels
import Reference
import Storage

/// Operations a second in products of floats, on all threads together.
package struct FloatRates {
    /// In single precision.
    let single: Double
    /// Of passes over calibration text, and bytes of a weight in these.
    let passes: Double
    let passBytes: Int

    /// Measured on the pool's threads in less than a tenth of a second.
    /// - Throws: `noInput` without OpenBLAS.
    init(measuring pool: ThreadPool) throws(TaperError) {
        single = try FloatArithmetic.operationsPerSecond(pool, .single)
        let isSingle = FloatPrecision.fastest == .single
        passes = isSingle ? single : try FloatArithmetic.operationsPerSecond(pool, .fastest)
        passBytes = isSingle ? 4 : 2
    }

    init(single: Double, passes: Double, passBytes: Int) {
        (self.single, self.passes, self.passBytes) = (single, passes, passBytes)
    }
}
