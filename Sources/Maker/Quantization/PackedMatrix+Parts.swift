public import Kernels
public import Storage

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
        for plane in planes.indices {
            planes[plane].reserveCapacity(NestedLayout.planeByteCount(rows: rows, columns: columns, plane: plane))
        }
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
}
