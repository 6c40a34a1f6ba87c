internal import CKernels
import Storage

/// Where weights of precision 16 stand in memory: IEEE half precision, not nested, in the tiles of `NestedLayout`.
///
/// Tiles of 8 rows x 64 columns follow one another along a row of tiles, then down; each holds 64 values of each of its
/// rows in turn, 1024 bytes. Rows are padded to 8, columns to 64, with zeros. One token thus reads a matrix from front to
/// end as one stream.
public enum HalfLayout {
    /// Largest finite value of half precision; larger weights have no 16-bit form.
    public static let largest: Float = 65504

    /// Padded values of a matrix.
    public static func valueCount(rows: Int, columns: Int) -> Int {
        NestedLayout.paddedRows(rows) * NestedLayout.paddedColumns(columns)
    }
    public static func byteCount(rows: Int, columns: Int) -> Int { valueCount(rows: rows, columns: columns) * 2 }

    /// Rounds W, [rows][columns], to half precision, ties to even, and lays it out; values beyond `largest` become infinite.
    public static func pack(_ weights: [Float], rows: Int, columns: Int, pool: ThreadPool) -> [UInt16] {
        precondition(weights.count == rows * columns, "weights do not match their shape")
        var out = [UInt16](repeating: 0, count: valueCount(rows: rows, columns: columns))
        let convert = required(pool.kernels.functions.to_half)
        let parts = min(rows, pool.threadCount * 4)
        weights.withUnsafeBufferPointer { weights in
            out.withUnsafeMutableBufferPointer { out in
                guard let from = weights.baseAddress, let to = out.baseAddress else { return }
                pool.run(parts) { part in
                    for row in ThreadPool.slice(rows, part: part, of: parts) {
                        forEachRun(row, columns) { column, count, offset in
                            convert(from + row * columns + column, Int32(count), to + offset)
                        }
                    }
                }
            }
        }
        return out
    }

    /// One row as floats; `out` holds `columns` values.
    static func unpackRow(
        _ values: UnsafePointer<UInt16>, row: Int, columns: Int, into out: UnsafeMutablePointer<Float>, pool: ThreadPool
    ) {
        let convert = required(pool.kernels.functions.from_half)
        forEachRun(row, columns) { column, count, offset in convert(values + offset, Int32(count), out + column) }
    }

    /// The pieces of a row that lie together: first column, count, and offset in values.
    private static func forEachRun(_ row: Int, _ columns: Int, _ body: (Int, Int, Int) -> Void) {
        for column in stride(from: 0, to: columns, by: NestedLayout.tileColumns) {
            // Values stand where the bytes of an int8 matrix stand.
            let offset = NestedLayout.byteOffset(row: row, column: column, columns: columns)
            body(column, min(NestedLayout.tileColumns, columns - column), offset)
        }
    }
}

/// Owned weights of precision 16.
public struct PackedHalf: Sendable {
    public var name: String
    public var rows: Int
    public var columns: Int
    /// Half-precision bits, tile by tile (`HalfLayout`), zero where padded.
    public var values: [UInt16]

    public init(name: String, rows: Int, columns: Int, values: [UInt16]) {
        self.name = name
        self.rows = rows
        self.columns = columns
        self.values = values
    }
}
