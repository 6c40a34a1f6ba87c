public import Kernels

extension PackedMatrix {
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
