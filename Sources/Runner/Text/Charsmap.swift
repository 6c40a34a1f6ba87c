/// SentencePiece's compiled table of replacements: a double-array trie (Yata et al. 2007, in the layout of darts-clone) whose values are
/// offsets of strings that end in NUL.
struct Charsmap: Equatable {
    private let units: [UInt32]
    private let strings: [UInt8]

    /// Bytes of a string. A string is searched for its end at every use; SentencePiece's own tables hold none of more than 33.
    static let stringLimit = 1024

    /// The bytes as SentencePiece and tokenizer.json carry them: the trie's byte count in four bytes, the trie, the strings.
    /// Nil when they are cut short, or a string is too long.
    init?(_ bytes: [UInt8]) {
        func word(_ at: Int) -> UInt32 {
            UInt32(bytes[at]) | UInt32(bytes[at + 1]) << 8 | UInt32(bytes[at + 2]) << 16 | UInt32(bytes[at + 3]) << 24
        }
        guard bytes.count >= 4 else { return nil }
        let trie = Int(word(0))
        guard trie % 4 == 0, trie <= bytes.count - 4 else { return nil }
        units = (0..<trie / 4).map { word(4 + $0 * 4) }
        strings = Array(bytes[(4 + trie)...])
        guard String(validating: strings, as: UTF8.self) != nil else { return nil }
        var length = 0
        for byte in strings {
            length = byte == 0 ? 0 : length + 1
            if length > Charsmap.stringLimit { return nil }
        }
    }

    /// The form that `init` reads.
    var bytes: [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(4 + units.count * 4 + strings.count)
        for value in [UInt32(units.count * 4)] + units {
            for shift in [0, 8, 16, 24] { out.append(UInt8(truncatingIfNeeded: value >> UInt32(shift))) }
        }
        return out + strings
    }

    /// The replacement of the shortest prefix that has one.
    private func replacement(of bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let root = units.first else { return nil }
        var node = Charsmap.offset(root)
        for byte in bytes {
            // A link's unit holds its byte in the low bits; a leaf has bit 31 set and never equals one.
            if byte == 0 { return nil }
            node ^= Int(byte)
            guard node < units.count, units[node] & 0x8000_00ff == UInt32(byte) else { return nil }
            let unit = units[node]
            node ^= Charsmap.offset(unit)
            if unit & 0x100 != 0 {
                guard node < units.count else { return nil }
                let start = Int(units[node] & 0x7fff_ffff)
                // Not in the middle of a character: what comes out is text again.
                guard start <= strings.count, start == strings.count || strings[start] & 0xc0 != 0x80 else {
                    return nil
                }
                var end = start
                while end < strings.count && strings[end] != 0 { end += 1 }
                return strings[start..<end]
            }
        }
        return nil
    }

    private static func offset(_ unit: UInt32) -> Int { Int((unit >> 10) << ((unit & 0x200) >> 6)) }

    func apply(to bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var at = 0
        for cluster in String(decoding: bytes, as: UTF8.self) {
            let end = at + cluster.utf8.count
            // As the `tokenizers` library does: a short cluster is looked up whole, and its first match replaces all of it.
            if end - at < 6, let found = replacement(of: bytes[at..<end]) {
                out += found
                at = end
                continue
            }
            for scalar in cluster.unicodeScalars {
                let next = at + UTF8.width(scalar)
                out += replacement(of: bytes[at..<next]) ?? bytes[at..<next]
                at = next
            }
        }
        return out
    }
}
