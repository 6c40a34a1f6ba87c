internal import COpenBLAS
import Kernels
import Storage

/// Single-precision matrix products by OpenBLAS, row-major.
///
/// OpenBLAS runs on one thread; products are divided here, for the pool's threads. On some processors an element's last
/// bits depend on where it lies in a product, so the division depends on the shape alone: results are the same for any
/// number of threads.
struct BLAS {
    let pool: ThreadPool

    /// - Throws: `noInput` when the library is not installed.
    init(_ pool: ThreadPool) throws(TaperError) {
        guard ob_load() == 0 else {
            throw TaperError(
                .noInput, "OpenBLAS is not installed", at: "libopenblas.so.0",
                remedy: "On Debian: apt-get install libopenblas-dev")
        }
        self.pool = pool
    }

    /// One factor: its rows are `stride` floats apart.
    struct Matrix {
        let values: UnsafePointer<Float>
        let stride: Int
        var transposed = false

        /// The factor without the first `count` rows (columns when transposed) of what is multiplied.
        func dropping(rows count: Int) -> UnsafePointer<Float> { values + count * (transposed ? 1 : stride) }
        func dropping(columns count: Int) -> UnsafePointer<Float> { values + count * (transposed ? stride : 1) }
    }

    /// c [m, n] = scale a b + keep c, on the calling thread; a is [m, k] and b [k, n] after transposition.
    static func product(
        m: Int, n: Int, k: Int, scale: Float = 1, _ a: Matrix, _ b: Matrix, keep: Float = 0,
        into c: UnsafeMutablePointer<Float>, stride: Int
    ) {
        ob_sgemm(
            a.transposed ? 1 : 0, b.transposed ? 1 : 0, Int32(m), Int32(n), Int32(k), scale, a.values, Int32(a.stride),
            b.values, Int32(b.stride), keep, c, Int32(stride))
    }

    /// The same on all threads, with contiguous c.
    private func product(
        m: Int, n: Int, k: Int, _ a: Matrix, _ b: Matrix, keep: Float, into c: UnsafeMutablePointer<Float>
    ) {
        // Each part packs the whole other factor, so the longer side is divided.
        let byColumns = n >= 2 * m
        let length = byColumns ? n : m
        let parts = BLAS.parts(length: length, multiplications: m * n * k)
        pool.run(parts) { part in
            let start = length * part / parts
            let end = length * (part + 1) / parts
            let first =
                byColumns
                ? Matrix(values: a.values, stride: a.stride, transposed: a.transposed)
                : Matrix(values: a.dropping(rows: start), stride: a.stride, transposed: a.transposed)
            let second =
                byColumns
                ? Matrix(values: b.dropping(columns: start), stride: b.stride, transposed: b.transposed) : b
            BLAS.product(
                m: byColumns ? m : end - start, n: byColumns ? end - start : n, k: k, first, second, keep: keep,
                into: c + (byColumns ? start : start * n), stride: n)
        }
    }

    /// Parts of a product: 1, 2, 4, 8 or 16, so that few threads get equal shares. A part has 256 rows or more, because
    /// packing costs 5% more with half of that, and 2^21 multiplications, about 30 microseconds, for which waking a
    /// thread pays.
    static func parts(length: Int, multiplications: Int) -> Int {
        var parts = 1
        while parts < 16, length / (2 * parts) >= 256, multiplications / (2 * parts) >= 1 << 21 { parts *= 2 }
        return parts
    }

    /// y [tokens, rows] = x [tokens, columns] W^T, W [rows, columns].
    func multiply(
        _ x: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, tokens: Int, rows: Int, columns: Int,
        into y: UnsafeMutablePointer<Float>
    ) {
        product(
            m: tokens, n: rows, k: columns, Matrix(values: x, stride: columns),
            Matrix(values: weights, stride: columns, transposed: true), keep: 0, into: y)
    }

    /// dx [tokens, columns] = dy [tokens, rows] W, or += when `adding`.
    func inputGradient(
        _ dy: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, tokens: Int, rows: Int, columns: Int,
        adding: Bool = false, into dx: UnsafeMutablePointer<Float>
    ) {
        product(
            m: tokens, n: columns, k: rows, Matrix(values: dy, stride: rows), Matrix(values: weights, stride: columns),
            keep: adding ? 1 : 0, into: dx)
    }

    /// dW [rows, columns] = dy^T x, dy [tokens, rows], x [tokens, columns].
    func weightGradient(
        _ dy: UnsafePointer<Float>, _ x: UnsafePointer<Float>, tokens: Int, rows: Int, columns: Int,
        into dw: UnsafeMutablePointer<Float>
    ) {
        product(
            m: rows, n: columns, k: tokens, Matrix(values: dy, stride: rows, transposed: true),
            Matrix(values: x, stride: columns), keep: 0, into: dw)
    }
}
