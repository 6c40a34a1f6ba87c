internal import CKernels
import Storage

/// The products of several precisions with the same rows of weights: planes that one precision has read are still in the
/// cache for the next.
///
/// - Parameters:
///   - products: of every matrix, at most three of the same columns, one for each group of rows of `x`, in order: matrix by
///     matrix. A group's output begins with its first row.
///   - x: bytes of all rows, whose `groups` say which belong together.
public func multiply(_ products: [Product], _ x: ActivationBuffer, pool: ThreadPool) {
    let groupCount = x.groups.count
    precondition(groupCount > 0 && products.count % groupCount == 0, "every matrix has a product for each group")
    let matrixCount = products.count / groupCount
    let views = x.views()
    let functions = pool.kernels.functions
    let isArranged = x.prepareArrangement(pool)
    var matrices = products.map { $0.matrix.view($0.bits) }
    precondition(
        matrices.allSatisfy { $0.tiles == views[0].tiles && $0.bits != BitWidth.half } && !x.holdsFloats,
        "the activations do not match the matrices")
    // Of 16 rows each where tile registers take many tokens.
    let unit = 4
    var ends: [Int] = []
    for index in 0..<matrixCount {
        let tileRows = (Int(matrices[index * groupCount].rows) + 7) / 8
        ends.append((ends.last ?? 0) + (tileRows + unit - 1) / unit)
    }
    let total = ends.last ?? 0
    let parts = pool.threadCount == 1 ? 1 : min(total, pool.threadCount * 8)
    let scratch = pool.scratch(byteCount: ck_product_scratch_bytes(views[0].tiles))
    let stride = pool.scratchStride
    let gemv = required(functions.gemv)
    let gemm = required(functions.gemm)
    // So many tile rows at a time that their planes stay near.
    let step = max(unit, (1 << 18) / (512 * Int(views[0].tiles)) / unit * unit)
    matrices.withUnsafeMutableBufferPointer { matrices in
        let matrices = UnsafeBufferPointer(matrices)
        pool.run(parts) { part, thread in
            let range = pool.slice(total, part: part, of: parts)
            for index in 0..<matrixCount {
                let start = index == 0 ? 0 : ends[index - 1]
                let low = max(range.lowerBound, start) - start
                let high = min(range.upperBound, ends[index]) - start
                guard low < high, let base = matrices.baseAddress else { continue }
                let rows = Int(matrices[index * groupCount].rows)
                let last = min(high * unit, (rows + 7) / 8)
                for first in Swift.stride(from: low * unit, to: last, by: step) {
                    // The most bits first: they read what all others need.
                    for group in (0..<groupCount).reversed() {
                        let job = index * groupCount + group
                        var activations = views[group]
                        if activations.tokens == 0 { continue }
                        let isMany = activations.tokens > 1
                        if isMany && isArranged {
                            activations.arranged = x.arranged(on: thread, group: group, pool)
                        }
                        (isMany ? gemm : gemv)(
                            base + job, &activations, products[job].output, Int64(rows), Int32(first),
                            Int32(min(first + step, last)), scratch + thread * stride)
                    }
                }
            }
        }
    }
}
