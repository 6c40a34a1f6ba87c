/// What normalizers do to single characters, made at conversion: the bundle carries the maps.
enum CharacterTables {
    /// Every character's compatibility decomposition, where it is not the canonical one.
    static func compatibility() -> CharacterMap {
        var entries: [(scalar: UInt32, text: [UInt8])] = []
        for entry in compatibilityData.utf8.split(separator: 0x3b) {
            let parts = entry.split(separator: 0x3d)
            guard parts.count == 2, let scalar = hexadecimal(parts[0]) else { continue }
            var text = String.UnicodeScalarView()
            for part in parts[1].split(separator: 0x2b) {
                if let value = hexadecimal(part), let scalar = Unicode.Scalar(value) { text.append(scalar) }
            }
            entries.append((scalar, Array(String(text).utf8)))
        }
        return CharacterMap(entries)
    }

    /// Every combining mark to nothing.
    static func withoutMarks() -> CharacterMap {
        var entries: [(scalar: UInt32, text: [UInt8])] = []
        for entry in markData.utf8.split(separator: 0x3b) {
            let parts = entry.split(separator: 0x2d)
            guard parts.count == 2, let first = hexadecimal(parts[0]), let last = hexadecimal(parts[1]) else {
                continue
            }
            for scalar in first...last { entries.append((scalar, [])) }
        }
        return CharacterMap(entries)
    }

    /// Every character that has a lower-case form to it, without regard to what stands around it.
    static func lowercase() -> CharacterMap {
        var entries: [(scalar: UInt32, text: [UInt8])] = []
        for value: UInt32 in 0..<0x110000 {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let lower = scalar.properties.lowercaseMapping
            if !lower.unicodeScalars.elementsEqual([scalar]) { entries.append((value, Array(lower.utf8))) }
        }
        return CharacterMap(entries)
    }

    /// The rules of the `tokenizers` library's Nmt: control characters go, odd spaces become spaces.
    static func nmt() -> CharacterMap {
        var entries: [(scalar: UInt32, text: [UInt8])] = []
        for value: UInt32 in 0..<0x10000 {
            switch value {
            case 0x01...0x08, 0x0b, 0x0e...0x1f, 0x7f, 0x8f, 0x9f: entries.append((value, []))
            case 0x09, 0x0a, 0x0c, 0x0d, 0x1680, 0x200b...0x200f, 0x2028, 0x2029, 0x2581, 0xfeff, 0xfffd:
                entries.append((value, Mark.space))
            default: break
            }
        }
        return CharacterMap(entries)
    }

    private static func hexadecimal(_ digits: Substring.UTF8View) -> UInt32? {
        UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    }
}
