import Storage

/// A sample of a text's passages as hashes, from which the share of one text that occurs in another is estimated without
/// keeping either: bottom-k min-hashing (Broder 1997) over passages of 64 bytes.
///
/// A text is first made alike: letters A to Z become small, every run of bytes that are neither ASCII letters or digits nor
/// part of a non-ASCII character becomes one space. So line breaks, quotes and the file format do not matter. A passage begins
/// with every word (every non-ASCII character counts as one) and is 64 bytes long, about twelve English words: too long to
/// recur by chance. A shorter text is one passage.
public struct TextSketch: Equatable, Sendable {
    /// Hashes kept of one text: 32 kB. Of a text with a million words one passage in 250 is kept, so that a copied page is
    /// still found.
    public static let capacity = 4096
    /// Hashes taken of the text that is looked for, so that a short calibration text is found inside a long one.
    public static let probeCapacity = 1 << 18
    static let passageByteCount = 64

    /// Distinct, ascending.
    public let hashes: [UInt64]
    /// Every passage whose hash does not exceed this one is in `hashes`.
    public let limit: UInt64

    public init(hashes: [UInt64], limit: UInt64) {
        self.hashes = hashes
        self.limit = limit
    }

    /// - Parameter capacity: most hashes kept.
    public init(_ text: String, capacity: Int = TextSketch.capacity) {
        let (bytes, starts) = TextSketch.normalized(text)
        var kept: [UInt64] = []
        var limit = UInt64.max
        func reduce() {
            kept = kept.sorted()
            var distinct: [UInt64] = []
            for hash in kept where distinct.last != hash { distinct.append(hash) }
            if distinct.count > capacity {
                distinct.removeLast(distinct.count - capacity)
                limit = distinct[capacity - 1]
            }
            kept = distinct
        }
        bytes.withUnsafeBytes { raw in
            for (index, start) in starts.enumerated() {
                if index > 0 && start + TextSketch.passageByteCount > raw.count { break }
                let end = min(raw.count, start + TextSketch.passageByteCount)
                let hash = checksum(UnsafeRawBufferPointer(rebasing: raw[start..<end]))
                if hash <= limit { kept.append(hash) }
                if kept.count >= 4 * capacity { reduce() }
            }
        }
        reduce()
        hashes = kept
        self.limit = limit
    }

    /// The text made alike, and where its words begin.
    private static func normalized(_ text: String) -> (bytes: [UInt8], starts: [Int]) {
        var bytes: [UInt8] = []
        var starts: [Int] = []
        var isInside = false
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x80...:
                // The first byte of a non-ASCII character begins a word, its further bytes do not.
                if byte >= 0xc0 || !isInside && byte < 0x80 {
                    if !isInside && !bytes.isEmpty { bytes.append(0x20) }
                    starts.append(bytes.count)
                }
                bytes.append((0x41...0x5a).contains(byte) ? byte | 0x20 : byte)
                isInside = true
            default: isInside = false
            }
        }
        return (bytes, starts)
    }

    /// Estimated share of `text`'s passages that occur in this sketch's text, and how many passages that rests on.
    public func share(of text: TextSketch) -> (share: Double, found: Int, examined: Int) {
        let common = min(limit, text.limit)
        let known = Set(hashes)
        let examined = text.hashes.filter { $0 <= common }
        let found = examined.count { known.contains($0) }
        return (examined.isEmpty ? 0 : Double(found) / Double(examined.count), found, examined.count)
    }
}
