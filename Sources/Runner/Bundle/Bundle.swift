public import Kernels
import Model
public import Storage

/// An open bundle: one mapped file that holds every precision of a model.
///
/// Opening checks the header, the table of sections, the manifest and the sizes of everything; sections are verified
/// against their checksums by `verify()`; compressed ones also whenever they are read, vectors before their first use.
public final class Bundle {
    public let path: String
    public let manifest: Manifest
    public var sections: [SectionInfo] { table.sections }
    let file: MappedFile
    let table: SectionTable
    private let layout: BundleLayout
    /// File offsets of the layout's sections.
    private var layoutOffsets: [Int] = []
    private var sectionIndex: [String: Int] = [:]
    private var tensorIndex: [String: Int] = [:]
    private var vectorsAreVerified = false
    /// What `rungs()` read.
    var knownRungs: [Rung]?
    /// In place of the file's.
    var adoptedScreens: [HeadScreenDraft]?

    /// - Parameter copying: read the whole file into memory instead of mapping it.
    /// - Throws: `noInput`, `badData` or `unsupported`, naming the section and the rule.
    public init(path: String, copying: Bool = false) throws(TaperError) {
        self.path = path
        if Files.isDirectory(path) {
            throw TaperError(
                .noInput, "a folder, where a bundle is needed", at: path,
                remedy: Files.exists(path + "/config.json")
                    ? "Convert the checkpoint first: taper convert " + printable(path, limit: 4000) + " -o model.taper"
                    : "Name the bundle's file")
        }
        file = try MappedFile(path: path, copying: copying, watching: true)
        table = try SectionTable(file.bytes, place: path)
        for (index, section) in table.sections.enumerated() { sectionIndex[section.name] = index }
        guard let index = sectionIndex[SectionName.manifest] else {
            throw TaperError(.badData, "there is no manifest", at: path)
        }
        let bytes = try Bundle.read(table, index, file, path)
        let place = path + ": section manifest"
        manifest = try Manifest(json: try JSONValue.parse(bytes, place: place), place: place)
        layout = try BundleLayout(tensors: manifest.tensors, place: place)
        for (index, tensor) in manifest.tensors.enumerated() { tensorIndex[tensor.name] = index }
        for section in layout.sections {
            guard let index = sectionIndex[section.name] else {
                throw TaperError(.badData, "section " + section.name + " is missing", at: path)
            }
            let found = table.sections[index]
            guard found.kind == .mapped, found.storedByteCount == section.byteCount else {
                throw TaperError(
                    .badData, "section " + section.name + " does not match the tensors", at: path,
                    expected: String(section.byteCount) + " bytes", found: String(found.storedByteCount))
            }
            layoutOffsets.append(found.offset)
        }
        for section in table.sections where TensorSection(section.name) != nil && !layout.holds(section.name) {
            throw TaperError(.badData, "section " + section.name + " belongs to no tensor", at: path)
        }
    }

    private static func read(_ table: SectionTable, _ index: Int, _ file: MappedFile, _ path: String) throws(TaperError)
        -> [UInt8]
    {
        let section = table.sections[index]
        let place = path + ": section " + printable(section.name)
        let stored = UnsafeRawBufferPointer(rebasing: file.bytes[section.range])
        try verifyBlocks(table, index, stored, place)
        switch section.kind {
        case .mapped: return Array(stored)
        case .zstd: return try Zstd.decompress(stored, byteCount: section.rawByteCount, place: place)
        }
    }

    static func verifyBlocks(_ table: SectionTable, _ index: Int, _ stored: UnsafeRawBufferPointer, _ place: String)
        throws(TaperError)
    {
        // The list of checksums has none of its own; its entry's was compared when the file was opened.
        if index == table.sections.count - 1 { return }
        let section = table.sections[index]
        let first = table.firstBlock(index)
        let expected = table.blockChecksums[first..<first + section.blockCount]
        guard SectionTable.combined(expected) == section.checksum else {
            throw TaperError(.badData, "the section's checksums contradict each other", at: place)
        }
        for block in 0..<section.blockCount {
            let start = block * BundleFormat.blockByteCount
            let end = min(start + BundleFormat.blockByteCount, stored.count)
            guard checksum(UnsafeRawBufferPointer(rebasing: stored[start..<end])) == expected[first + block] else {
                throw damage(section.offset + start..<section.offset + end, place)
            }
        }
    }

