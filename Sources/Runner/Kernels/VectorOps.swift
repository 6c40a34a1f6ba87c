internal import CKernels
import Storage

/// What is done between the products; [tokens][columns] rows are divided among threads.
public struct VectorOps {
    let functions: ck_table_t
    let pool: ThreadPool

    public init(_ pool: ThreadPool) {
        self.pool = pool
        functions = pool.kernels.functions
    }

    /// Runs `body` for every token, on all threads when there are enough tokens.
    public func rows(_ tokens: Int, _ body: (Int) -> Void) {
        let parts = tokens >= 8 && pool.threadCount > 1 ? min(tokens, pool.threadCount * 2) : 1
        pool.run(parts) { part in for token in ThreadPool.slice(tokens, part: part, of: parts) { body(token) } }
    }

    /// x / sqrt(mean(x^2) + epsilon) * weight (Zhang and Sennrich 2019, eq. 4); `out` may be x.
    @inline(never)
    public func rmsNorm(
        _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>, epsilon: Float, tokens: Int, columns: Int,
        into out: UnsafeMutablePointer<Float>
    ) {
        rows(tokens) { functions.rms_norm(x + $0 * columns, weight, epsilon, Int32(columns), out + $0 * columns) }
    }

    /// (x - mean) / sqrt(variance + epsilon) * weight + bias (Ba et al. 2016); `out` may be x.
    @inline(never)
    public func layerNorm(
        _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>?, epsilon: Float,
        tokens: Int, columns: Int, into out: UnsafeMutablePointer<Float>
    ) {
        rows(tokens) {
            functions.layer_norm(x + $0 * columns, weight, bias, epsilon, Int32(columns), out + $0 * columns)
        }
    }

    /// The norm of every head by itself: x is [tokens][heads * headSize]. The weight is [headSize], for all heads
    /// (stride 0), or [heads][weightStride], one for each.
    ///
    /// RMS norm, or centred a layer norm without bias. `out` may be x.
    @inline(never)
    public func headNorm(
        _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>, weightStride: Int, tokens: Int, heads: Int,
        headSize: Int, epsilon: Float, centred: Bool, into out: UnsafeMutablePointer<Float>
    ) {
        precondition(weightStride == 0 || weightStride >= headSize, "weights of heads overlap")
        rows(tokens) { token in
            for head in 0..<heads {
                let at = (token * heads + head) * headSize
                let own = weight + head * weightStride
                if centred {
                    functions.layer_norm(x + at, own, nil, epsilon, Int32(headSize), out + at)
                } else {
                    functions.rms_norm(x + at, own, epsilon, Int32(headSize), out + at)
                }
            }
        }
    }

    /// Rotates heads of x, [tokens][heads * headSize]; cosines and sines are [tokens][pairs] of the tokens' positions.
    @inline(never)
    public func rope(
        _ x: UnsafeMutablePointer<Float>, tokens: Int, heads: Int, headSize: Int, pairs: Int,
        cosines: UnsafePointer<Float>, sines: UnsafePointer<Float>
    ) {
        rows(tokens) {
            functions.rope(
                x + $0 * heads * headSize, Int32(heads), Int32(headSize), Int32(pairs), cosines + $0 * pairs,
                sines + $0 * pairs)
        }
    }

    /// Index of the largest value; the first of equals.
    public func argmax(_ x: UnsafePointer<Float>, count: Int) -> Int { Int(functions.argmax(x, Int32(count))) }

    /// Largest magnitude: infinite or NaN when any value is.
    public func magnitude(_ x: UnsafePointer<Float>, count: Int) -> Float { functions.magnitude(x, Int32(count)) }

    /// x[i] = exp(x[i] - max); returns their sum.
    public func softmaxNumerators(_ x: UnsafeMutablePointer<Float>, count: Int) -> Float {
        functions.softmax_numerators(x, Int32(count))
    }
}
