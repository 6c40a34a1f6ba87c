public import Kernels
import Model
public import Storage

/// Writes a bundle tensor by tensor, in any order; memory holds one tensor. The file appears when `finish` returns.
public final class BundleWriter {
    private let manifest: Manifest
    private let file: AtomicFile
    private let layout: BundleLayout
    private let sections: [SectionInfo]
    private let frames: [[UInt8]]
    private var offsets: [String: Int] = [:]
    private var tensorIndex: [String: Int] = [:]
    private var arrived: Set<String> = []
    private var arrivedHalves: Set<String> = []

    /// - Parameters:
    ///   - tokenizer: compact form, or nil for a model without text.
    ///   - documents: further JSON sections, such as "chat".
    public init(
        path: String, replacing: Bool, manifest: Manifest, tokenizer: [UInt8]?,
        documents: [(section: String, value: JSONValue)]
    ) throws(TaperError) {
        try manifest.checkTensors("bundle to write")
        try BundleWriter.checkDocuments(documents.map { $0.section })
        self.manifest = manifest
        layout = try BundleLayout(tensors: manifest.tensors, place: "bundle to write")
        for (index, tensor) in manifest.tensors.enumerated() { tensorIndex[tensor.name] = index }
        var small: [(name: String, bytes: [UInt8])] = [(SectionName.manifest, manifest.json.bytes())]
        if let tokenizer { small.append((SectionName.tokenizer, tokenizer)) }
        for document in documents { small.append((document.section, document.value.bytes())) }
        var plan = SectionPlan()
        var frames: [[UInt8]] = []
        for (name, bytes) in small {
            let (section, frame) = try SectionPlan.compressed(name, bytes)
            plan.sections.append(section)
            frames.append(frame)
        }
        for section in layout.sectionsInFileOrder { plan.mapped(section.name, section.byteCount) }
        sections = plan.placed()
        for section in sections { offsets[section.name] = section.offset }
        self.frames = frames
        file = try plan.create(path: path, replacing: replacing)
        for (section, frame) in zip(sections, frames) {
            try frame.withBytes { raw throws(TaperError) in try file.write(at: section.offset, raw) }
        }
    }

    /// Documents have names of their own, each once.
    static func checkDocuments(_ names: [String]) throws(TaperError) {
        for (index, name) in names.enumerated() {
            guard BundleFormat.isSectionName(name), !BundleFormat.isReserved(name), !names[..<index].contains(name)
            else {
                throw TaperError(
                    .internalFault, "no document can have this name, or it came twice", at: "bundle to write",
                    expected: "up to 40 letters, digits, . _ -", found: printable(name))
            }
        }
    }

    private func write(_ part: BundleLayout.Part, _ bytes: UnsafeRawBufferPointer, _ name: String) throws(TaperError) {
        let section = layout.sections[part.section].name
        guard bytes.count == part.byteCount, let offset = offsets[section] else {
            throw TaperError(
                .internalFault,
                "tensor " + name + " does not match its plan: section " + section + ", expected "
                    + String(part.byteCount) + " bytes, found " + String(bytes.count))
        }
        try file.write(at: offset + part.offset, bytes)
    }

    /// The parts of a tensor that has not arrived yet.
    private func parts(_ name: String, _ shape: [Int]) throws(TaperError) -> (
        plan: TensorPlan, parts: [BundleLayout.Part]
    ) {
        guard let index = tensorIndex[name], manifest.tensors[index].shape == shape, arrived.insert(name).inserted
        else {
            throw TaperError(.internalFault, "tensor " + name + " is unknown, of another shape, or came twice")
        }
        return (manifest.tensors[index], layout.parts[index])
    }

    public func add(_ matrix: PackedMatrix) throws(TaperError) {
        let (plan, parts) = try parts(matrix.name, [matrix.rows, matrix.columns])
        guard case .nested(_, let all) = plan.encoding, matrix.tables.map({ $0.bits }) == BitWidth.nested(of: all),
            parts.count == matrix.planes.count + 2 * matrix.tables.count + (all.last == BitWidth.half ? 1 : 0)
        else { throw TaperError(.internalFault, "tensor " + matrix.name + " has other precisions than its plan") }
        for (part, plane) in zip(parts, matrix.planes) {
            try plane.withBytes { raw throws(TaperError) in try write(part, raw, matrix.name) }
        }
        for (order, table) in matrix.tables.enumerated() {
            try BundleWriter.checkFinite(table.scales, matrix.name)
            let first = matrix.planes.count + 2 * order
            try table.entries.withBytes { raw throws(TaperError) in try write(parts[first], raw, matrix.name) }
            try table.scales.withBytes { raw throws(TaperError) in try write(parts[first + 1], raw, matrix.name) }
        }
    }

