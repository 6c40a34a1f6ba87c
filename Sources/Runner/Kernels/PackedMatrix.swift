/// Owned, packed weights as the quantizer makes them and the bundle stores them.
public struct PackedMatrix: Sendable {
    public var name: String
    public var rows: Int
    public var columns: Int
    /// Highest precision held.
    public var bits: Int
    /// Plane 0 is the 2-bit base, plane k holds bit k + 2; `bits - 1` planes (`NestedLayout`).
    public var planes: [[UInt8]]
    /// Ascending precisions; only those served.
    public var tables: [PackedTable]

    public init(name: String, rows: Int, columns: Int, bits: Int, planes: [[UInt8]], tables: [PackedTable]) {
        self.name = name
        self.rows = rows
        self.columns = columns
        self.bits = bits
        self.planes = planes
        self.tables = tables
    }
}

/// Centroids of one precision: value = (entry - 128) * scale of the row.
public struct PackedTable: Sendable {
    public var bits: Int
    /// [padded rows][2^bits], in index order (`NestedLayout.tableIndex`).
    public var entries: [UInt8]
    /// [padded rows]; zero for padding rows.
    public var scales: [Float]

    public init(bits: Int, entries: [UInt8], scales: [Float]) {
        self.bits = bits
        self.entries = entries
        self.scales = scales
    }
}

/// Uniform bytes with a scale per row: weight = (value - 128) * scale.
public struct PackedInt8: Sendable {
    public var name: String
    public var rows: Int
    public var columns: Int
    /// Tile by tile (`NestedLayout.tiled`), 128 where padded.
    public var values: [UInt8]
    /// [padded rows]; zero for padding rows.
    public var scales: [Float]

    public init(name: String, rows: Int, columns: Int, values: [UInt8], scales: [Float]) {
        self.name = name
        self.rows = rows
        self.columns = columns
        self.values = values
        self.scales = scales
    }
}