    /// A block that is not what its checksum says.
    static func damage(_ bytes: Range<Int>, _ place: String) -> TaperError {
        TaperError(
            .badData,
            "damaged between bytes " + String(bytes.lowerBound) + " and " + String(bytes.upperBound) + " of the file",
            at: place, remedy: "Restore the file from its source or convert again")
    }

    /// A section's content, verified and decompressed; nil when there is none of that name.
    public func section(_ name: String) throws(TaperError) -> [UInt8]? {
        guard let index = sectionIndex[name] else { return nil }
        return try Bundle.read(table, index, file, path)
    }

    /// A JSON section, such as `SectionName.chat`.
    public func json(_ name: String) throws(TaperError) -> JSONValue? {
        guard let bytes = try section(name) else { return nil }
        return try JSONValue.parse(bytes, place: place(of: name))
    }

    /// How messages name a section.
    public func place(of section: String) -> String { path + ": section " + section }

    /// The tokenizer in its compact form (`formats/tokenizer.md`).
    public func tokenizer() throws(TaperError) -> [UInt8] {
        guard let bytes = try section(SectionName.tokenizer) else {
            throw TaperError(.badData, "the bundle has no tokenizer", at: path)
        }
        return bytes
    }

    /// Calibrated schedules, in the order they were added.
    public func schedules() throws(TaperError) -> [CalibratedSchedule] {
        guard let json = try json(SectionName.schedules) else { return [] }
        let place = place(of: SectionName.schedules)
        guard let list = json.array else { throw TaperError(.badData, "not an array", at: place) }
        let served = try servedPrecisions()
        var result: [CalibratedSchedule] = []
        for (index, item) in list.enumerated() {
            let context = place + "[" + String(index) + "]"
            let schedule = try CalibratedSchedule(json: item, place: context)
            try schedule.check(served, manifest, place: context)
            guard !result.contains(where: { $0.task == schedule.task }) else {
                throw TaperError(.badData, "two schedules for one task", at: context, found: printable(schedule.task))
            }
            result.append(schedule)
        }
        return result
    }

    /// A vector in place, valid while this object lives.
    public func vector(_ name: String) throws(TaperError) -> UnsafeBufferPointer<Float> {
        guard let index = tensorIndex[name], case .float = manifest.tensors[index].encoding else {
            throw TaperError(.badData, "no vector " + name, at: path)
        }
        try verifyVectors()
        let pointer = pointer(layout.parts[index][0]).assumingMemoryBound(to: Float.self)
        let vector = UnsafeBufferPointer(start: pointer, count: manifest.tensors[index].shape[0])
        try checkFinite(vector, name)
        return vector
    }

    /// Vectors are a thousandth of the file, so their checksums are looked at before the first use.
    private func verifyVectors() throws(TaperError) {
        guard !vectorsAreVerified, let index = sectionIndex[SectionName.vectors] else { return }
        let stored = UnsafeRawBufferPointer(rebasing: file.bytes[table.sections[index].range])
        try Bundle.verifyBlocks(table, index, stored, place(of: SectionName.vectors))
        vectorsAreVerified = true
    }

