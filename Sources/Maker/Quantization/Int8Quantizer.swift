internal import CQuantization
public import Kernels
public import Storage

/// Quantizes W, [rows, columns], to uniform symmetric bytes with one scale per row of least squared error.
/// - Parameter firstRow: of the tensor among these.
/// - Throws: `badData` naming the first weight that is not finite.
public func quantizeInt8(
    name: String, weights: [Float], firstRow: Int = 0, rows: Int, columns: Int, pool: ThreadPool
) throws(TaperError) -> PackedInt8 {
    precondition(weights.count == rows * columns, "weights do not match their shape")
    try checkFinite(name: name, weights: weights, first: firstRow * columns)
    let paddedRows = NestedLayout.paddedRows(rows)
    var values = [UInt8](repeating: 128, count: rows * columns)
    var scales = [Float](repeating: 0, count: paddedRows)
    let parts = min(rows, pool.threadCount * 16)
    weights.withUnsafeBufferPointer { weights in
        values.withUnsafeMutableBufferPointer { values in
            scales.withUnsafeMutableBufferPointer { scales in
                guard let from = weights.baseAddress, let to = values.baseAddress, let scale = scales.baseAddress else {
                    return
                }
                pool.run(parts) { part in
                    for row in rows * part / parts..<rows * (part + 1) / parts {
                        scale[row] = cq_round_row(from + row * columns, Int32(columns), to + row * columns)
                    }
                }
            }
        }
    }
    return PackedInt8(
        name: name, rows: rows, columns: columns,
        values: NestedLayout.tiled(values, rows: rows, columns: columns), scales: scales)
}

/// The same of a matrix that is read part by part, at most 64 MB of floats at once.
/// - Parameter read: [rows.count * columns] of the rows given.
public func quantizeInt8(
    name: String, rows: Int, columns: Int, pool: ThreadPool, read: (Range<Int>) throws(TaperError) -> [Float]
) throws(TaperError) -> PackedInt8 {
    var (values, scales): ([UInt8], [Float]) = ([], [])
    for range in tileParts(rows: rows, columns: columns) {
        let part = try quantizeInt8(
            name: name, weights: try read(range), firstRow: range.lowerBound, rows: range.count, columns: columns,
            pool: pool)
        values += part.values
        scales += part.scales
    }
    return PackedInt8(name: name, rows: rows, columns: columns, values: values, scales: scales)
}
