import Storage

/// A token that is matched in the text itself, before words are cut.
struct AddedToken: Equatable {
    /// Only matched where the caller allows special tokens.
    static let special: UInt8 = 1
    /// Swallows the white space before it.
    static let stripLeft: UInt8 = 2
    static let stripRight: UInt8 = 4
    /// Matched in normalized text, as its own content is after normalization.
    static let normalized: UInt8 = 8
    /// Not matched next to a word character.
    static let singleWord: UInt8 = 16
    static let all: UInt8 = 31

    var id: Int
    var flags: UInt8
    /// What is matched, in UTF-8.
    var content: [UInt8]

    func has(_ flag: UInt8) -> Bool { flags & flag != 0 }
}

extension Tokenizer {
    enum Segment {
        case text([UInt8], isFirst: Bool)
        case token(Int)
    }

    /// Cuts text at the added tokens: first those that are matched in the text as it is, then, in what lies between them
    /// and is normalized now, the others.
    @inline(never)
    func segments(_ bytes: [UInt8], parseSpecial: Bool) -> [Segment] {
        var result: [Segment] = []
        for segment in segments(bytes, rawMatches, isFirst: true, parseSpecial) {
            guard case .text(let text, let isFirst) = segment else {
                result.append(segment)
                continue
            }
            let normalized = settings.normalizers.reduce(text) { $1.apply(to: $0) }
            result += segments(normalized, normalizedMatches, isFirst: isFirst, parseSpecial)
        }
        return result
    }

    /// Matches the leftmost token, of those the longest. A match that the token's rules then forbid still uses up its text, as in
    /// the `tokenizers` library.
    private func segments(_ bytes: [UInt8], _ trie: TokenTrie, isFirst: Bool, _ parseSpecial: Bool) -> [Segment] {
        if bytes.isEmpty { return [] }
        if trie.isEmpty { return [.text(bytes, isFirst: isFirst)] }
        var result: [Segment] = []
        var start = 0
        var at = 0
        // Where the white space ends that was looked at last: tokens inside it swallow up to the same place.
        var spaceEnd = 0
        while at < bytes.count {
            guard let match = trie.longest(bytes, at: at) else {
                at += 1
                continue
            }
            let token = added[match.value]
            let begin = at
            at = match.end
            if !parseSpecial && token.has(AddedToken.special) { continue }
            if token.has(AddedToken.singleWord),
                Tokenizer.isWord(before: begin, in: bytes) || Tokenizer.isWord(at: match.end, in: bytes)
            {
                continue
            }
            var (from, to) = (begin, match.end)
            if token.has(AddedToken.stripLeft) {
                while from > start, let width = WhiteSpace.width(endingAt: from, in: bytes) { from -= width }
                // Inside white space that the token before has swallowed, where the library panics.
                if start > match.end { continue }
            }
            if token.has(AddedToken.stripRight) {
                if to < spaceEnd { to = spaceEnd }
                while let width = WhiteSpace.width(startingAt: to, in: bytes) { to += width }
                spaceEnd = to
            }
            if from > start {
                result.append(.text(Array(bytes[start..<from]), isFirst: isFirst && start == 0))
            }
            result.append(.token(token.id))
            start = to
        }
        if start < bytes.count {
            result.append(.text(start == 0 ? bytes : Array(bytes[start...]), isFirst: isFirst && start == 0))
        }
        return result
    }

    private static func isWord(before end: Int, in bytes: [UInt8]) -> Bool {
        var start = end
        while start > 0, end - start < 4 {
            start -= 1
            if bytes[start] & 0xc0 != 0x80 { break }
        }
        return isWord(at: start, in: bytes, upTo: end)
    }

    private static func isWord(at start: Int, in bytes: [UInt8]) -> Bool {
        isWord(at: start, in: bytes, upTo: min(start + 4, bytes.count))
    }

    /// Is the first character of the bytes one of a word?
    private static func isWord(at start: Int, in bytes: [UInt8], upTo end: Int) -> Bool {
        guard start < end, let scalar = String(decoding: bytes[start..<end], as: UTF8.self).unicodeScalars.first else {
            return false
        }
        return CharacterTraits.isWord(scalar.value)
    }

    /// Does the text spell a special token?
    @inline(never)
    func containsSpecial(_ text: String) -> Bool {
        for case .token(let id) in segments(Array(text.utf8), parseSpecial: true) where isSpecial(id) { return true }
        return false
    }
}
