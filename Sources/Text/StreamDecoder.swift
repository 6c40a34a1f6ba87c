/// Turns ids into text as they come, holding back bytes until they are whole characters.
public struct StreamDecoder {
    private let tokenizer: Tokenizer
    private var pending: [UInt8] = []
    private var isStart: Bool

    /// - Parameter atStart: the first token starts the text, so the space that the tokenizer put there is dropped.
    public init(_ tokenizer: Tokenizer, atStart: Bool = false) {
        self.tokenizer = tokenizer
        isStart = atStart
    }

    /// Text that became whole with this token; special tokens give none.
    public mutating func append(_ id: Int) -> String {
        if tokenizer.isSpecial(id) { return "" }
        var bytes = tokenizer.bytes(of: id)
        if isStart, tokenizer.settings.stripsLeadingSpace, bytes.first == 0x20 { bytes.removeFirst() }
        isStart = false
        pending += bytes
        let count = StreamDecoder.wholePrefix(pending)
        let text = String(decoding: pending[0..<count], as: UTF8.self)
        pending.removeSubrange(0..<count)
        return text
    }

    /// What is left at the end; an unfinished character becomes U+FFFD.
    public mutating func finish() -> String {
        let text = String(decoding: pending, as: UTF8.self)
        pending = []
        return text
    }

    /// Bytes before a possibly unfinished last character. Bytes that can never become a character are not held back.
    private static func wholePrefix(_ bytes: [UInt8]) -> Int {
        var start = bytes.count
        var seen = 0
        while start > 0 && seen < 4 {
            start -= 1
            seen += 1
            let byte = bytes[start]
            if byte & 0xc0 == 0x80 { continue }
            let width = byte < 0x80 ? 1 : byte < 0xc2 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : byte < 0xf5 ? 4 : 1
            return width > seen ? start : bytes.count
        }
        return bytes.count
    }
}
