@_spi(_Unicode) import Swift

/// Unicode's normalization forms C and D, in linear time and as the `tokenizers` library knows them.
enum CanonicalForm {
    /// Characters that got a combining class or a decomposition after the version of Unicode that the library has (9.0). To it they
    /// are letters like any other, which keep what stands before and after them apart; with them stand the letters that newer versions
    /// compose with a mark. First and last of each range.
    static let unknown: [(UInt32, UInt32)] = [
        (0x5c8, 0x5c9), (0x7fd, 0x7fd), (0x897, 0x89f), (0x8ca, 0x8d3), (0x9fe, 0x9fe), (0xc3c, 0xc3c),
        (0xd3b, 0xd3c), (0xeba, 0xeba), (0x1715, 0x1715), (0x1abf, 0x1af0), (0x1df6, 0x1dfa), (0xa82c, 0xa82c),
        (0x105c9, 0x105c9), (0x105d2, 0x105d2), (0x105da, 0x105da), (0x105e4, 0x105e4), (0x10d24, 0x10d27),
        (0x10d69, 0x10d6d), (0x10eab, 0x10eac), (0x10ecb, 0x10ecf), (0x10ef0, 0x10efb), (0x10efd, 0x10eff),
        (0x10f46, 0x10f50), (0x10f82, 0x10f85), (0x11070, 0x11070), (0x1133b, 0x1133b), (0x11382, 0x11385),
        (0x1138b, 0x1138b), (0x1138e, 0x1138e), (0x11390, 0x11391), (0x113c2, 0x113c2), (0x113c5, 0x113c5),
        (0x113c7, 0x113c8), (0x113ce, 0x113d0), (0x1145e, 0x1145e), (0x11839, 0x1183a), (0x11935, 0x11935),
        (0x11938, 0x11938), (0x1193d, 0x1193e), (0x11943, 0x11943), (0x119e0, 0x119e0), (0x11a34, 0x11a34),
        (0x11a47, 0x11a47), (0x11a99, 0x11a99), (0x11d42, 0x11d42), (0x11d44, 0x11d45), (0x11d97, 0x11d97),
        (0x11f41, 0x11f42), (0x1611e, 0x1611e), (0x16121, 0x16129), (0x1612f, 0x1612f), (0x16d63, 0x16d63),
        (0x16d67, 0x16d6a), (0x16ff0, 0x16ff1), (0x1d127, 0x1d128), (0x1d250, 0x1d252), (0x1d25b, 0x1d25c),
        (0x1d25f, 0x1d25f), (0x1d280, 0x1d281), (0x1e08f, 0x1e08f), (0x1e130, 0x1e136), (0x1e2ae, 0x1e2ae),
        (0x1e2ec, 0x1e2ef), (0x1e4ec, 0x1e4ef), (0x1e5ee, 0x1e5ef), (0x1e6e3, 0x1e6e3), (0x1e6e6, 0x1e6e6),
        (0x1e6ee, 0x1e6ef), (0x1e6f5, 0x1e6f5),
    ]

    /// Runs of marks longer than this are put in order here: the standard library's ordering takes quadratic time.
    private static let longRun = 32

    static func apply(to bytes: [UInt8], composing: Bool) -> [UInt8] {
        // ASCII is its own normal form, and so is, composed, everything below U+0300.
        if bytes.allSatisfy({ $0 < (composing ? 0xcc : 0x80) }) { return bytes }
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count + 16)
        var stretch = String.UnicodeScalarView()
        // Counted here: a view of scalars would count them one by one whenever it is asked.
        var length = 0
        var run = 0
        var isLong = false
        func flush() {
            if stretch.isEmpty { return }
            let text = String(stretch)
            let whole = isLong ? ordered(text.unicodeScalars) : text
            if composing {
                for scalar in whole._nfc { append(scalar, to: &out) }
            } else {
                for scalar in whole._nfd { append(scalar, to: &out) }
            }
            stretch = String.UnicodeScalarView()
            length = 0
            run = 0
            isLong = false
        }
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            if scalar.value >= 0x5c8, isUnknown(scalar.value) {
                flush()
                append(scalar, to: &out)
                continue
            }
            switch scalar.value {
            // Three Tibetan vowels count as starters but decompose into marks, which the standard library then fails to reorder;
            // they never occur in composed text, so they may be taken apart beforehand.
            case 0x0f73: stretch.append(contentsOf: "\u{0f71}\u{0f72}".unicodeScalars)
            case 0x0f75: stretch.append(contentsOf: "\u{0f71}\u{0f74}".unicodeScalars)
            case 0x0f81: stretch.append(contentsOf: "\u{0f71}\u{0f80}".unicodeScalars)
            default:
                if scalar.value < 0x300 || scalar.properties.canonicalCombiningClass == .notReordered {
                    // Nothing composes or moves across an ASCII character's left side.
                    if scalar.value < 0x80 && length > 4096 { flush() }
                    run = 0
                }
                stretch.append(scalar)
            }
            length += 1
            run += 1
            if run > longRun { isLong = true }
        }
        flush()
        return out
    }

    static func isUnknown(_ scalar: UInt32) -> Bool {
        var low = 0
        var high = unknown.count
        while low < high {
            let middle = (low + high) / 2
            if unknown[middle].1 < scalar { low = middle + 1 } else { high = middle }
        }
        return low < unknown.count && unknown[low].0 <= scalar
    }

    /// Long runs of marks taken apart and put in order of their combining classes, equal ones as they come.
    private static func ordered(_ scalars: String.UnicodeScalarView) -> String {
        var out = String.UnicodeScalarView()
        var marks: [Unicode.Scalar] = []
        func flush() {
            if marks.count > longRun {
                var apart: [Unicode.Scalar] = []
                for mark in marks {
                    for scalar in String(String.UnicodeScalarView([mark]))._nfd { apart.append(scalar) }
                }
                var classes = [[Unicode.Scalar]](repeating: [], count: 256)
                for mark in apart { classes[Int(mark.properties.canonicalCombiningClass.rawValue)].append(mark) }
                for list in classes { out.append(contentsOf: list) }
            } else {
                out.append(contentsOf: marks)
            }
            marks = []
        }
        for scalar in scalars {
            if scalar.value < 0x300 || scalar.properties.canonicalCombiningClass == .notReordered {
                flush()
                out.append(scalar)
            } else {
                marks.append(scalar)
            }
        }
        flush()
        return String(out)
    }

    private static func append(_ scalar: Unicode.Scalar, to out: inout [UInt8]) {
        if scalar.value < 0x80 {
            out.append(UInt8(scalar.value))
        } else {
            out.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        }
    }
}
