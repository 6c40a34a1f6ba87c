internal import COneDNN
internal import COpenBLAS
import Kernels
import Storage

/// Matrix products, row-major: by OpenBLAS in single precision, by oneDNN of factors in bfloat16.
///
/// Both run on one thread; products are divided here, for the pool's threads. On some processors an element's last
/// bits depend on where it lies in a product, so the division depends on the shape alone: results are the same for any
/// number of threads.
struct BLAS {
    let pool: ThreadPool
    let precision: FloatPrecision
    private let first = RoundedFactor()
    private let second = RoundedFactor()

    /// - Throws: `noInput` when OpenBLAS is not installed, or oneDNN where it is asked for.
    init(_ pool: ThreadPool, _ precision: FloatPrecision = .single) throws(TaperError) {
        self.precision = precision
        guard precision == .single || od_load() == 0 else {
            throw TaperError(
                .noInput, "no products of bfloat16 numbers", at: "libdnnl.so.2",
                expected: "oneDNN 2 and a processor with instructions for them",
                remedy: "On Debian: apt-get install libdnnl2")
        }
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

    /// A product in parts: rows and columns of c that each of them makes. Each packs the whole other factor, so the longer side is
    /// divided.
    private func inParts(m: Int, n: Int, k: Int, _ body: (_ rows: Range<Int>, _ columns: Range<Int>) -> Void) {
        let byColumns = n >= 2 * m
        let length = byColumns ? n : m
        let parts = BLAS.parts(length: length, multiplications: m * n * k)
        pool.run(parts) { part in
            let range = length * part / parts..<length * (part + 1) / parts
            body(byColumns ? 0..<m : range, byColumns ? range : 0..<n)
        }
    }

    /// The same on all threads; `stride` is n where c is contiguous.
    private func product(
        m: Int, n: Int, k: Int, _ a: Matrix, _ b: Matrix, keep: Float, into c: UnsafeMutablePointer<Float>, stride: Int
    ) {
        inParts(m: m, n: n, k: k) { rows, columns in
            BLAS.product(
                m: rows.count, n: columns.count, k: k,
                Matrix(values: a.dropping(rows: rows.lowerBound), stride: a.stride, transposed: a.transposed),
                Matrix(values: b.dropping(columns: columns.lowerBound), stride: b.stride, transposed: b.transposed),
                keep: keep, into: c + rows.lowerBound * stride + columns.lowerBound, stride: stride)
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

    /// The same of factors in bfloat16; `keep` is 0 or 1. A transposed factor's rows are those of the memory.
    private func product(
        m: Int, n: Int, k: Int, _ a: UnsafePointer<UInt16>, transposed ta: Bool, _ b: UnsafePointer<UInt16>,
        transposed tb: Bool, keep: Bool, into c: UnsafeMutablePointer<Float>, stride: Int
    ) {
        nonisolated(unsafe) let (a, b, c) = (a, b, c)
        inParts(m: m, n: n, k: k) { rows, columns in
            BLAS.product(
                m: rows.count, n: columns.count, k: k, a + rows.lowerBound * (ta ? 1 : k), stride: ta ? m : k,
                transposed: ta, b + columns.lowerBound * (tb ? k : 1), stride: tb ? k : n, transposed: tb, keep: keep,
                into: c + rows.lowerBound * stride + columns.lowerBound, stride: stride)
        }
    }

    /// c [m, n] = a b, or += with `keep`, of factors in bfloat16 on the calling thread.
    static func product(
        m: Int, n: Int, k: Int, _ a: UnsafePointer<UInt16>, stride lda: Int, transposed ta: Bool,
        _ b: UnsafePointer<UInt16>, stride ldb: Int, transposed tb: Bool, keep: Bool,
        into c: UnsafeMutablePointer<Float>, stride: Int
    ) {
        guard m > 0, n > 0, k > 0 else { return }
        let status = od_product(
            ta ? 1 : 0, tb ? 1 : 0, Int32(m), Int32(n), Int32(k), a, Int32(lda), b, Int32(ldb), keep ? 1 : 0, c,
            Int32(stride))
        // No product can say that it failed; a wrong one must not count.
        precondition(status == 0, "oneDNN refuses a product of \(m) x \(k) x \(n): status \(status)")
    }

    /// y [tokens, rows] = x [tokens, columns] W^T, W [rows, columns]; rows of y are `stride` floats apart, or lie together.
    func multiply(
        _ x: UnsafePointer<Float>, _ weights: FloatMatrix, tokens: Int, rows: Int, columns: Int,
        into y: UnsafeMutablePointer<Float>, stride: Int? = nil
    ) {
        let stride = stride ?? rows
        switch weights {
        case .single(let weights):
            weights.withUnsafeBufferPointer { weights in
                guard let weights = weights.baseAddress else { return }
                product(
                    m: tokens, n: rows, k: columns, Matrix(values: x, stride: columns),
                    Matrix(values: weights, stride: columns, transposed: true), keep: 0, into: y, stride: stride)
            }
        case .bfloat16(let weights):
            let x = first.round(x, count: tokens * columns, pool: pool)
            weights.withUnsafeBufferPointer { weights in
                guard let weights = weights.baseAddress else { return }
                product(
                    m: tokens, n: rows, k: columns, x, transposed: false, weights, transposed: true, keep: false,
                    into: y, stride: stride)
            }
        }
    }

    /// dx [tokens, columns] = dy [tokens, rows] W, or += when `adding`.
    func inputGradient(
        _ dy: UnsafePointer<Float>, _ weights: FloatMatrix, tokens: Int, rows: Int, columns: Int,
        adding: Bool = false, into dx: UnsafeMutablePointer<Float>
    ) {
        switch weights {
        case .single(let weights):
            weights.withUnsafeBufferPointer { weights in
                guard let weights = weights.baseAddress else { return }
                product(
                    m: tokens, n: columns, k: rows, Matrix(values: dy, stride: rows),
                    Matrix(values: weights, stride: columns), keep: adding ? 1 : 0, into: dx, stride: columns)
            }
        case .bfloat16(let weights):
            let dy = first.round(dy, count: tokens * rows, pool: pool)
            weights.withUnsafeBufferPointer { weights in
                guard let weights = weights.baseAddress else { return }
                product(
                    m: tokens, n: columns, k: rows, dy, transposed: false, weights, transposed: false, keep: adding,
                    into: dx, stride: columns)
            }
        }
    }

    /// dW [rows, columns] = dy^T x, dy [tokens, rows], x [tokens, columns].
    func weightGradient(
        _ dy: UnsafePointer<Float>, _ x: UnsafePointer<Float>, tokens: Int, rows: Int, columns: Int,
        into dw: UnsafeMutablePointer<Float>
    ) {
        switch precision {
        case .single:
            product(
                m: rows, n: columns, k: tokens, Matrix(values: dy, stride: rows, transposed: true),
                Matrix(values: x, stride: columns), keep: 0, into: dw, stride: columns)
        case .bfloat16:
            product(
                m: rows, n: columns, k: tokens, first.round(dy, count: tokens * rows, pool: pool), transposed: true,
                second.round(x, count: tokens * columns, pool: pool), transposed: false, keep: false,
                into: dw, stride: columns)
        }
    }

    /// h [columns, columns] += x^T x in its upper triangle and some of the lower, x [rows, columns].
    func addSecondMoments(
        _ x: UnsafePointer<Float>, rows: Int, columns: Int, into h: UnsafeMutablePointer<Float>
    ) {
        nonisolated(unsafe) let h = h
        // The upper triangle in strips: a little more than half of the products.
        func inStrips(of width: Int, _ body: (_ start: Int, _ rows: Int, _ columns: Int) -> Void) {
            pool.run((columns + width - 1) / width) { part in
                let start = part * width
                body(start, min(width, columns - start), columns - start)
            }
        }
        switch precision {
        case .single:
            nonisolated(unsafe) let x = x
            inStrips(of: 96) { start, height, width in
                BLAS.product(
                    m: height, n: width, k: rows, Matrix(values: x + start, stride: columns, transposed: true),
                    Matrix(values: x + start, stride: columns), keep: 1, into: h + start * columns + start,
                    stride: columns)
            }
        case .bfloat16:
            nonisolated(unsafe) let x = first.round(x, count: rows * columns, pool: pool)
            // Fewer strips than shapes that are kept prepared.
            inStrips(of: max(256, (columns / 32 + 31) / 32 * 32)) { start, height, width in
                BLAS.product(
                    m: height, n: width, k: rows, x + start, stride: columns, transposed: true, x + start,
                    stride: columns, transposed: false, keep: true, into: h + start * columns + start, stride: columns)
            }
        }
    }
}
