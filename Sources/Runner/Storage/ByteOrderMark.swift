/// The mark that some editors put before a text to tell its encoding.
public enum ByteOrderMark {
    private static let utf8: [UInt8] = [0xef, 0xbb, 0xbf]

    /// Bytes of UTF-8's mark at the start: 3 or 0.
    public static func count(_ bytes: UnsafeRawBufferPointer) -> Int { bytes.starts(with: utf8) ? utf8.count : 0 }

    /// The encoding whose mark stands at the start, where it is not UTF-8.
    public static func foreignEncoding(_ bytes: UnsafeRawBufferPointer) -> String? {
        if bytes.starts(with: [0xff, 0xfe, 0, 0]) || bytes.starts(with: [0, 0, 0xfe, 0xff]) { return "UTF-32" }
        if bytes.starts(with: [0xff, 0xfe]) || bytes.starts(with: [0xfe, 0xff]) { return "UTF-16" }
        return nil
    }

    /// The text without its mark, which is no part of it.
    public static func skipped(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[count(bytes)...])
    }
}

extension Files {
    /// Reads a text of at most `limit` bytes; a byte order mark at its start is left out.
    /// - Throws: `badData` when it is not UTF-8.
    public static func readText(_ path: String, limit: Int) throws(TaperError) -> [UInt8] {
        try textBytes(try read(path, limit: limit), place: path)
    }

    /// The UTF-8 text that a file's content holds.
    public static func textBytes(_ content: [UInt8], place: String) throws(TaperError) -> [UInt8] {
        try content.withBytes { raw throws(TaperError) in try checkText(raw, place: place) }
        let mark = content.withUnsafeBytes { ByteOrderMark.count($0) }
        return mark == 0 ? content : Array(content[mark...])
    }

    /// - Throws: `badData` when the bytes are not UTF-8, naming the encoding where a mark tells it.
    public static func checkText(_ bytes: UnsafeRawBufferPointer, place: String) throws(TaperError) {
        if let encoding = ByteOrderMark.foreignEncoding(bytes) {
            throw TaperError(
                .badData, "the text begins with a byte order mark of " + encoding, at: place, expected: "UTF-8",
                remedy: "Save it as UTF-8")
        }
        guard strictString(bytes) != nil else {
            throw TaperError(.badData, "the text is not UTF-8", at: place, remedy: "Save it as UTF-8")
        }
    }
}
