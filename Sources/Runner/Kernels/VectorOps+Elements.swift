internal import CKernels

/// Activations, sums and factors: what is done with each element alone.
extension VectorOps {
    /// Runs `body` for pieces of `count` elements, on all threads when there are enough of them, be it in one row. A piece is
    /// a start and a count.
    ///
    /// 32768 elements take some 10 microseconds, several times what waking threads costs.
    private func pieces(_ count: Int, _ body: (Int, Int32) -> Void) {
        let parts = count >= 1 << 15 ? pool.threadCount : 1
        let block = 16  // Whole vectors but for the last.
        let blocks = (count + block - 1) / block
        pool.run(parts) { part in
            let slice = ThreadPool.slice(blocks, part: part, of: parts)
            let start = slice.lowerBound * block
            body(start, Int32(min(slice.upperBound * block, count) - start))
        }
    }

    /// silu(gate) * up; `out` may be either input.
    @inline(never)
    public func siluMultiply(
        gate: UnsafePointer<Float>, up: UnsafePointer<Float>, tokens: Int, columns: Int,
        into out: UnsafeMutablePointer<Float>
    ) {
        rows(tokens) {
            functions.silu_multiply(gate + $0 * columns, up + $0 * columns, Int32(columns), out + $0 * columns)
        }
    }

    /// x * sigmoid(x); in place.
    public func silu(_ x: UnsafeMutablePointer<Float>, tokens: Int, columns: Int) {
        rows(tokens) { functions.silu_multiply(x + $0 * columns, nil, Int32(columns), x + $0 * columns) }
    }

    /// gelu(gate) * up with gelu(x) = x * Phi(x), exactly or in its tanh form; `out` may be either input.
    @inline(never)
    public func geluMultiply(
        gate: UnsafePointer<Float>, up: UnsafePointer<Float>, tokens: Int, columns: Int, tanhForm: Bool,
        into out: UnsafeMutablePointer<Float>
    ) {
        rows(tokens) {
            let at = $0 * columns
            functions.gelu_multiply(gate + at, up + at, tanhForm ? 1 : 0, Int32(columns), out + at)
        }
    }

    /// x * Phi(x), exactly or in its tanh form; in place.
    @inline(never)
    public func gelu(_ x: UnsafeMutablePointer<Float>, tanhForm: Bool, tokens: Int, columns: Int) {
        rows(tokens) {
            functions.gelu_multiply(x + $0 * columns, nil, tanhForm ? 1 : 0, Int32(columns), x + $0 * columns)
        }
    }

    /// into += x.
    @inline(never)
    public func add(_ x: UnsafePointer<Float>, tokens: Int, columns: Int, into: UnsafeMutablePointer<Float>) {
        rows(tokens) { functions.add(x + $0 * columns, Int32(columns), into + $0 * columns) }
    }

    /// Every row of `x` += bias, [columns].
    public func addBias(_ bias: UnsafePointer<Float>, tokens: Int, columns: Int, to x: UnsafeMutablePointer<Float>) {
        rows(tokens) { functions.add(bias, Int32(columns), x + $0 * columns) }
    }

    /// x = cap * tanh(x / cap) for a cap above 0 (Gemma 2, arXiv 2408.00118, section 2).
    public func softCap(_ x: UnsafeMutablePointer<Float>, cap: Float, tokens: Int, columns: Int) {
        precondition(cap > 0, "a cap is above 0")
        pieces(tokens * columns) { functions.soft_cap(x + $0, 1 / cap, cap, $1) }
    }
}
