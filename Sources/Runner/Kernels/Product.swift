internal import CKernels
import Storage

/// y = x W^T for one matrix: output [tokens][rows].
public struct Product {
    public var matrix: WeightMatrix
    public var bits: Int
    public var output: UnsafeMutablePointer<Float>
    public init(_ matrix: WeightMatrix, bits: Int, output: UnsafeMutablePointer<Float>) {
        self.matrix = matrix
        self.bits = bits
        self.output = output
    }
}

/// Several products that share their input, under one barrier. Every output is computed wholly by one thread, so the
/// result does not depend on the number of threads.
public func multiply(
    _ first: Product, _ second: Product? = nil, _ third: Product? = nil, _ x: ActivationBuffer, pool: ThreadPool
) {
    var a = first.matrix.view(first.bits)
    var b = second.map { $0.matrix.view($0.bits) } ?? ck_matrix_t()
    var c = third.map { $0.matrix.view($0.bits) } ?? ck_matrix_t()
    let activations = x.view()
    precondition(
        a.tiles == activations.tiles && (second == nil || b.tiles == a.tiles) && (third == nil || c.tiles == a.tiles),
        "the activations do not match the matrix")
    let many = x.tokens > 1
    let isHalf = a.bits == BitWidth.half
    precondition(
        isHalf == x.holdsFloats && (second == nil || (b.bits == BitWidth.half) == isHalf)
            && (third == nil || (c.bits == BitWidth.half) == isHalf),
        "16 bits take floats, all other precisions bytes")
    let functions = pool.kernels.functions
    let kernel = required(
        isHalf ? (many ? functions.gemm_half : functions.gemv_half) : (many ? functions.gemm : functions.gemv))
    let isArranged = many && !isHalf && x.prepareArrangement(pool)
    // Rows of tiles, which the kernels of many tokens take two or, of more than one block of arranged tokens, four at a time.
    let unit = !many ? 1 : isArranged && x.tokens > ActivationBuffer.arrangedBlock ? 4 : 2
    let unitsA = ((Int(a.rows) + 7) / 8 + unit - 1) / unit
    let unitsB = ((Int(b.rows) + 7) / 8 + unit - 1) / unit
    let unitsC = ((Int(c.rows) + 7) / 8 + unit - 1) / unit
    let total = unitsA + unitsB + unitsC
    // A few parts per thread even out what else the machine is doing; tiny products stay on one thread.
    let work = total * unit * Int(a.tiles) * max(1, x.tokens)
    let parts = pool.threadCount == 1 || work < 256 ? 1 : min(total, pool.threadCount * (work > 1 << 14 ? 8 : 2))
    let scratchBytes = ck_product_scratch_bytes(a.tiles)
    let scratch = pool.scratch(byteCount: scratchBytes)
    let stride = pool.scratchStride
    let outA = first.output
    let outB = second?.output ?? first.output
    let outC = third?.output ?? first.output
    withUnsafePointer(to: &a) { a in
        withUnsafePointer(to: &b) { b in
            withUnsafePointer(to: &c) { c in
                pool.run(parts) { part, thread in
                    let range = pool.slice(total, part: part, of: parts)
                    var activations = activations
                    if isArranged { activations.arranged = x.arranged(on: thread, pool) }
                    func go(
                        _ matrix: UnsafePointer<ck_matrix_t>, _ out: UnsafeMutablePointer<Float>, _ start: Int,
                        _ count: Int
                    ) {
                        let low = max(range.lowerBound, start) - start
                        let high = min(range.upperBound, start + count) - start
                        guard low < high else { return }
                        let end = min(high * unit, (Int(matrix.pointee.rows) + 7) / 8)
                        kernel(
                            matrix, &activations, out, Int64(matrix.pointee.rows), Int32(low * unit), Int32(end),
                            scratch + thread * stride)
                    }
                    go(a, outA, 0, unitsA)
                    go(b, outB, unitsA, unitsB)
                    go(c, outC, unitsA + unitsB, unitsC)
                }
            }
        }
    }
}
