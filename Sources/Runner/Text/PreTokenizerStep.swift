/// One step of cutting text into words; each works on every piece that the steps before it left.
enum PreTokenizerStep: Equatable {
    case splitter(Splitter)
    case match(MatchPattern, SplitBehavior, inverted: Bool)
    /// Spaces become U+2581, with one more in front where the rule asks for it.
    case metaspace(MetaspacePrefix)
    /// A space in front of a piece that does not start with one.
    case prefixSpace
}

/// Where a Metaspace step puts U+2581 before a piece that does not start with it.
enum MetaspacePrefix: UInt8 {
    case never = 0
    /// Only before the piece that starts the text.
    case first = 1
    case always = 2
}

/// What becomes of the matches when text is split at them.
enum SplitBehavior: UInt8 {
    case isolated = 0
    case removed = 1
    case contiguous = 2
    case mergedWithPrevious = 3
    case mergedWithNext = 4
}

/// What text may be split at.
enum MatchPattern: Equatable {
    case literal([UInt8])
    case punctuation
    case whiteSpace
    /// Runs of word characters, and runs of what is neither word nor space.
    case words
    case numbers
}

extension ClassifiedText {
    /// Matches of a pattern in scalars of the range, in order; what lies between them does not match.
    private func matches(_ pattern: MatchPattern, _ range: Range<Int>) -> [Range<Int>] {
        if case .literal(let text) = pattern { return occurrences(of: text, range) }
        var found: [Range<Int>] = []
        var at = range.lowerBound
        while at < range.upperBound {
            let end = matchEnd(pattern, at, range.upperBound)
            if end > at { found.append(at..<end) }
            at = max(end, at + 1)
        }
        return found
    }

    /// Where the scalars of the range spell a text.
    private func occurrences(of text: [UInt8], _ range: Range<Int>) -> [Range<Int>] {
        let area = offsets[range.lowerBound]..<offsets[range.upperBound]
        if text.isEmpty || text.count > area.count { return [] }
        var found: [Range<Int>] = []
        var at = range.lowerBound
        for start in BytePattern(text).starts(in: bytes[area]) {
            while offsets[at] < start { at += 1 }
            let first = at
            while offsets[at] < start + text.count { at += 1 }
            found.append(first..<at)
        }
        return found
    }

    private func matchEnd(_ pattern: MatchPattern, _ at: Int, _ end: Int) -> Int {
        switch pattern {
        case .literal: return at
        case .numbers: return classes[at] == .number ? at + 1 : at
        case .whiteSpace: return classes[at].isSpace ? at + 1 : at
        case .punctuation: return CharacterTraits.isPunctuation(scalars[at]) ? at + 1 : at
        case .words:
            if classes[at].isSpace { return at }
            let isWord = CharacterTraits.isWord(scalars[at])
            var next = at + 1
            while next < end, !classes[next].isSpace, CharacterTraits.isWord(scalars[next]) == isWord { next += 1 }
            return next
        }
    }

    /// The pieces that a split leaves, as the `tokenizers` library forms them; none is empty.
    func pieces(
        _ pattern: MatchPattern, _ behavior: SplitBehavior, inverted: Bool, _ range: Range<Int>
    ) -> [Range<Int>] {
        var parts: [(range: Range<Int>, isMatch: Bool)] = []
        var at = range.lowerBound
        for match in matches(pattern, range) {
            if match.lowerBound > at { parts.append((at..<match.lowerBound, inverted)) }
            parts.append((match, !inverted))
            at = match.upperBound
        }
        if at < range.upperBound { parts.append((at..<range.upperBound, inverted)) }
        var pieces: [Range<Int>] = []
        var previous = false
        switch behavior {
        case .isolated: for part in parts { pieces.append(part.range) }
        case .removed: for part in parts where !part.isMatch { pieces.append(part.range) }
        case .contiguous:
            for part in parts {
                if part.isMatch == previous, let last = pieces.last {
                    pieces[pieces.count - 1] = last.lowerBound..<part.range.upperBound
                } else {
                    pieces.append(part.range)
                }
                previous = part.isMatch
            }
        case .mergedWithPrevious:
            for part in parts {
                if part.isMatch, !previous, let last = pieces.last {
                    pieces[pieces.count - 1] = last.lowerBound..<part.range.upperBound
                } else {
                    pieces.append(part.range)
                }
                previous = part.isMatch
            }
        case .mergedWithNext:
            for part in parts.reversed() {
                if part.isMatch, !previous, let last = pieces.last {
                    pieces[pieces.count - 1] = part.range.lowerBound..<last.upperBound
                } else {
                    pieces.append(part.range)
                }
                previous = part.isMatch
            }
            pieces.reverse()
        }
        return pieces
    }
}

/// Classes of characters beyond those that the splitters tell apart.
enum CharacterTraits {
    /// \w of the regular expressions of Unicode (UTS 18): letters, marks, decimal numbers, connectors, joiners.
    static func isWord(_ value: UInt32) -> Bool {
        switch value {
        case 0x30...0x39, 0x41...0x5a, 0x5f, 0x61...0x7a: return true
        case 0..<0x80: return false
        case 0x200c, 0x200d: return true
        default: break
        }
        guard let scalar = Unicode.Scalar(value) else { return false }
        switch scalar.properties.generalCategory {
        case .decimalNumber, .connectorPunctuation, .nonspacingMark, .spacingMark, .enclosingMark: return true
        default: return scalar.properties.isAlphabetic
        }
    }

    /// As in the `tokenizers` library, whose table is that of Unicode 8.
    static func isPunctuation(_ value: UInt32) -> Bool {
        switch value {
        case 0x21...0x2f, 0x3a...0x40, 0x5b...0x60, 0x7b...0x7e: return true
        // These two are symbols today.
        case 0x166d, 0x111c9: return true
        case 0..<0x80: return false
        default: if isNewerPunctuation(value) { return false }
        }
        guard let scalar = Unicode.Scalar(value) else { return false }
        switch scalar.properties.generalCategory {
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
            .finalPunctuation, .otherPunctuation:
            return true
        default: return false
        }
    }

    /// Punctuation of later versions, up to 17.
    private static func isNewerPunctuation(_ value: UInt32) -> Bool {
        switch value {
        case 0x61d, 0x9fd, 0xa76, 0xc77, 0xc84, 0x1b4e...0x1b4f, 0x1b7d...0x1b7f, 0x2e43...0x2e4f, 0x2e52...0x2e5d,
            0x2e60...0x2e63, 0x10d6e, 0x10ead, 0x10ed0, 0x10f55...0x10f59, 0x10f86...0x10f89, 0x113d4...0x113d5,
            0x113d7...0x113d8, 0x1144b...0x1144f, 0x1145a...0x1145b, 0x1145d, 0x11660...0x1166c, 0x116b9, 0x1183b,
            0x11944...0x11946, 0x119e2, 0x11a3f...0x11a46, 0x11a9a...0x11a9c, 0x11a9e...0x11aa2, 0x11b00...0x11b09,
            0x11be1, 0x11c41...0x11c45, 0x11c70...0x11c71, 0x11ef7...0x11ef8, 0x11f43...0x11f4f, 0x11fff,
            0x12ff1...0x12ff2, 0x16d6d...0x16d6f, 0x16e97...0x16e9a, 0x16fe2, 0x1e5ff, 0x1e95e...0x1e95f:
            true
        default: false
        }
    }
}
