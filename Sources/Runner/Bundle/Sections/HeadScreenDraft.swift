public import Kernels
public import Storage

/// A section `head.screen.<bits>` at work: its parts to be written, and read as they stand.
public final class HeadScreenDraft {
    public let shape: HeadScreenSection.Shape
    private let headChecksum: UInt64
    /// The whole section.
    public let memory: MemoryBlock
    /// Orthonormal, [directions][columns].
    public let basis: UnsafeMutablePointer<Float>
    /// Root mean squares of states along the directions, [directions].
    public let units: UnsafeMutablePointer<Float>
    /// Of the leading bits' table: [padded rows], and [padded rows][2^lead bits].
    public let scales: UnsafeMutablePointer<Float>
    public let entries: UnsafeMutablePointer<UInt8>
    /// [padded rows].
    public let deviations: UnsafeMutablePointer<Float>
    /// [padded rows / 16][directions][16], in units of `projectionScales`, [padded rows].
    public let projections: UnsafeMutablePointer<Int8>
    public let projectionScales: UnsafeMutablePointer<Float>

    /// All zero, but weights of nothing.
    /// - Parameter headChecksum: of the bundle whose head it is.
    /// - Throws: `inputOutput` without the memory for it.
    public init(_ shape: HeadScreenSection.Shape, headChecksum: UInt64) throws(TaperError) {
        self.shape = shape
        self.headChecksum = headChecksum
        memory = try MemoryBlock(
            byteCount: shape.byteCount, dense: true, purpose: "a screen of " + String(shape.rows) + " rows",
            remedy: "Leave it out of the recipe")
        memory.base.initializeMemory(as: UInt8.self, repeating: 0, count: shape.byteCount)
        let parts = shape.parts
        basis = memory.values(Float.self, at: parts.basis.lowerBound, count: parts.basis.count / 4)
        scales = memory.values(Float.self, at: parts.scales.lowerBound, count: parts.scales.count / 4)
        entries = memory.values(UInt8.self, at: parts.entries.lowerBound, count: parts.entries.count)
        deviations = memory.values(Float.self, at: parts.deviations.lowerBound, count: parts.deviations.count / 4)
        units = memory.values(Float.self, at: parts.units.lowerBound, count: shape.directions)
        projectionScales = memory.values(Float.self, at: parts.projectionScales.lowerBound, count: shape.paddedRows)
        projections = memory.values(Int8.self, at: parts.projections.lowerBound, count: parts.projections.count)
        units.update(repeating: 1, count: shape.directions)
        entries.update(repeating: 128, count: parts.entries.count)
        write(margin: HeadScreenSection.marginRange.upperBound, HeadScreen.Evidence())
    }

    /// A section that is there.
    /// - Throws: `badData` where its header is none or its length another; `inputOutput` without the memory for it.
    public convenience init(_ bytes: [UInt8]) throws(TaperError) {
        let place = "screen of the head"
        let header = try bytes.withBytes { raw throws(TaperError) in try HeadScreenSection.Header(raw, place: place) }
        guard header.shape.byteCount == bytes.count else {
            throw TaperError(
                .badData, "the section does not match its header", at: place,
                expected: String(header.shape.byteCount) + " bytes", found: String(bytes.count))
        }
        try self.init(header.shape, headChecksum: header.headChecksum)
        bytes.withUnsafeBytes {
            UnsafeMutableRawBufferPointer(start: memory.base, count: $0.count).copyMemory(from: $0)
        }
    }

    /// Where a row's projection on a direction stands.
    public func projectionIndex(row: Int, direction: Int) -> Int {
        (row / HeadScreen.rowBlock * shape.directions + direction) * HeadScreen.rowBlock + row % HeadScreen.rowBlock
    }

    public func write(margin: Float, _ evidence: HeadScreen.Evidence) {
        var writer = ByteWriter()
        writer.u32(HeadScreenSection.version)
        writer.u32(UInt32(shape.leadBits))
        writer.u32(UInt32(shape.directions))
        writer.u32(UInt32(shape.rows))
        writer.u32(UInt32(shape.columns))
        writer.f32(margin)
        writer.u64(UInt64(evidence.tokens))
        writer.u64(UInt64(evidence.misses))
        writer.f32(evidence.largest)
        writer.f32(evidence.tileRowsForOne)
        writer.f32(evidence.tileRowsForForty)
        writer.u64(headChecksum)
        writer.pad(to: HeadScreenSection.headerByteCount)
        writer.bytes.withUnsafeBytes {
            UnsafeMutableRawBufferPointer(start: memory.base, count: $0.count).copyMemory(from: $0)
        }
    }

    private var raw: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: memory.base, count: shape.byteCount) }

    public func header() throws(TaperError) -> HeadScreenSection.Header {
        try HeadScreenSection.Header(raw, place: "screen of the head")
    }

    public var bytes: [UInt8] { Array(raw) }

    /// As a reader would take it; points into `memory`.
    public func screen(of head: WeightMatrix) throws(TaperError) -> HeadScreen {
        try HeadScreenSection.screen(raw, of: head, checksum: headChecksum, place: "screen of the head")
    }
}