    /// The 16-bit weights of a nested tensor; its codes come on their own.
    public func add(_ matrix: PackedHalf) throws(TaperError) {
        guard let index = tensorIndex[matrix.name], manifest.tensors[index].shape == [matrix.rows, matrix.columns],
            case .nested(_, let precisions) = manifest.tensors[index].encoding, precisions.last == BitWidth.half,
            let part = layout.parts[index].last, arrivedHalves.insert(matrix.name).inserted
        else {
            throw TaperError(.internalFault, "tensor " + matrix.name + " is not planned at 16 bits, or came twice")
        }
        if let bad = matrix.values.firstIndex(where: { $0 & 0x7c00 == 0x7c00 }) {
            throw TaperError(
                .badData, "a weight is not finite in half precision", at: "tensor " + matrix.name,
                found: "value " + String(bad))
        }
        try matrix.values.withBytes { raw throws(TaperError) in try write(part, raw, matrix.name) }
    }

    public func add(_ matrix: PackedInt8) throws(TaperError) {
        let (plan, parts) = try parts(matrix.name, [matrix.rows, matrix.columns])
        guard plan.encoding == .int8 else {
            throw TaperError(.internalFault, "tensor " + matrix.name + " is not planned as bytes")
        }
        try BundleWriter.checkFinite(matrix.scales, matrix.name)
        try matrix.values.withBytes { raw throws(TaperError) in try write(parts[0], raw, matrix.name) }
        try matrix.scales.withBytes { raw throws(TaperError) in try write(parts[1], raw, matrix.name) }
    }

    public func add(vector: [Float], name: String) throws(TaperError) {
        let (plan, parts) = try parts(name, [vector.count])
        guard plan.encoding == .float else {
            throw TaperError(.internalFault, "tensor " + name + " is not planned as a vector")
        }
        try BundleWriter.checkFinite(vector, name)
        try vector.withBytes { raw throws(TaperError) in try write(parts[0], raw, name) }
    }

    private static func checkFinite(_ values: [Float], _ name: String) throws(TaperError) {
        for (index, value) in values.enumerated() where !value.isFinite {
            throw TaperError(
                .badData, "a scale or vector element is not finite", at: "tensor " + name,
                found: "element " + String(index))
        }
    }

    /// Checksums everything, writes the header and makes the file visible.
    public func finish() throws(TaperError) { try draft().publish() }

    /// The same, but nobody sees the file yet: more documents may come.
    public func draft() throws(TaperError) -> BundleDraft {
        guard arrived.count == manifest.tensors.count else {
            throw TaperError(
                .internalFault, String(manifest.tensors.count - arrived.count) + " tensors never arrived at the bundle")
        }
        guard !manifest.precisions.contains(BitWidth.half) || arrivedHalves.count == linearCount else {
            throw TaperError(
                .internalFault, String(linearCount - arrivedHalves.count) + " tensors never arrived at 16 bits")
        }
        return BundleDraft(file, try BundleWriter.seal(file, sections), frames: frames)
    }

    private var linearCount: Int {
        manifest.tensors.count { tensor in
            if case .nested(Manifest.linearGroup, _) = tensor.encoding { true } else { false }
        }
    }

    /// Computes block checksums of a file whose sections are in place, then writes list, table and header.
    @discardableResult
    static func seal(_ file: AtomicFile, _ planned: [SectionInfo]) throws(TaperError) -> SectionTable {
        var sections = planned
        var blocks: [UInt64] = []
        for index in 0..<sections.count - 1 {
            let first = blocks.count
            let section = sections[index]
            for block in 0..<section.blockCount {
                let start = block * BundleFormat.blockByteCount
                let count = min(BundleFormat.blockByteCount, section.storedByteCount - start)
                blocks.append(checksum(try file.read(at: section.offset + start, count)))
            }
            sections[index] = section.with(checksum: SectionTable.combined(blocks[first...]))
        }
        return try seal(file, sections, blocks)
    }

    /// Writes list, table and header of sections whose checksums are known.
    static func seal(
        _ file: AtomicFile, _ sections: [SectionInfo], _ blocks: [UInt64]
    ) throws(TaperError) -> SectionTable {
        var sections = sections
        var list = ByteWriter()
        for block in blocks { list.u64(block) }
        let last = sections.count - 1
        try list.bytes.withBytes { raw throws(TaperError) in try file.write(at: sections[last].offset, raw) }
        sections[last] = sections[last].with(checksum: checksum(list.bytes))
        let table = SectionTable(sections: sections, blockChecksums: blocks, byteCount: file.byteCount)
        try table.headBytes().withBytes { raw throws(TaperError) in try file.write(at: 0, raw) }
        return table
    }
}

extension SectionInfo {
    func with(checksum: UInt64) -> SectionInfo {
        SectionInfo(
            name: name, kind: kind, offset: offset, storedByteCount: storedByteCount, rawByteCount: rawByteCount,
            checksum: checksum)
    }
}
