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

/// A matrix cut into rows that are at most 64 MB of floats; whole tiles, so that parts lie one after the other.
func tileParts(rows: Int, columns: Int) -> [Range<Int>] {
    let unit = NestedLayout.tileRows
    let piece = max(1, (1 << 24) / max(1, columns) / unit) * unit
    return stride(from: 0, to: rows, by: piece).map { $0..<min(rows, $0 + piece) }
}

extension PackedMatrix {
    /// A matrix that is quantized part by part, at most 64 MB of floats at once.
    /// - Parameter part: of the rows given, with their tables.
    public init(
        rows: Int, columns: Int, part: (Range<Int>) throws(TaperError) -> PackedMatrix
    ) throws(TaperError) {
        let ranges = tileParts(rows: rows, columns: columns)
        guard let first = ranges.first else { preconditionFailure("a matrix without rows") }
        self = try part(first)
        for range in ranges.dropFirst() {
            let next = try part(range)
            for plane in planes.indices { planes[plane] += next.planes[plane] }
            for table in tables.indices {
                tables[table].entries += next.tables[table].entries
                tables[table].scales += next.tables[table].scales
            }
        }
        self.rows = rows
    }

    /// The weights as the kernels see them at one precision, [rows * columns].
    public func dequantized(bits: Int) -> [Float] { dequantized(bits: bits, rows: 0..<rows) }

    /// Some rows of them, [range.count * columns].
    public func dequantized(bits: Int, rows range: Range<Int>) -> [Float] {
        guard let table = tables.first(where: { $0.bits == bits }) else { preconditionFailure("precision not served") }
        // Whole tiles have planes of their own.
        let first = range.lowerBound / NestedLayout.tileRows * NestedLayout.tileRows
        let planes = planes.prefix(NestedLayout.planeCount(bits: bits)).enumerated().map { plane, bytes in
            let start = NestedLayout.planeByteCount(rows: first, columns: columns, plane: plane)
            let end = NestedLayout.planeByteCount(rows: range.upperBound, columns: columns, plane: plane)
            return start == 0 && end == bytes.count ? bytes : Array(bytes[start..<end])
        }
        let codes = NestedLayout.unpack(
            planes: planes, rows: range.upperBound - first, columns: columns, bits: bits)
        let order = (0..<1 << bits).map { NestedLayout.tableIndex(ofPrefix: $0, bits: bits) }
        var out = [Float](repeating: 0, count: range.count * columns)
        for row in range {
            let values = order.map { (Float(table.entries[row << bits + $0]) - 128) * table.scales[row] }
            let (to, from) = ((row - range.lowerBound) * columns, (row - first) * columns)
            for column in 0..<columns { out[to + column] = values[Int(codes[from + column])] }
        }
        return out
    }
}

extension PackedInt8 {
    /// The weights as the kernels see them, [rows * columns].
    public func dequantized() -> [Float] { dequantized(rows: 0..<rows) }

    /// Some rows of them, [range.count * columns].
    public func dequantized(rows range: Range<Int>) -> [Float] {
        var out = [Float](repeating: 0, count: range.count * columns)
        for row in range {
            for column in 0..<columns {
                let value = values[NestedLayout.byteOffset(row: row, column: column, columns: columns)]
                out[(row - range.lowerBound) * columns + column] = (Float(value) - 128) * scales[row]
            }
        }
        return out
    }
}
