import Storage

// What products and lookups read, for those who look at it before.
extension WeightMatrix {
    /// Calls `each` with every run of memory that a product at `bits` reads: planes, entries and scales; or bytes and scales.
    public func eachPart(bits: Int, _ each: (UnsafeRawBufferPointer) -> Void) {
        eachPart(bits: bits, rows: 0..<NestedLayout.paddedRows(rows), each)
    }

    /// The same of what a lookup of one row reads: of planes the row's tiles.
    public func eachPart(bits: Int, row: Int, _ each: (UnsafeRawBufferPointer) -> Void) {
        let first = row / NestedLayout.tileRows * NestedLayout.tileRows
        eachPart(bits: bits, rows: first..<first + NestedLayout.tileRows, each)
    }

    /// - Parameter part: whole rows of tiles.
    private func eachPart(bits: Int, rows part: Range<Int>, _ each: (UnsafeRawBufferPointer) -> Void) {
        let all = NestedLayout.paddedRows(rows)
        /// That share of something which is as large for every row.
        func share(_ base: UnsafeRawPointer, _ byteCount: Int) {
            let ofRow = byteCount / all
            each(UnsafeRawBufferPointer(start: base + part.lowerBound * ofRow, count: part.count * ofRow))
        }
        switch encoding {
        case .int8(let matrix):
            share(matrix.values, all * NestedLayout.paddedColumns(columns))
            share(matrix.scales, all * 4)
        case .nested(let matrix):
            let served = effectiveBits(bits)
            if served == BitWidth.half, let half = matrix.half {
                return share(half, HalfLayout.byteCount(rows: rows, columns: columns))
            }
            for plane in 0..<NestedLayout.planeCount(bits: served) {
                share(matrix.planes[plane], NestedLayout.planeByteCount(rows: rows, columns: columns, plane: plane))
            }
            for table in matrix.tables where table.bits == served {
                share(table.entries, all << served)
                share(table.scales, all * 4)
            }
        }
    }
}
