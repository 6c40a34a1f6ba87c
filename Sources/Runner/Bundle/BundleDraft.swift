public import Storage

/// A whole bundle that nobody sees yet: it can be opened at `path`, and more documents can be added before it appears under
/// its name. Without `publish` it leaves nothing behind.
///
/// Documents stand before the tensors and their sizes are known last, so the tensors make room: a file system that can shift
/// blocks moves none of their bytes, and no second copy of them is ever written.
public final class BundleDraft {
    private let file: AtomicFile
    private let table: SectionTable
    /// Of the compressed sections, which stand first.
    private let frames: [[UInt8]]

    init(_ file: AtomicFile, _ table: SectionTable, frames: [[UInt8]]) {
        self.file = file
        self.table = table
        self.frames = frames
    }

    /// Of the file until it is published.
    public var path: String { file.partialPath }

    /// Adds documents behind those that are there, then makes the file visible.
    /// - Parameter headScreens: contents of sections `head.screen.<bits>`, which come last.
    /// - Precondition: nobody has the draft open.
    /// - Throws: `internalFault` for a name that is there already; `badData` for a scheduler or screen that does not fit.
    public func publish(
        adding documents: [(section: String, value: JSONValue)] = [], learned: LearnedScheduler? = nil,
        headScreens: [[UInt8]] = []
    ) throws(TaperError) {
        var added = documents.map { (name: $0.section, bytes: $0.value.bytes()) }
        try BundleWriter.checkDocuments(documents.map { $0.section })
        if let learned {
            let bundle = try Bundle(path: path)
            if let rungs = documents.first(where: { $0.section == SectionName.rungs }) {
                try bundle.adopt(rungs: rungs.value, place: file.path)
            }
            added += try learned.sections(for: bundle).map { (name: $0.section, bytes: $0.bytes) }
        }
        for document in added where table.sections.contains(where: { $0.name == document.name }) {
            throw TaperError(.internalFault, "the bundle has the section " + document.name + " already", at: file.path)
        }
        let last = try HeadScreenSection.named(headScreens)
        if !added.isEmpty || !last.isEmpty { try insert(added, last: last) }
        try file.commit()
    }

    private func insert(
        _ documents: [(name: String, bytes: [UInt8])], last: [(name: String, bytes: [UInt8])]
    ) throws(TaperError) {
        let first = frames.count
        var plan = SectionPlan()
        var blocks = Array(table.blockChecksums[..<table.firstBlock(first)])
        var small = frames
        plan.sections = Array(table.sections[..<first])
        for document in documents {
            let (section, frame) = try SectionPlan.compressed(document.name, document.bytes)
            let own = BundleDraft.blocks(of: frame)
            plan.sections.append(section.with(checksum: SectionTable.combined(own[...])))
            blocks += own
            small.append(frame)
        }
        // All but the list of checksums, which is planned anew.
        plan.sections += table.sections[first..<table.sections.count - 1]
        blocks += table.blockChecksums[table.firstBlock(first)...]
        for section in last {
            plan.mapped(section.name, section.bytes.count)
            let own = BundleDraft.blocks(of: section.bytes)
            let index = plan.sections.count - 1
            plan.sections[index] = plan.sections[index].with(checksum: SectionTable.combined(own[...]))
            blocks += own
        }
        let sections = try plan.checked()
        let (old, new) = (table.sections[first].offset, sections[small.count].offset)
        try file.insert(new - old, at: old)
        try file.extend(to: sections[sections.count - 1].range.upperBound)
        for (index, section) in last.enumerated() {
            // Before the list of checksums.
            let place = sections[sections.count - 1 - last.count + index]
            try section.bytes.withBytes { raw throws(TaperError) in try file.write(at: place.offset, raw) }
        }
        // Everything before the tensors anew, what lies between sections too.
        var head = [UInt8](repeating: 0, count: new)
        for (section, frame) in zip(sections, small) {
            head.replaceSubrange(section.offset..<section.offset + frame.count, with: frame)
        }
        try head.withBytes { raw throws(TaperError) in try file.write(at: 0, raw) }
        _ = try BundleWriter.seal(file, sections, blocks)
    }

    private static func blocks(of frame: [UInt8]) -> [UInt64] {
        stride(from: 0, to: frame.count, by: BundleFormat.blockByteCount).map {
            checksum(Array(frame[$0..<min($0 + BundleFormat.blockByteCount, frame.count)]))
        }
    }
}
