internal import COpenBLAS
import Storage

/// Single-precision matrix products by OpenBLAS.
enum BLAS {
    /// - Throws: `noInput` when the library is not installed.
    static func load(threads: Int) throws(TaperError) {
        guard ob_load(Int32(threads)) == 0 else {
            throw TaperError(
                .noInput, "OpenBLAS is not installed", at: "libopenblas.so.0",
                remedy: "On Debian: apt-get install libopenblas-dev")
        }
    }

    /// out [m, n] = x [m, k] W^T, W [n, k].
    static func multiply(
        _ x: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, m: Int, n: Int, k: Int,
        into out: UnsafeMutablePointer<Float>
    ) {
        ob_sgemm(0, 1, Int32(m), Int32(n), Int32(k), 1, x, Int32(k), weights, Int32(k), 0, out, Int32(n))
    }

    /// General strided form for attention: C = alpha A op(B).
    static func strided(
        transposeB: Bool, m: Int, n: Int, k: Int, alpha: Float, a: UnsafePointer<Float>, lda: Int,
        b: UnsafePointer<Float>, ldb: Int, c: UnsafeMutablePointer<Float>, ldc: Int
    ) {
        ob_sgemm(
            0, transposeB ? 1 : 0, Int32(m), Int32(n), Int32(k), alpha, a, Int32(lda), b, Int32(ldb), 0, c, Int32(ldc))
    }
}
