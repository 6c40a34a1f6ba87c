import Model
public import Storage

/// Cuts a bundle to at most `maxBits`: planes and tables of higher precisions are dropped, nothing is requantized.
public func cutBundle(from: String, to: String, maxBits: Int, replacing: Bool) throws(TaperError) {
    let source = try Bundle(path: from)
    var manifest = source.manifest
    manifest.precisions = manifest.precisions.filter { $0 <= maxBits }
    guard !manifest.precisions.isEmpty else {
        throw TaperError(
            .usage, "the bundle has no precision of " + String(maxBits) + " bits or less", at: from,
            found: source.manifest.precisions.map { String($0) }.joined(separator: ", "))
    }
    manifest.tensors = manifest.tensors.map { tensor in
        guard case .nested("linear", let precisions) = tensor.encoding else { return tensor }
        return TensorPlan(
            name: tensor.name, shape: tensor.shape,
            encoding: .nested(group: "linear", precisions: precisions.filter { $0 <= maxBits }))
    }
    // Schedules and quality speak of precisions that are gone; what is left of them stays true.
    let schedules = try source.schedules().map { $0.limited(to: manifest.precisions).json }
    var documents: [(section: String, value: JSONValue)] = [(BundleFormat.manifest, manifest.json)]
    if !schedules.isEmpty { documents.append(("schedules", .array(schedules))) }
    let kept = Set(try BundleLayout(tensors: manifest.tensors, place: from).sections.map { $0.name })
    try copy(source, to: to, replacing: replacing, documents: documents) { section in
        section.kind == .zstd || kept.contains(section.name)
    }
}

/// Copies a bundle with some JSON sections replaced or added; `from` and `to` may be the same path.
public func rewriteBundle(
    from: String, to: String, documents: [(section: String, value: JSONValue)], replacing: Bool
) throws(TaperError) {
    let source = try Bundle(path: from)
    try copy(source, to: to, replacing: replacing, documents: documents) { _ in true }
}

private func copy(
    _ source: Bundle, to: String, replacing: Bool, documents: [(section: String, value: JSONValue)],
    keep: (SectionInfo) -> Bool
) throws(TaperError) {
    enum Content {
        case made([UInt8])
        case copied(Int)
    }
    var planned: [(name: String, kind: SectionInfo.Kind, raw: Int, stored: Int, content: Content)] = []
    func add(_ name: String, _ value: JSONValue) throws(TaperError) {
        let bytes = value.bytes()
        let packed = try Zstd.compress(bytes)
        planned.append((name, .zstd, bytes.count, packed.count, .made(packed)))
    }
    var replaced: Set<String> = []
    for (index, section) in source.sections.enumerated() where section.name != BundleFormat.checksums && keep(section) {
        if let document = documents.first(where: { $0.section == section.name }) {
            try add(section.name, document.value)
            replaced.insert(section.name)
        } else {
            planned.append((section.name, section.kind, section.rawByteCount, section.storedByteCount, .copied(index)))
        }
    }
    // New documents stand with the other small sections, before the tensors.
    let firstMapped = planned.firstIndex { $0.kind == .mapped } ?? planned.count
    let tail = Array(planned[firstMapped...])
    planned.removeSubrange(firstMapped...)
    for document in documents where !replaced.contains(document.section) { try add(document.section, document.value) }
    planned += tail
    var sections: [SectionInfo] = []
    var end = BundleFormat.headerByteCount + (planned.count + 1) * BundleFormat.entryByteCount
    for item in planned {
        let offset = roundedUp(end, to: BundleFormat.sectionAlignment)
        sections.append(
            SectionInfo(
                name: item.name, kind: item.kind, offset: offset, storedByteCount: item.stored, rawByteCount: item.raw,
                checksum: 0))
        end = offset + item.stored
    }
    let listBytes = sections.reduce(0) { $0 + $1.blockCount } * 8
    let listOffset = roundedUp(end, to: BundleFormat.sectionAlignment)
    sections.append(
        SectionInfo(
            name: BundleFormat.checksums, kind: .mapped, offset: listOffset, storedByteCount: listBytes,
            rawByteCount: listBytes, checksum: 0))
    let file = try AtomicFile(path: to, replacing: replacing)
    try file.extend(to: listOffset + listBytes)
    for (item, section) in zip(planned, sections) {
        switch item.content {
        case .made(let bytes): try bytes.withBytes { raw throws(TaperError) in try file.write(at: section.offset, raw) }
        case .copied(let index):
            let stored = UnsafeRawBufferPointer(rebasing: source.file.bytes[source.sections[index].range])
            // Damage must not travel into a file with fresh checksums.
            try Bundle.verifyBlocks(source.table, index, stored, source.path + ": section " + section.name)
            try file.write(at: section.offset, stored)
        }
    }
    try BundleWriter.seal(file, sections)
}
