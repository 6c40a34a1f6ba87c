/// Unicode white space in UTF-8 bytes, for added tokens that swallow the space around them.
enum WhiteSpace {
    /// Byte count of the white-space character that starts at `at`; nil when there is none.
    static func width(startingAt at: Int, in bytes: [UInt8]) -> Int? {
        guard at < bytes.count else { return nil }
        for width in 1...3 where at + width <= bytes.count && isSpace(bytes[at..<at + width]) { return width }
        return nil
    }

    /// Byte count of the white-space character that ends before `end`; nil when there is none.
    static func width(endingAt end: Int, in bytes: [UInt8]) -> Int? {
        for width in 1...3 where end >= width && isSpace(bytes[end - width..<end]) { return width }
        return nil
    }

    /// White_Space of the Unicode character database: all of it lies below U+3001.
    private static func isSpace(_ character: ArraySlice<UInt8>) -> Bool {
        // A NUL in front would not change the number below.
        if character.first == 0 { return false }
        var value: UInt32 = 0
        for byte in character { value = value << 8 | UInt32(byte) }
        return switch value {
        case 0x20, 0x09...0x0d: true
        // U+0085, U+00A0
        case 0xc285, 0xc2a0: true
        // U+1680, U+2000...U+200A, U+2028, U+2029, U+202F, U+205F, U+3000
        case 0xe19a80, 0xe28080...0xe2808a, 0xe280a8, 0xe280a9, 0xe280af, 0xe2819f, 0xe38080: true
        default: false
        }
    }
}
