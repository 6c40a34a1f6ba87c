public import Kernels
import Model
public import Storage

/// The section `head.screen.<bits>`: the values of a `HeadScreen`, as `formats/bundle.md` lays them out.
public enum HeadScreenSection {
    static let version: UInt32 = 1
    static let headerByteCount = 64
    /// Leading bits that all rows are scored with.
    public static let leadBits = 2...3
    /// Deviations by which a row may be underestimated.
    public static let marginRange: ClosedRange<Float> = 1...64

    /// What the parts of a section have room for.
    public struct Shape: Equatable, Sendable {
        public var leadBits: Int
        public var directions: Int
        public var rows: Int
        public var columns: Int

        public init(leadBits: Int, directions: Int, rows: Int, columns: Int) {
            self.leadBits = leadBits
            self.directions = directions
            self.rows = rows
            self.columns = columns
        }

        /// Rows that all values but the basis are padded to.
        public var paddedRows: Int { roundedUp(rows, to: HeadScreen.rowBlock) }

        /// Offset and length of every part.
        struct Parts {
            var basis, units, scales, entries, projectionScales, deviations, projections: Range<Int>
        }
        var parts: Parts {
            var end = headerByteCount
            func next(_ count: Int) -> Range<Int> {
                let start = roundedUp(end, to: BundleFormat.tensorAlignment)
                end = start + count
                return start..<end
            }
            return Parts(
                basis: next(4 * directions * columns), units: next(4 * directions), scales: next(4 * paddedRows),
                entries: next(paddedRows << leadBits), projectionScales: next(4 * paddedRows),
                deviations: next(4 * paddedRows), projections: next(directions * paddedRows))
        }
        public var byteCount: Int { parts.projections.upperBound }
    }

    /// The first 64 bytes.
    public struct Header: Sendable {
        public var shape: Shape
        /// `Bundle.headChecksum` of the head that it was made from.
        public var headChecksum: UInt64
        public var margin: Float
        public var evidence: HeadScreen.Evidence

        /// - Throws: `badData` naming the rule that is broken; `unsupported` for another version.
        public init(_ raw: UnsafeRawBufferPointer, place: String) throws(TaperError) {
            var reader = ByteReader(raw, place: place)
            let version = try reader.u32("version")
            guard version == HeadScreenSection.version else {
                throw TaperError(
                    .unsupported, "the screen of the head has an unknown version", at: place,
                    expected: String(HeadScreenSection.version), found: String(version),
                    remedy: "Use a newer version of taper")
            }
            func integer(_ name: String, _ range: ClosedRange<Int>) throws(TaperError) -> Int {
                let value = Int(try reader.u32(name))
                guard range.contains(value) else {
                    throw reader.failure(
                        name + " out of range", expected: String(range.lowerBound) + " to " + String(range.upperBound),
                        found: String(value))
                }
                return value
            }
            func number(_ name: String, _ range: ClosedRange<Float>) throws(TaperError) -> Float {
                let value = try reader.f32(name)
                guard range.contains(value) else {
                    throw reader.failure(
                        name + " out of range", found: value.isFinite ? fixed(Double(value), 3) : "no number")
                }
                return value
            }
            let most = 1 << 30
            shape = Shape(
                leadBits: try integer("leading bits", leadBits),
                directions: try integer("directions", 0...HeadScreen.directionLimit),
                rows: try integer("rows", 1...most), columns: try integer("columns", 1...most))
            margin = try number("margin", marginRange)
            evidence = HeadScreen.Evidence()
            evidence.tokens = try reader.count("tokens", limit: 1 << 50)
            evidence.misses = try reader.count("misses", limit: 1 << 50)
            evidence.largest = try number("largest deviation", 0...1e6)
            evidence.tileRowsForOne = try number("tile rows for one", 0...Float(most))
            evidence.tileRowsForForty = try number("tile rows for forty", 0...Float(most))
            headChecksum = try reader.u64("checksum of the head")
            guard try reader.u32("reserved") == 0 else { throw reader.failure("reserved bytes are not zero") }
        }
    }

    /// Reads a section's content in place.
    /// - Parameters:
    ///   - raw: aligned to 64 bytes, alive as long as the screen.
    ///   - head: of the same bundle.
    ///   - checksum: the bundle's `headChecksum`.
    /// - Throws: `badData` naming the rule that is broken; `unsupported` for another version.
    public static func screen(
        _ raw: UnsafeRawBufferPointer, of head: WeightMatrix, checksum: UInt64, place: String
    ) throws(TaperError) -> HeadScreen {
        func wrong(_ what: String, expected: String = "", found: String) -> TaperError {
            TaperError(
                .badData, what, at: place, expected: expected, found: found,
                remedy: "The file is damaged: copy it again, and verify the copy")
        }
        let header = try Header(raw, place: place)
        let shape = header.shape
        guard case .nested(let matrix) = head.encoding, let lowest = head.precisions.first, lowest > shape.leadBits
        else {
            throw wrong(
                "the head has no screen of these bits", expected: "nested codes of more bits",
                found: String(shape.leadBits) + " leading bits")
        }
        guard shape.rows == head.rows, shape.columns == head.columns else {
            throw wrong(
                "the screen is of another head", expected: String(head.rows) + " x " + String(head.columns),
                found: String(shape.rows) + " x " + String(shape.columns))
        }
        guard header.headChecksum == checksum else {
            throw TaperError(
                .badData, "the screen was made from other codes or tables of the head", at: place,
                expected: String(checksum, radix: 16), found: String(header.headChecksum, radix: 16),
                remedy: "Make it again with taper calibrate")
        }
        guard raw.count == shape.byteCount, let base = raw.baseAddress else {
            throw wrong(
                "the section does not match its header", expected: String(shape.byteCount) + " bytes",
                found: String(raw.count))
        }
        let parts = shape.parts
        func floats(_ range: Range<Int>, _ name: String) throws(TaperError) -> UnsafePointer<Float> {
            let values = (base + range.lowerBound).assumingMemoryBound(to: Float.self)
            var exponent: UInt32 = 0
            for index in 0..<range.count / 4 { exponent = max(exponent, values[index].bitPattern & 0x7f80_0000) }
            guard exponent < 0x7f80_0000 else { throw wrong("a value is not finite", found: name) }
            return UnsafePointer(values)
        }
        let deviations = try floats(parts.deviations, "deviations")
        for row in 0..<shape.rows where deviations[row] < 0 {
            throw wrong("a deviation is negative", found: "row " + String(row))
        }
        let units = try floats(parts.units, "units")
        for direction in 0..<shape.directions where !(units[direction] > 0) {
            throw wrong("a unit is not above 0", found: "direction " + String(direction))
        }
        let table = NestedMatrix.Table(
            bits: shape.leadBits,
            entries: (base + parts.entries.lowerBound).assumingMemoryBound(to: UInt8.self),
            scales: try floats(parts.scales, "scales"))
        let lead = NestedMatrix(
            rows: shape.rows, columns: shape.columns,
            planes: Array(matrix.planes.prefix(NestedLayout.planeCount(bits: shape.leadBits))), tables: [table])
        return HeadScreen(
            lead: WeightMatrix(.nested(lead)), basis: try floats(parts.basis, "basis"), directions: shape.directions,
            units: units, projections: (base + parts.projections.lowerBound).assumingMemoryBound(to: Int8.self),
            scales: try floats(parts.projectionScales, "projection scales"),
            deviations: deviations, margin: header.margin, evidence: header.evidence)
    }
}
