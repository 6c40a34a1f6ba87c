import Storage

/// Header and table of sections: reading with every check, and writing.
struct SectionTable {
    var sections: [SectionInfo]
    /// XXH64 of every block of every section but the checksums' own, in table order.
    var blockChecksums: [UInt64]
    var byteCount: Int

    init(sections: [SectionInfo], blockChecksums: [UInt64], byteCount: Int) {
        self.sections = sections
        self.blockChecksums = blockChecksums
        self.byteCount = byteCount
    }

    /// Parses and checks the head of a mapped file.
    /// - Throws: `badData` naming the rule broken, `unsupported` for a newer version or unknown required features.
    init(_ bytes: UnsafeRawBufferPointer, place: String) throws(TaperError) {
        var reader = ByteReader(bytes, place: place + ": header")
        let magic = Array(try reader.take(8, "magic"))
        guard magic == BundleFormat.magic else {
            if let checkpoint = SectionTable.checkpointKind(bytes) {
                throw TaperError(
                    .badData, checkpoint + ", where a bundle is needed", at: place,
                    remedy: "Convert it first: taper convert " + printable(place, limit: 4000) + " -o model.taper")
            }
            throw TaperError(
                .badData, "not a taper bundle", at: place, expected: "\"TAPERBND\" at the start",
                remedy: "Make one with: taper convert <checkpoint> -o model.taper")
        }
        let version = try reader.u32("version")
        guard version == BundleFormat.version else {
            throw TaperError(
                .unsupported, "bundle version " + String(version) + " is not known", at: place,
                expected: String(BundleFormat.version),
                remedy: version > BundleFormat.version
                    ? "Use a newer version of taper"
                    : version == 1
                        ? "Convert the checkpoint again: version 1 had its codes in another order"
                        : "The header is damaged: no version had this number")
        }
        let headerByteCount = try reader.u32("header length")
        let fileByteCount = try reader.count("file length", limit: 1 << 50)
        let required = try reader.u64("required features")
        _ = try reader.u64("optional features")
        let count = Int(try reader.u32("section count"))
        let alignment = try reader.u32("alignment")
        let reserved = try reader.u64("reserved")
        let stored = try reader.u64("checksum")
        guard headerByteCount == UInt32(BundleFormat.headerByteCount),
            alignment == UInt32(BundleFormat.sectionAlignment),
            reserved == 0
        else { throw TaperError(.badData, "the header's fixed fields are damaged", at: place) }
        guard required & ~BundleFormat.knownFeatures == 0 else {
            throw TaperError(
                .unsupported, "the bundle needs features this version lacks", at: place,
                found: String(required, radix: 16), remedy: "Use a newer version of taper")
        }
        guard fileByteCount == bytes.count else {
            throw TaperError(
                .badData, bytes.count < fileByteCount ? "the file is cut short" : "bytes follow the end of the bundle",
                at: place, expected: String(fileByteCount) + " bytes", found: String(bytes.count))
        }
        guard count >= 1, count <= BundleFormat.sectionLimit else {
            throw TaperError(.badData, "impossible number of sections", at: place, found: String(count))
        }
        let tableEnd = BundleFormat.headerByteCount + count * BundleFormat.entryByteCount
        guard tableEnd <= bytes.count else {
            throw TaperError(.badData, "the table of sections is cut short", at: place)
        }
        guard SectionTable.headChecksum(bytes, tableEnd: tableEnd) == stored else {
            throw TaperError(
                .badData, "the header or the table of sections is damaged", at: place,
                remedy: "Restore the file from its source")
        }
        self.byteCount = fileByteCount
        sections = []
        var end = tableEnd
        var names: Set<String> = []
        for _ in 0..<count {
            let raw = Array(try reader.take(BundleFormat.nameByteCount, "section name"))
            let used = raw.firstIndex(of: 0) ?? raw.count
            let name = try raw[0..<used].withBytesOfSlice { raw throws(TaperError) in strictString(raw) }
            guard let name, BundleFormat.isSectionName(name), raw[used...].allSatisfy({ $0 == 0 }) else {
                throw TaperError(
                    .badData, "a section's name is not acceptable", at: place, expected: "letters, digits, . _ -",
                    found: printable(String(decoding: raw, as: UTF8.self)))
            }
            guard names.insert(name).inserted else {
                throw TaperError(.badData, "two sections have one name", at: place, found: name)
            }
            let context = place + ": section " + name
            guard let kind = SectionInfo.Kind(rawValue: try reader.u32("kind")), try reader.u32("reserved") == 0 else {
                throw TaperError(.badData, "unknown kind of section", at: context)
            }
            let offset = try reader.count("offset", limit: fileByteCount)
            let storedCount = try reader.count("stored length", limit: fileByteCount)
            let rawCount = try reader.count(
                "raw length", limit: kind == .zstd ? BundleFormat.byteLimit(name) : fileByteCount)
            let checksum = try reader.u64("checksum")
            guard offset == roundedUp(end, to: BundleFormat.sectionAlignment) else {
                throw TaperError(
                    .badData, "the section does not follow the one before", at: context,
                    expected: "offset " + String(roundedUp(end, to: BundleFormat.sectionAlignment)),
                    found: String(offset))
            }
            guard storedCount <= fileByteCount - offset, kind == .zstd || rawCount == storedCount else {
                throw TaperError(
                    .badData, "the section's length is impossible", at: context,
                    expected: kind == .zstd
                        ? "at most " + String(fileByteCount - offset) + " bytes"
                        : String(rawCount) + " bytes, as unpacked",
                    found: String(storedCount))
            }
            end = offset + storedCount
            sections.append(
                SectionInfo(
                    name: name, kind: kind, offset: offset, storedByteCount: storedCount, rawByteCount: rawCount,
                    checksum: checksum))
        }
        guard end == fileByteCount else {
            throw TaperError(
                .badData, "bytes follow the last section", at: place, expected: String(end),
                found: String(fileByteCount))
        }
        guard let list = sections.last, list.name == SectionName.checksums, list.kind == .mapped else {
            throw TaperError(.badData, "the last section must be \"checksums\"", at: place)
        }
        guard required == SectionTable.features(sections) else {
            throw TaperError(
                .badData, "the required features contradict the sections", at: place,
                expected: String(SectionTable.features(sections), radix: 16), found: String(required, radix: 16))
        }
        let blockCount = sections.dropLast().reduce(0) { $0 + $1.blockCount }
        let listBytes = UnsafeRawBufferPointer(rebasing: bytes[list.range])
        guard list.storedByteCount == blockCount * 8, Storage.checksum(listBytes) == list.checksum else {
            throw TaperError(.badData, "the list of checksums is damaged", at: place + ": section checksums")
        }
        blockChecksums = (0..<blockCount).map {
            UInt64(littleEndian: listBytes.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self))
        }
    }

    /// What other software's model a file is; nil for anything else.
    private static func checkpointKind(_ bytes: UnsafeRawBufferPointer) -> String? {
        if bytes.starts(with: "GGUF".utf8) { return "a GGUF file" }
        // A length of 8 bytes, then JSON.
        return bytes.count > 9 && bytes[6] == 0 && bytes[7] == 0 && bytes[8] == 0x7b ? "a safetensors file" : nil
    }

    /// Header and table as bytes; `checksum` fields of the sections must be final.
    func headBytes() -> [UInt8] {
        var writer = ByteWriter()
        writer.raw(BundleFormat.magic)
        writer.u32(BundleFormat.version)
        writer.u32(UInt32(BundleFormat.headerByteCount))
        writer.u64(UInt64(byteCount))
        writer.u64(SectionTable.features(sections))
        writer.u64(0)
        writer.u32(UInt32(sections.count))
        writer.u32(UInt32(BundleFormat.sectionAlignment))
        writer.u64(0)
        writer.u64(0)
        for section in sections {
            var name = Array(section.name.utf8)
            precondition(name.count <= BundleFormat.nameByteCount, "section name too long")
            name += [UInt8](repeating: 0, count: BundleFormat.nameByteCount - name.count)
            writer.raw(name)
            writer.u32(section.kind.rawValue)
            writer.u32(0)
            writer.u64(UInt64(section.offset))
            writer.u64(UInt64(section.storedByteCount))
            writer.u64(UInt64(section.rawByteCount))
            writer.u64(section.checksum)
        }
        var bytes = writer.bytes
        let sum = bytes.withUnsafeBytes { SectionTable.headChecksum($0, tableEnd: bytes.count) }
        for index in 0..<8 { bytes[56 + index] = UInt8(truncatingIfNeeded: sum >> UInt64(8 * index)) }
        return bytes
    }

    /// Required features of a file with these sections.
    private static func features(_ sections: [SectionInfo]) -> UInt64 {
        sections.contains { $0.name == SectionName.half } ? BundleFormat.halfFeature : 0
    }

    /// Over the header up to its checksum field, then the table.
    private static func headChecksum(_ bytes: UnsafeRawBufferPointer, tableEnd: Int) -> UInt64 {
        let table = checksum(UnsafeRawBufferPointer(rebasing: bytes[BundleFormat.headerByteCount..<tableEnd]))
        return checksum(UnsafeRawBufferPointer(rebasing: bytes[0..<56]), seed: table)
    }

    /// Index in `blockChecksums` of a section's first block.
    func firstBlock(_ index: Int) -> Int { sections[0..<index].reduce(0) { $0 + $1.blockCount } }

    /// A section's checksum from its blocks': the block's own when there is one, else of the list.
    static func combined(_ blocks: ArraySlice<UInt64>) -> UInt64 {
        if blocks.count == 1, let only = blocks.first { return only }
        var writer = ByteWriter()
        for block in blocks { writer.u64(block) }
        return checksum(writer.bytes)
    }
}

extension ArraySlice where Element == UInt8 {
    func withBytesOfSlice<R>(_ body: (UnsafeRawBufferPointer) throws(TaperError) -> R) throws(TaperError) -> R {
        try Array(self).withBytes(body)
    }
}
