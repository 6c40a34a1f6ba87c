import Storage

/// One step of what a tokenizer does to text before it is cut into words. Texts are valid UTF-8.
enum NormalizerStep: Equatable {
    /// Puts bytes before a text that is not empty.
    case prepend([UInt8])
    /// Every occurrence of the first string, from the left, becomes the second.
    case replace([UInt8], [UInt8])
    /// Every run of two or more spaces becomes the string.
    case collapseSpaces([UInt8])
    /// Normalization form C.
    case compose
    /// Normalization form D.
    case decompose
    /// Each character becomes a string, whatever stands around it.
    case map(CharacterMap)
    /// SentencePiece's table of replacements.
    case charsmap(Charsmap)
    /// White space at the ends goes.
    case strip(left: Bool, right: Bool)

    @inline(never)
    func apply(to bytes: [UInt8]) -> [UInt8] {
        if bytes.isEmpty { return bytes }
        switch self {
        case .prepend(let text): return text + bytes
        case .replace(let pattern, let content): return NormalizerStep.replaced(bytes, pattern, content)
        case .collapseSpaces(let content): return NormalizerStep.collapsed(bytes, content)
        case .compose: return CanonicalForm.apply(to: bytes, composing: true)
        case .decompose: return CanonicalForm.apply(to: bytes, composing: false)
        case .map(let map): return map.apply(to: bytes)
        case .charsmap(let map): return map.apply(to: bytes)
        case .strip(let left, let right):
            var start = 0
            var end = bytes.count
            if left { while let width = WhiteSpace.width(startingAt: start, in: bytes) { start += width } }
            if right { while end > start, let width = WhiteSpace.width(endingAt: end, in: bytes) { end -= width } }
            return Array(bytes[start..<end])
        }
    }

    /// - Parameter pattern: at least one byte.
    static func replaced(_ bytes: [UInt8], _ pattern: [UInt8], _ content: [UInt8]) -> [UInt8] {
        if bytes.count < pattern.count { return bytes }
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var replacer = StreamReplacer(BytePattern(pattern), content)
        replacer.feed(bytes, into: &out)
        replacer.finish(into: &out)
        return out
    }

    private static func collapsed(_ bytes: [UInt8], _ content: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var at = 0
        while at < bytes.count {
            var end = at
            while end < bytes.count && bytes[end] == 0x20 { end += 1 }
            if end - at >= 2 {
                out += content
                at = end
            } else {
                out.append(bytes[at])
                at += 1
            }
        }
        return out
    }
}
