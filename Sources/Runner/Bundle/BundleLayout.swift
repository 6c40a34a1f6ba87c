import Kernels
import Storage

/// Where every tensor lies, computed alike by reader and writer from the manifest's list of tensors: within a section,
/// tensors follow one another in the manifest's order, each at the next multiple of 64 bytes.
struct BundleLayout {
    struct Part: Equatable {
        /// Index in `sections`.
        let section: Int
        let offset: Int
        let byteCount: Int
    }
    /// Sections of tensors with their sizes, in the order of their first tensor.
    private(set) var sections: [(name: String, byteCount: Int)] = []
    /// Planes, tables, then perhaps half precision for nested tensors; values then scales for bytes; one part for vectors.
    private(set) var parts: [[Part]] = []
    private var sectionIndex: [String: Int] = [:]
    /// Indices in `sections` of a group's planes and tables by bit; -1 where there is none yet. Looking names up for
    /// every part would be half the time of opening a bundle.
    private var groups: [String: (planes: [Int], tables: [Int])] = [:]

    /// - Throws: `badData` when sizes overflow or a shape does not fit its encoding.
    init(tensors: [TensorPlan], place: String) throws(TaperError) {
        for tensor in tensors {
            // Text for errors is made only when there is one: opening a bundle should take a millisecond or two.
            func wrong(_ what: String) -> TaperError {
                TaperError(.badData, what, at: place + ": tensor " + printable(tensor.name))
            }
            guard let cells = checkedProduct(tensor.shape), cells < 1 << 48,
                tensor.shape.allSatisfy({ $0 > 0 && $0 < 1 << 31 })
            else { throw wrong("impossible shape") }
            var found: [Part] = []
            switch tensor.encoding {
            case .float:
                guard tensor.shape.count == 1 else {
                    throw wrong("a vector has one dimension")
                }
                found.append(try append(index(of: SectionName.vectors), cells * 4))
            case .int8:
                guard tensor.shape.count == 2 else {
                    throw wrong("a matrix has two dimensions")
                }
                let rows = NestedLayout.paddedRows(tensor.shape[0])
                let cells = rows * NestedLayout.paddedColumns(tensor.shape[1])
                found.append(try append(index(of: SectionName.bytes), cells))
                found.append(try append(index(of: SectionName.bytes), rows * 4))
            case .nested(let group, let precisions):
                guard tensor.shape.count == 2 else {
                    throw wrong("a matrix has two dimensions")
                }
                guard Manifest.arePrecisions(precisions), let highest = BitWidth.nested(of: precisions).last else {
                    throw wrong("precisions must be ascending, each 2 to 8, and perhaps 16 beside them")
                }
                guard BundleLayout.isGroupName(group) else {
                    throw wrong("impossible group name")
                }
                found = try nested(tensor.shape, group, BitWidth.nested(of: precisions), highest)
                if precisions.last == BitWidth.half {
                    guard group == Manifest.linearGroup else { throw wrong("only the group linear has 16 bits") }
                    let count = HalfLayout.byteCount(rows: tensor.shape[0], columns: tensor.shape[1])
                    found.append(try append(index(of: SectionName.half), count))
                }
            }
            parts.append(found)
        }
    }

    private mutating func nested(
        _ shape: [Int], _ group: String, _ precisions: [Int], _ highest: Int
    ) throws(TaperError) -> [Part] {
        var indices = groups[group] ?? ([Int](repeating: -1, count: 9), [Int](repeating: -1, count: 9))
        var found: [Part] = []
        found.reserveCapacity(highest - 1 + 2 * precisions.count)
        for plane in 0..<NestedLayout.planeCount(bits: highest) {
            let bit = plane + 2
            if indices.planes[bit] < 0 { indices.planes[bit] = index(of: group + ".planes." + String(bit)) }
            let count = NestedLayout.planeByteCount(rows: shape[0], columns: shape[1], plane: plane)
            found.append(try append(indices.planes[bit], count))
        }
        let rows = NestedLayout.paddedRows(shape[0])
        for bits in precisions {
            if indices.tables[bits] < 0 { indices.tables[bits] = index(of: group + ".tables." + String(bits)) }
            found.append(try append(indices.tables[bits], rows << bits))
            found.append(try append(indices.tables[bits], rows * 4))
        }
        groups[group] = indices
        return found
    }

    private mutating func index(of section: String) -> Int {
        if let known = sectionIndex[section] { return known }
        sectionIndex[section] = sections.count
        sections.append((section, 0))
        return sections.count - 1
    }

    private mutating func append(_ index: Int, _ byteCount: Int) throws(TaperError) -> Part {
        let offset = roundedUp(sections[index].byteCount, to: BundleFormat.tensorAlignment)
        // Neither sum can overflow: one part is at most 2^53 bytes, the section so far at most 2^50.
        guard offset + byteCount <= BundleFormat.sectionByteLimit else {
            throw TaperError(.badData, "the tensors are impossibly large", at: "section " + sections[index].name)
        }
        sections[index].byteCount = offset + byteCount
        return Part(section: index, offset: offset, byteCount: byteCount)
    }

    func holds(_ section: String) -> Bool { sectionIndex[section] != nil }

    static func isGroupName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 16 && name.utf8.allSatisfy { (0x61...0x7a).contains($0) }
    }

    /// `sections` as the writer puts them into a file.
    var sectionsInFileOrder: [(name: String, byteCount: Int)] {
        sections.sorted { BundleLayout.rank($0.name) < BundleLayout.rank($1.name) }
    }

    /// Small sections first, then what a low precision reads, then what higher ones add: a cut bundle is a prefix in
    /// spirit, and what is read together lies together.
    private static func rank(_ name: String) -> String {
        if name == SectionName.vectors { return "0" }
        if name == SectionName.bytes { return "1" }
        // "linear.planes.3": by bit, then planes before tables, half precision last.
        guard let section = TensorSection(name) else { return "9" + name }
        if section.part == .half { return "2" + section.group + "9" }
        return "2" + section.group + String(section.bits) + (section.part == .planes ? "p" : "t")
    }
}
