import Model
public import Storage

/// Cuts a bundle to at most `maxBits`: planes and tables of higher precisions are dropped, nothing is requantized.
///
/// Rungs of which some tensor needs a dropped precision go too, schedules that name one or such a rung, and a learned
/// scheduler or precision by need that does: their scores were measured with it. Returns the schedules' tasks, and the names of
/// the other two.
@discardableResult
public func cutBundle(from: String, to: String, maxBits: Int, replacing: Bool) throws(TaperError) -> [String] {
    let source = try Bundle(path: from)
    var manifest = source.manifest
    manifest.precisions = manifest.precisions.filter { $0 <= maxBits }
    guard !manifest.precisions.isEmpty else {
        throw TaperError(
            .usage, "the bundle has no precision of " + String(maxBits) + " bits or less", at: from,
            found: source.manifest.precisions.map { String($0) }.joined(separator: ", "))
    }
    manifest.tensors = manifest.tensors.map { tensor in
        guard case .nested(Manifest.linearGroup, _) = tensor.encoding else { return tensor }
        return TensorPlan(
            name: tensor.name, shape: tensor.shape,
            encoding: .nested(group: Manifest.linearGroup, precisions: manifest.precisions))
    }
    let rungs = try source.rungs()
    let keptRungs = rungs.filter { rung in rung.bits.allSatisfy { $0 <= maxBits } }
    let served = manifest.precisions.map { Precision(bits: $0) } + keptRungs.map { $0.precision }
    let schedules = try source.schedules()
    let kept = schedules.filter { $0.schedule.precisions.allSatisfy { served.contains($0) } }
    let learned = try source.learnedScheduler()
    let keepsLearned = learned.map { $0.precisions.allSatisfy { served.contains($0) } } ?? false
    let adaptive = try source.adaptiveSchedule()
    let keepsAdaptive = adaptive.map { $0.rule.precisions.allSatisfy { served.contains($0) } } ?? false
    var documents = [(section: SectionName.manifest, bytes: manifest.json.bytes())]
    if kept.count < schedules.count, !kept.isEmpty {
        documents.append((SectionName.schedules, JSONValue.array(kept.map { $0.json }).bytes()))
    }
    if keptRungs.count < rungs.count, !keptRungs.isEmpty {
        documents.append((SectionName.rungs, JSONValue.array(keptRungs.map { $0.json }).bytes()))
    }
    let layout = try BundleLayout(tensors: manifest.tensors, place: from)
    try copy(source, to: to, replacing: replacing, documents: documents) { section in
        if section.name == SectionName.schedules { return !kept.isEmpty }
        if section.name == SectionName.adaptive { return keepsAdaptive }
        if section.name == SectionName.rungs { return !keptRungs.isEmpty }
        if section.name == SectionName.learned || section.name == SectionName.learnedWeights {
            return keepsLearned
        }
        return TensorSection(section.name) == nil || layout.holds(section.name)
    }
    var dropped = schedules.filter { schedule in !kept.contains { $0.task == schedule.task } }.map { $0.task }
    if adaptive != nil && !keepsAdaptive { dropped.append(SectionName.adaptive) }
    if learned != nil && !keepsLearned { dropped.append(SectionName.learned) }
    return dropped
}

/// Copies a bundle with some JSON sections replaced or added; `from` and `to` may be the same path.
/// A document that is `.null` removes its section.
/// - Parameters:
///   - learned: replaces or adds the learned scheduler.
///   - headScreens: contents of sections `head.screen.<bits>` in place of all there are; nil: those stay.
public func rewriteBundle(
    from: String, to: String, documents: [(section: String, value: JSONValue)], learned: LearnedScheduler? = nil,
    headScreens: [[UInt8]]? = nil, replacing: Bool
) throws(TaperError) {
    let source = try Bundle(path: from)
    try BundleWriter.checkDocuments(documents.map { $0.section })
    let removed = Set(documents.filter { $0.value.isNull }.map { $0.section })
    var contents = documents.filter { !$0.value.isNull }.map { (section: $0.section, bytes: $0.value.bytes()) }
    if let learned { contents += try learned.sections(for: source) }
    try copy(
        source, to: to, replacing: replacing, documents: contents,
        last: try HeadScreenSection.named(headScreens ?? [])
    ) { section in
        !removed.contains(section.name) && (headScreens == nil || !SectionName.isHeadScreen(section.name))
    }
}

/// What a section of the copy is made of.
private enum Content {
    case made([UInt8])
    /// Index of the source's section.
    case copied(Int)
}

/// - Parameters:
///   - documents: unpacked content of sections that are made anew.
///   - last: mapped sections that the source has not.
private func copy(
    _ source: Bundle, to: String, replacing: Bool, documents: [(section: String, bytes: [UInt8])],
    last: [(name: String, bytes: [UInt8])] = [], keep: (SectionInfo) -> Bool
) throws(TaperError) {
    var plan = SectionPlan()
    var contents: [Content] = []
    func add(_ name: String, _ unpacked: [UInt8]) throws(TaperError) {
        let (section, bytes) = try SectionPlan.compressed(name, unpacked)
        plan.sections.append(section)
        contents.append(.made(bytes))
    }
    let kept = source.sections.indices.filter { index in
        source.sections[index].name != SectionName.checksums && keep(source.sections[index])
    }
    let names = Set(kept.map { source.sections[$0].name })
    var isAmongSmall = true
    for index in kept {
        let section = source.sections[index]
        // New documents stand with the other small sections, before the tensors.
        if isAmongSmall, section.kind == .mapped {
            isAmongSmall = false
            for document in documents where !names.contains(document.section) {
                try add(document.section, document.bytes)
            }
        }
        if let document = documents.first(where: { $0.section == section.name }) {
            try add(section.name, document.bytes)
        } else {
            plan.sections.append(section)
            contents.append(.copied(index))
        }
    }
    for section in last {
        plan.mapped(section.name, section.bytes.count)
        contents.append(.made(section.bytes))
    }
    let sections = plan.placed()
    let file = try plan.create(path: to, replacing: replacing)
    for (content, section) in zip(contents, sections) {
        switch content {
        case .made(let bytes): try bytes.withBytes { raw throws(TaperError) in try file.write(at: section.offset, raw) }
        case .copied(let index):
            let stored = UnsafeRawBufferPointer(rebasing: source.file.bytes[source.sections[index].range])
            // Damage must not travel into a file with fresh checksums.
            try Bundle.verifyBlocks(source.table, index, stored, source.path + ": section " + section.name)
            try file.write(at: section.offset, stored)
        }
    }
    try BundleWriter.seal(file, sections)
    try file.commit()
}
