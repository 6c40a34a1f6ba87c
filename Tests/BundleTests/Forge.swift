import Foundation
import Storage

/// Takes a bundle apart and puts it together again with valid checksums, written from `formats/bundle.md` alone and
/// sharing no code with the module: it makes files that lie consistently.
struct Forge {
    struct Section {
        var name: [UInt8]
        var kind: UInt32
        var reserved: UInt32 = 0
        var stored: [UInt8]
        var rawByteCount: UInt64
        /// Replace what would be computed.
        var offset: UInt64?
        var storedByteCount: UInt64?

        var text: String { String(decoding: name, as: UTF8.self) }
    }
    var version: UInt32 = 2
    var headerByteCount: UInt32 = 64
    var fileByteCount: UInt64?
    var required: UInt64 = 0
    var optional: UInt64 = 0
    var sectionCount: UInt32?
    var alignment: UInt32 = 4096
    var headerReserved: UInt64 = 0
    /// Without the list of checksums, which is made anew.
    var sections: [Section] = []
    var listName = Array("checksums".utf8)

    init(_ bytes: [UInt8]) {
        func number(_ at: Int, _ count: Int) -> UInt64 {
            (0..<count).reduce(0) { $0 | UInt64(bytes[at + $1]) << UInt64(8 * $1) }
        }
        required = number(24, 8)
        for index in 0..<Int(number(40, 4)) - 1 {
            let entry = 64 + 80 * index
            let offset = Int(number(entry + 48, 8))
            let stored = Int(number(entry + 56, 8))
            sections.append(
                Section(
                    name: Array(bytes[entry..<entry + 40].prefix { $0 != 0 }), kind: UInt32(number(entry + 40, 4)),
                    stored: Array(bytes[offset..<offset + stored]), rawByteCount: number(entry + 64, 8)))
        }
    }

    func index(_ name: String) -> Int { sections.firstIndex { $0.text == name } ?? -1 }

    /// Replaces a compressed section by these bytes, honestly compressed.
    mutating func compress(_ name: String, _ bytes: [UInt8]) throws {
        let at = index(name)
        sections[at].stored = try Zstd.compress(bytes)
        sections[at].rawByteCount = UInt64(bytes.count)
    }

    mutating func edit(_ name: String, _ old: String, _ new: String) throws {
        let section = sections[index(name)]
        let raw = try section.stored.withBytes { bytes throws(TaperError) in
            try Zstd.decompress(bytes, byteCount: Int(section.rawByteCount), place: name)
        }
        let text = String(decoding: raw, as: UTF8.self)
        precondition(text.contains(old), "the case edits text that is not there: \(old)")
        try compress(name, Array(text.replacingOccurrences(of: old, with: new).utf8))
    }

    mutating func add(_ name: String, json: String) throws {
        let raw = Array(json.utf8)
        sections.insert(
            Section(
                name: Array(name.utf8), kind: 1, stored: try Zstd.compress(raw), rawByteCount: UInt64(raw.count)), at: 1
        )
    }

    func bytes() -> [UInt8] {
        let block = 1 << 20
        var all = sections
        var list: [UInt8] = []
        var checksums: [UInt64] = []
        for section in sections {
            var sums: [UInt64] = []
            for start in stride(from: 0, to: section.stored.count, by: block) {
                sums.append(checksum(Array(section.stored[start..<min(start + block, section.stored.count)])))
            }
            let packed = sums.flatMap(Forge.u64)
            list += packed
            checksums.append(sums.count == 1 ? sums[0] : checksum(packed))
        }
        all.append(Section(name: listName, kind: 0, stored: list, rawByteCount: UInt64(list.count)))
        checksums.append(checksum(list))
        var table: [UInt8] = []
        var body: [UInt8] = []
        let bodyStart = 64 + 80 * all.count
        for (section, sum) in zip(all, checksums) {
            body += [UInt8](repeating: 0, count: (4096 - (bodyStart + body.count) % 4096) % 4096)
            table += (section.name + [UInt8](repeating: 0, count: 40)).prefix(40)
            table += Forge.u32(section.kind) + Forge.u32(section.reserved)
            table += Forge.u64(section.offset ?? UInt64(bodyStart + body.count))
            table += Forge.u64(section.storedByteCount ?? UInt64(section.stored.count))
            table += Forge.u64(section.rawByteCount) + Forge.u64(sum)
            body += section.stored
        }
        var header = Array("TAPERBND".utf8) + Forge.u32(version) + Forge.u32(headerByteCount)
        header += Forge.u64(fileByteCount ?? UInt64(bodyStart + body.count))
        header += Forge.u64(required) + Forge.u64(optional)
        header += Forge.u32(sectionCount ?? UInt32(all.count)) + Forge.u32(alignment) + Forge.u64(headerReserved)
        header += Forge.u64(checksum(header, seed: checksum(table)))
        return header + table + body
    }

    static func u32(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
    static func u64(_ value: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
}
