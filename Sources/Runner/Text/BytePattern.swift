/// A byte string to be found in text that comes piece by piece, in time linear in the text whatever both hold (Knuth, Morris and
/// Pratt 1977): a pattern may come from a file, so text and pattern may be made for each other.
package struct BytePattern: Sendable {
    package let bytes: [UInt8]
    /// Of every prefix, the length of the longest shorter prefix that it ends with.
    private let borders: [Int32]

    /// - Parameter bytes: at least one, less than 2 GB.
    package init(_ bytes: [UInt8]) {
        precondition(!bytes.isEmpty, "an empty pattern is everywhere")
        self.bytes = bytes
        var borders = [Int32](repeating: 0, count: bytes.count + 1)
        var length = 0
        var at = 1
        while at < bytes.count {
            while length > 0 && bytes[length] != bytes[at] { length = Int(borders[length]) }
            if bytes[length] == bytes[at] { length += 1 }
            at += 1
            borders[at] = Int32(length)
        }
        self.borders = borders
    }

    package var count: Int { bytes.count }

    /// How much of the pattern the text ends with after one more byte.
    /// - Parameter matched: the same before it; of a whole match too, which then counts as the start of the next.
    package func advance(_ matched: Int, _ byte: UInt8) -> Int {
        var length = matched == bytes.count ? Int(borders[matched]) : matched
        while length > 0 && bytes[length] != byte { length = Int(borders[length]) }
        return bytes[length] == byte ? length + 1 : 0
    }

    /// Starts of the matches from left to right, none overlapping the one before.
    package func starts(in text: ArraySlice<UInt8>) -> [Int] {
        var starts: [Int] = []
        var matched = 0
        for at in text.indices {
            matched = advance(matched, text[at])
            if matched == bytes.count {
                starts.append(at + 1 - bytes.count)
                matched = 0
            }
        }
        return starts
    }

    /// Start of the last match, which may overlap others.
    package func lastStart(in text: [UInt8]) -> Int? {
        var last: Int?
        var matched = 0
        for at in text.indices {
            matched = advance(matched, text[at])
            if matched == bytes.count { last = at + 1 - bytes.count }
        }
        return last
    }
}

/// Puts one string in the place of another, from left to right, in text that comes piece by piece. What may still become a match is
/// held back: always a prefix of the pattern, so its length is all there is to keep.
struct StreamReplacer {
    private let pattern: BytePattern
    private let content: [UInt8]
    private var matched = 0

    init(_ pattern: BytePattern, _ content: [UInt8]) {
        self.pattern = pattern
        self.content = content
    }

    mutating func feed(_ bytes: [UInt8], into out: inout [UInt8]) {
        for byte in bytes {
            let before = matched
            matched = pattern.advance(before, byte)
            if matched == pattern.count {
                out += content
                matched = 0
                continue
            }
            // What can be no part of a match any more.
            let released = before + 1 - matched
            if released > before {
                if before > 0 { out += pattern.bytes[..<before] }
                out.append(byte)
            } else if released > 0 {
                out += pattern.bytes[..<released]
            }
        }
    }

    /// Ends the text.
    mutating func finish(into out: inout [UInt8]) {
        out += pattern.bytes[..<matched]
        matched = 0
    }
}
