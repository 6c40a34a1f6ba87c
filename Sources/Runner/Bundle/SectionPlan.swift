import Storage

/// The sections of a file to be written, in order; offsets follow from their sizes.
struct SectionPlan {
    /// Without the list of checksums, which `placed` adds.
    var sections: [SectionInfo] = []

    /// A section of one zstd frame, and the frame.
    static func compressed(_ name: String, _ bytes: [UInt8]) throws(TaperError) -> (SectionInfo, [UInt8]) {
        let limit = BundleFormat.byteLimit(name)
        guard bytes.count <= limit else {
            throw TaperError(
                .unsupported, "the section is too large", at: "section " + name,
                expected: "at most " + byteText(limit), found: byteText(bytes.count))
        }
        let frame = try Zstd.compress(bytes)
        let section = SectionInfo(
            name: name, kind: .zstd, offset: 0, storedByteCount: frame.count, rawByteCount: bytes.count, checksum: 0)
        return (section, frame)
    }

    mutating func mapped(_ name: String, _ byteCount: Int) {
        sections.append(
            SectionInfo(
                name: name, kind: .mapped, offset: 0, storedByteCount: byteCount, rawByteCount: byteCount, checksum: 0))
    }

    /// Every section at the next page after the one before, the list of checksums last.
    func placed() -> [SectionInfo] {
        var all = self
        all.mapped(SectionName.checksums, sections.reduce(0) { $0 + $1.blockCount } * 8)
        var end = BundleFormat.headerByteCount + all.sections.count * BundleFormat.entryByteCount
        return all.sections.map { section in
            let offset = roundedUp(end, to: BundleFormat.sectionAlignment)
            end = offset + section.storedByteCount
            return SectionInfo(
                name: section.name, kind: section.kind, offset: offset, storedByteCount: section.storedByteCount,
                rawByteCount: section.rawByteCount, checksum: section.checksum)
        }
    }

    /// The same, within the format's bounds.
    func checked() throws(TaperError) -> [SectionInfo] {
        let placed = placed()
        guard placed.count <= BundleFormat.sectionLimit else {
            throw TaperError(
                .unsupported, "too many sections", at: "bundle to write",
                expected: "at most " + String(BundleFormat.sectionLimit), found: String(placed.count))
        }
        return placed
    }

    /// The file at its full length, all zero.
    func create(path: String, replacing: Bool) throws(TaperError) -> AtomicFile {
        let placed = try checked()
        let byteCount = placed.last?.range.upperBound ?? 0
        if let free = Files.freeBytes(at: Files.directory(of: path)), free < byteCount {
            throw TaperError(
                .inputOutput, "not enough space", at: path, expected: byteText(byteCount),
                found: byteText(free) + " free")
        }
        let file = try AtomicFile(path: path, replacing: replacing)
        try file.extend(to: byteCount)
        return file
    }
}
