/// Where a long text may be cut without changing its words.
extension Tokenizer.Settings {
    /// Bytes of a part at least, where nobody says.
    static let usualPartSize = 1 << 16

    /// Ends of parts of a text that have together the words of the whole, the text's own end last.
    ///
    /// The splitters that are regular expressions all end a word after a line feed between visible characters, and before a space
    /// between letters, whatever stands further off; what they look ahead for never reaches over these places. Steps before such
    /// a splitter part kinds of characters, so that it still sees on both sides of the place what it would see of the whole. With
    /// any other step, or with none, a text is one part.
    func partEnds(of bytes: [UInt8], partSize: Int) -> [Int] {
        guard bytes.count / 2 > partSize, areSplittersOfWords else { return [bytes.count] }
        var ends: [Int] = []
        var at = max(partSize, 2)
        while at < bytes.count - 1 {
            let isAfterLine =
                bytes[at - 1] == 0x0a && Self.isVisible(bytes[at - 2]) && Self.isVisible(bytes[at])
            if isAfterLine || bytes[at] == 0x20 && Self.isLetter(bytes[at - 1]) && Self.isLetter(bytes[at + 1]) {
                ends.append(at)
                at += partSize
            } else {
                at += 1
            }
        }
        return ends + [bytes.count]
    }

    private var areSplittersOfWords: Bool {
        for step in preTokenizers {
            guard case .splitter(let splitter) = step, splitter != .metaspace else { return false }
        }
        switch preTokenizers.last {
        case .splitter(.gpt2), .splitter(.llama3), .splitter(.qwen2): return true
        default: return false
        }
    }

    // Of ASCII alone: other characters may be white space or belong to those beside them.
    private static func isVisible(_ byte: UInt8) -> Bool { (0x21...0x7e).contains(byte) }
    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7a).contains(byte | 0x20) }
}
