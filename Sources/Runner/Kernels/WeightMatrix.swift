internal import CKernels
import Storage

/// Borrowed weights in nested planes, and perhaps in half precision beside them; the pointers are valid while the bundle
/// lives.
public struct NestedMatrix {
    /// One precision's centroids: entries [padded rows][2^bits], scales [padded rows].
    public struct Table {
        public var bits: Int
        public var entries: UnsafePointer<UInt8>
        public var scales: UnsafePointer<Float>
        public init(bits: Int, entries: UnsafePointer<UInt8>, scales: UnsafePointer<Float>) {
            self.bits = bits
            self.entries = entries
            self.scales = scales
        }
    }
    public var rows: Int
    public var columns: Int
    public var planes: [UnsafePointer<UInt8>]
    /// Ascending precisions; empty only when there is `half`.
    public var tables: [Table]
    /// Precision 16 (`HalfLayout`).
    public var half: UnsafePointer<UInt16>?

    public init(
        rows: Int, columns: Int, planes: [UnsafePointer<UInt8>], tables: [Table], half: UnsafePointer<UInt16>? = nil
    ) {
        precondition(!tables.isEmpty || half != nil, "weights of no precision")
        precondition(tables.allSatisfy { $0.bits - 1 <= planes.count }, "tables without planes")
        self.rows = rows
        self.columns = columns
        self.planes = planes
        self.tables = tables
        self.half = half
    }
}

/// Borrowed uniform bytes: values tile by tile (`NestedLayout.tiled`), scales [padded rows].
public struct Int8Matrix {
    public var rows: Int
    public var columns: Int
    public var values: UnsafePointer<UInt8>
    public var scales: UnsafePointer<Float>
    public init(rows: Int, columns: Int, values: UnsafePointer<UInt8>, scales: UnsafePointer<Float>) {
        self.rows = rows
        self.columns = columns
        self.values = values
        self.scales = scales
    }
}

/// Some weights in some encoding, [rows, columns]: one forward pass serves them all.
public struct WeightMatrix {
    public enum Encoding {
        case nested(NestedMatrix)
        case int8(Int8Matrix)
    }
    public let encoding: Encoding
    public let rows: Int
    public let columns: Int
    /// C views, one per precision served, ascending.
    private let views: [ck_matrix_t]
    public let precisions: [Int]

    public init(_ encoding: Encoding) {
        self.encoding = encoding
        switch encoding {
        case .nested(let matrix):
            rows = matrix.rows
            columns = matrix.columns
            var served = matrix.tables.map { $0.bits }
            var made = matrix.tables.map { table in
                var view = ck_matrix_t()
                withUnsafeMutableBytes(of: &view.planes) { raw in
                    let slots = raw.bindMemory(to: UnsafePointer<UInt8>?.self)
                    for (index, plane) in matrix.planes.prefix(table.bits - 1).enumerated() { slots[index] = plane }
                }
                view.entries = table.entries
                view.scales = table.scales
                view.bits = Int32(table.bits)
                view.rows = Int32(matrix.rows)
                view.tiles = Int32(NestedLayout.paddedColumns(matrix.columns) / NestedLayout.tileColumns)
                return view
            }
            if let half = matrix.half {
                served.append(BitWidth.half)
                var view = ck_matrix_t()
                view.planes.0 = UnsafeRawPointer(half).assumingMemoryBound(to: UInt8.self)
                view.bits = Int32(BitWidth.half)
                view.rows = Int32(matrix.rows)
                view.tiles = Int32(NestedLayout.paddedColumns(matrix.columns) / NestedLayout.tileColumns)
                made.append(view)
            }
            precisions = served
            views = made
        case .int8(let matrix):
            rows = matrix.rows
            columns = matrix.columns
            precisions = [8]
            var view = ck_matrix_t()
            view.planes.0 = matrix.values
            view.scales = matrix.scales
            view.rows = Int32(matrix.rows)
            view.tiles = Int32(NestedLayout.paddedColumns(matrix.columns) / NestedLayout.tileColumns)
            views = [view]
        }
    }

    /// Largest precision served that does not exceed `bits`, or the smallest there is.
    public func effectiveBits(_ bits: Int) -> Int { precisions[BitWidth.index(of: bits, in: precisions)] }

    func view(_ bits: Int) -> ck_matrix_t { views[BitWidth.index(of: bits, in: precisions)] }

    /// Bytes that one product reads: codes, tables and scales.
    public func bytesRead(bits: Int) -> Int {
        switch encoding {
        case .int8: WeightMatrix.bytesReadOfBytes(rows: rows, columns: columns)
        case .nested: WeightMatrix.bytesRead(rows: rows, columns: columns, bits: effectiveBits(bits))
        }
    }

    /// Bytes that a product with nested codes or half precision reads: planes, entries and scales, or halves.
    public static func bytesRead(rows: Int, columns: Int, bits: Int) -> Int {
        if bits == BitWidth.half { return HalfLayout.byteCount(rows: rows, columns: columns) }
        let paddedRows = NestedLayout.paddedRows(rows)
        return paddedRows * NestedLayout.paddedColumns(columns) / 8 * bits + paddedRows << bits + 4 * paddedRows
    }

    /// The same of bytes with a scale per row.
    public static func bytesReadOfBytes(rows: Int, columns: Int) -> Int {
        NestedLayout.paddedRows(rows) * (NestedLayout.paddedColumns(columns) + 4)
    }

    /// The largest magnitude that a row's weights can have, as its scale says; of rows of precision 16 alone, which have none, 1.
    public func largestWeight(row: Int) -> Float {
        precondition(row >= 0 && row < rows, "row outside the matrix")
        switch encoding {
        case .int8(let matrix): return 127 * matrix.scales[row]
        case .nested(let matrix): return matrix.tables.last.map { 127 * $0.scales[row] } ?? 1
        }
    }

    /// One row as floats: embedding lookup. `out` holds `columns` values.
    public func dequantizeRow(_ row: Int, bits: Int, into out: UnsafeMutablePointer<Float>, pool: ThreadPool) {
        precondition(row >= 0 && row < rows, "row outside the matrix")
        var matrix = view(bits)
        if case .nested(let nested) = encoding, let half = nested.half, effectiveBits(bits) == BitWidth.half {
            return HalfLayout.unpackRow(half, row: row, columns: columns, into: out, pool: pool)
        }
        pool.kernels.functions.dequantize_row(&matrix, Int32(row), out, Int32(columns))
    }
}
