/// JSON text looked at before json-c parses it: what that library would get wrong, and what it would cost.
///
/// json-c cuts keys at NUL, replaces lone surrogates and some escaped pairs by U+FFFD, keeps the last of repeated keys, and
/// reads NaN. Strings that are not what the text says are refused here, or put right in `rewritten`.
struct JSONText {
    /// Colons outside strings: the number of members written.
    private(set) var memberCount = 0
    /// Memory that parsing takes, about: json-c's tree and ours.
    private(set) var parsedByteCount = valueByteCount
    /// Where a literal stands that only JavaScript knows: NaN, Infinity.
    private(set) var foreignLiteral: Int?
    /// Where escaped surrogate pairs begin.
    private var pairs: [Int] = []

    // Measured, rounded up: a scalar in both trees; a list of 32 places; a table of 16.
    private static let valueByteCount = 120
    private static let arrayByteCount = 350
    private static let objectByteCount = 850

    /// - Throws: `badData` for strings that no Unicode text can be, and keys that json-c would cut.
    init(_ bytes: UnsafeRawBufferPointer, place: String) throws(TaperError) {
        var offset = 0
        var lastStringHasNul = false
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x22:
                lastStringHasNul = false
                try skipString(bytes, &offset, &lastStringHasNul, place)
                continue
            case 0x3a:
                if lastStringHasNul {
                    throw TaperError(
                        .badData, "a key holds the character NUL", at: place + " before byte " + String(offset))
                }
                memberCount += 1
            case 0x2c: parsedByteCount += JSONText.valueByteCount
            case 0x5b: parsedByteCount += JSONText.valueByteCount + JSONText.arrayByteCount
            case 0x7b: parsedByteCount += JSONText.valueByteCount + JSONText.objectByteCount
            case 0x4e, 0x49: foreignLiteral = foreignLiteral ?? offset
            default: break
            }
            offset += 1
        }
        parsedByteCount += 2 * bytes.count
    }

    /// From the opening quote to behind the closing one.
    private mutating func skipString(
        _ bytes: UnsafeRawBufferPointer, _ offset: inout Int, _ hasNul: inout Bool, _ place: String
    ) throws(TaperError) {
        offset += 1
        while offset < bytes.count {
            let byte = bytes[offset]
            if byte == 0x22 {
                offset += 1
                return
            }
            if byte < 0x20 {
                throw TaperError(
                    .badData, "not valid JSON: a control character in a string",
                    at: place + " at byte " + String(offset))
            }
            guard byte == 0x5c else {
                offset += 1
                continue
            }
            guard let unit = JSONText.unit(bytes, offset) else {
                offset += 2
                continue
            }
            if unit == 0 { hasNul = true }
            if unit & 0xfc00 == 0xd800, let low = JSONText.unit(bytes, offset + 6), low & 0xfc00 == 0xdc00 {
                pairs.append(offset)
                offset += 12
                continue
            }
            guard unit & 0xf800 != 0xd800 else {
                throw TaperError(
                    .badData, "a string holds half of a surrogate pair", at: place + " at byte " + String(offset),
                    expected: "two escapes that make one character", found: "\\u" + String(unit, radix: 16))
            }
            offset += 6
        }
    }

    /// The number of the escape `\uXXXX` at `offset`, if there is one.
    private static func unit(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt32? {
        guard offset + 6 <= bytes.count, bytes[offset] == 0x5c, bytes[offset + 1] == 0x75 else { return nil }
        var value: UInt32 = 0
        for byte in bytes[offset + 2..<offset + 6] {
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case 0x41...0x46: digit = byte - 0x41 + 10
            case 0x61...0x66: digit = byte - 0x61 + 10
            default: return nil
            }
            value = value << 4 | UInt32(digit)
        }
        return value
    }

    /// The text with every escaped pair written as its character; nil when there is none.
    func rewritten(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        if pairs.isEmpty { return nil }
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var start = 0
        for pair in pairs {
            guard let high = JSONText.unit(bytes, pair), let low = JSONText.unit(bytes, pair + 6),
                let scalar = UnicodeScalar(0x10000 + (high & 0x3ff) << 10 + low & 0x3ff)
            else { continue }
            out.append(contentsOf: bytes[start..<pair])
            out.append(contentsOf: String(Character(scalar)).utf8)
            start = pair + 12
        }
        out.append(contentsOf: bytes[start...])
        return out
    }

    /// Where in the text a position of `rewritten` is.
    func original(_ offset: Int) -> Int {
        var shift = 0
        for pair in pairs where pair - shift < offset { shift += 8 }
        return offset + shift
    }
}