    /// A matrix in place, valid while this object lives. The head of a model with tied embeddings is the embedding.
    public func weights(_ name: String) throws(TaperError) -> WeightMatrix {
        if name == TensorName.head, manifest.model.tiedEmbeddings { return try weights(TensorName.embedding) }
        guard let index = tensorIndex[name] else { throw TaperError(.badData, "no tensor " + name, at: path) }
        let tensor = manifest.tensors[index]
        let parts = layout.parts[index]
        switch tensor.encoding {
        case .float: throw TaperError(.badData, "tensor " + name + " is a vector", at: path)
        case .int8:
            let scales = pointer(parts[1]).assumingMemoryBound(to: Float.self)
            try checkFinite(UnsafeBufferPointer(start: scales, count: parts[1].byteCount / 4), name)
            return WeightMatrix(
                .int8(
                    Int8Matrix(
                        rows: tensor.shape[0], columns: tensor.shape[1],
                        values: pointer(parts[0]).assumingMemoryBound(to: UInt8.self), scales: scales)))
        case .nested(_, let all):
            let precisions = BitWidth.nested(of: all)
            let half = all.last == BitWidth.half ? parts.last : nil
            let planeCount = parts.count - 2 * precisions.count - (half == nil ? 0 : 1)
            let planes = parts[0..<planeCount].map { pointer($0).assumingMemoryBound(to: UInt8.self) }
            var tables: [NestedMatrix.Table] = []
            for (order, bits) in precisions.enumerated() {
                let entries = parts[planeCount + 2 * order]
                let scalePart = parts[planeCount + 2 * order + 1]
                let scales = pointer(scalePart).assumingMemoryBound(to: Float.self)
                try checkFinite(UnsafeBufferPointer(start: scales, count: scalePart.byteCount / 4), name)
                tables.append(
                    NestedMatrix.Table(
                        bits: bits, entries: pointer(entries).assumingMemoryBound(to: UInt8.self), scales: scales))
            }
            return WeightMatrix(
                .nested(
                    NestedMatrix(
                        rows: tensor.shape[0], columns: tensor.shape[1], planes: planes, tables: tables,
                        half: half.map { pointer($0).assumingMemoryBound(to: UInt16.self) })))
        }
    }

    private func pointer(_ part: BundleLayout.Part) -> UnsafeRawPointer {
        // Safe because init checked that every section of the layout exists with exactly the layout's size, and the
        // table that every section lies inside the mapping; a layout with parts has bytes, so the base is not nil.
        guard let base = file.bytes.baseAddress else { preconditionFailure("the mapping vanished") }
        return base + layoutOffsets[part.section] + part.offset
    }

    /// Nobody writes such a file: it was changed on its way.
    private static let damaged = "The file is damaged: copy it again, and verify the copy"

    private func checkFinite(_ values: UnsafeBufferPointer<Float>, _ name: String) throws(TaperError) {
        // A running maximum of exponents, which the compiler makes eight at a time; the place is looked for only if needed.
        var exponent: UInt32 = 0
        for value in values { exponent = max(exponent, value.bitPattern & 0x7f80_0000) }
        if exponent < 0x7f80_0000 { return }
        for index in values.indices where !values[index].isFinite {
            throw TaperError(
                .badData, "a scale or vector element is not finite", at: path + ": tensor " + name,
                found: "element " + String(index), remedy: Bundle.damaged)
        }
    }

    /// Are all 16-bit weights finite? For `verify`: it reads the whole section, and loading should not.
    func checkHalves() throws(TaperError) {
        for (index, tensor) in manifest.tensors.enumerated() {
            guard case .nested(_, let precisions) = tensor.encoding, precisions.last == BitWidth.half,
                let part = layout.parts[index].last
            else { continue }
            let values = UnsafeBufferPointer(
                start: pointer(part).assumingMemoryBound(to: UInt16.self), count: part.byteCount / 2)
            var exponent: UInt16 = 0
            for value in values { exponent = max(exponent, value & 0x7c00) }
            if exponent < 0x7c00 { continue }
            throw TaperError(
                .badData, "a 16-bit weight is not finite", at: path + ": tensor " + tensor.name,
                found: "value " + String(values.firstIndex { $0 & 0x7c00 == 0x7c00 } ?? 0))
        }
    }

    public func lockInMemory() -> Bool { file.lockInMemory() }

    /// Bytes of the whole file.
    public var byteCount: Int { table.byteCount }
}
