internal import CQuantization
public import Kernels
public import Storage

/// Quantizes W, [rows, columns], to uniform symmetric bytes with one scale per row of least squared error.
/// - Throws: `badData` naming the first weight that is not finite.
public func quantizeInt8(
    name: String, weights: [Float], rows: Int, columns: Int, pool: ThreadPool
) throws(TaperError) -> PackedInt8 {
    precondition(weights.count == rows * columns, "weights do not match their shape")
    try checkFinite(name: name, weights: weights)
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
    // Whole tiles, so that parts lie one after the other.
    let unit = NestedLayout.paddedRows(1)
    let piece = max(1, (1 << 24) / max(1, columns) / unit) * unit
    var (values, scales): ([UInt8], [Float]) = ([], [])
    for start in stride(from: 0, to: rows, by: piece) {
        let range = start..<min(rows, start + piece)
        let part = try quantizeInt8(
            name: name, weights: try read(range), rows: range.count, columns: columns, pool: pool)
        values += part.values
        scales += part.scales
    }
    return PackedInt8(name: name, rows: rows, columns: columns, values: values, scales: scales)
}

extension PackedMatrix {
    /// The weights as the kernels see them at one precision, [rows * columns].
    public func dequantized(bits: Int) -> [Float] {
        guard let table = tables.first(where: { $0.bits == bits }) else { preconditionFailure("precision not served") }
        let codes = NestedLayout.unpack(planes: planes, rows: rows, columns: columns, bits: bits)
        let order = (0..<1 << bits).map { NestedLayout.tableIndex(ofPrefix: $0, bits: bits) }
        var out = [Float](repeating: 0, count: rows * columns)
        for row in 0..<rows {
            let values = order.map { (Float(table.entries[row << bits + $0]) - 128) * table.scales[row] }
            for column in row * columns..<(row + 1) * columns { out[column] = values[Int(codes[column])] }
        }
        return out
    }
}

extension PackedInt8 {
    /// The weights as the kernels see them, [rows * columns].
    public func dequantized() -> [Float] {
        var out = [Float](repeating: 0, count: rows * columns)
        for row in 0..<rows {
            for column in 0..<columns {
                let value = values[NestedLayout.byteOffset(row: row, column: column, columns: columns)]
                out[row * columns + column] = (Float(value) - 128) * scales[row]
            }
        }
        return out
    }
}
