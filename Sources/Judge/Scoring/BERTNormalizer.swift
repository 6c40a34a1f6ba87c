@_spi(_Unicode) import Swift

/// What BERT's tokenizers do to a text before it is cut into words (Devlin et al. 2019): control characters go, all white
/// space becomes a space, Chinese characters stand alone, accents go and letters become small.
struct BERTNormalizer: Sendable {
    var lowercases = true
    var stripsAccents = true
    var separatesChinese = true

    /// Code points of the text, ready to be cut at spaces and punctuation.
    func normalize(_ text: String) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        for scalar in text.unicodeScalars {
            if scalar.value == 0 || scalar.value == 0xfffd || Self.isControl(scalar) { continue }
            if Self.isSpace(scalar) {
                result.append(" ")
            } else if separatesChinese && Self.isChinese(scalar.value) {
                result += [" ", scalar, " "]
            } else {
                result.append(scalar)
            }
        }
        if stripsAccents {
            var view = String.UnicodeScalarView()
            view.append(contentsOf: result)
            result = String(view)._nfd.filter { $0.properties.generalCategory != .nonspacingMark }
        }
        if lowercases { result = result.flatMap { Array($0.properties.lowercaseMapping.unicodeScalars) } }
        return result
    }

    static func isSpace(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isWhitespace }

    /// Control, format and private characters, but for those that count as space.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        if scalar == "\t" || scalar == "\n" || scalar == "\r" { return false }
        switch scalar.properties.generalCategory {
        case .control, .format, .privateUse: return true
        default: return false
        }
    }

    /// ASCII symbols count as punctuation too.
    static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x21...0x2f, 0x3a...0x40, 0x5b...0x60, 0x7b...0x7e: return true
        case 0..<0x80: return false
        default: break
        }
        switch scalar.properties.generalCategory {
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
            .finalPunctuation, .otherPunctuation:
            return true
        default: return false
        }
    }

    /// Ideographs of the Unicode blocks that BERT names; not Hangul, Hiragana or Katakana.
    private static func isChinese(_ value: UInt32) -> Bool {
        switch value {
        case 0x4e00...0x9fff, 0x3400...0x4dbf, 0x20000...0x2a6df, 0x2a700...0x2b73f, 0x2b740...0x2b81f,
            0x2b920...0x2ceaf, 0xf900...0xfaff, 0x2f800...0x2fa1f:
            true
        default: false
        }
    }
}
