/// The 13a tokenization of WMT's `mteval-v13a` script, as the `sacrebleu` package has it: symbols stand alone, and so do
/// periods and commas that are not inside a number, and dashes behind a digit.
///
/// Each of the four passes is a non-overlapping search from the left, like a regular expression's substitution: a character
/// taken by one match is not seen by the next ("a..b" splits only the first period). Everything works on code points.
public enum TokenizationV13a {
    public static func tokens(_ text: String) -> [String] {
        var line = Array(text.unicodeScalars)
        while let last = line.last, isSpace(last) { line.removeLast() }
        // In this order: what one replacement makes, the next one sees.
        line = replacing(line, "<skipped>", by: "")
        line = replacing(line, "-\n", by: "")
        line = replacing(line, "\n", by: " ")
        for (entity, character) in [("&quot;", "\""), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")] {
            line = replacing(line, entity, by: character)
        }
        line = [" "] + line + [" "]
        line = line.flatMap { isSymbol($0) ? [" ", $0, " "] : [$0] }
        line = pairs(line, { !isDigit($0) && isPoint($1) }) { [$0, " ", $1, " "] }
        line = pairs(line, { isPoint($0) && !isDigit($1) }) { [" ", $0, " ", $1] }
        line = pairs(line, { isDigit($0) && $1 == "-" }) { [$0, " ", $1, " "] }
        return line.split(whereSeparator: isSpace).map { word in
            var text = String.UnicodeScalarView()
            text.append(contentsOf: word)
            return String(text)
        }
    }

    /// Every two neighbours that match, from the left, without overlap.
    private static func pairs(
        _ line: [Unicode.Scalar], _ matches: (Unicode.Scalar, Unicode.Scalar) -> Bool,
        _ replacement: (Unicode.Scalar, Unicode.Scalar) -> [Unicode.Scalar]
    ) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(line.count + 16)
        var index = 0
        while index < line.count {
            if index + 1 < line.count, matches(line[index], line[index + 1]) {
                result += replacement(line[index], line[index + 1])
                index += 2
            } else {
                result.append(line[index])
                index += 1
            }
        }
        return result
    }

    private static func replacing(_ line: [Unicode.Scalar], _ old: String, by new: String) -> [Unicode.Scalar] {
        let old = Array(old.unicodeScalars)
        guard let first = old.first, line.contains(first) else { return line }
        var result: [Unicode.Scalar] = []
        var index = 0
        while index < line.count {
            if line[index] == first, line[index...].starts(with: old) {
                result += new.unicodeScalars
                index += old.count
            } else {
                result.append(line[index])
                index += 1
            }
        }
        return result
    }

    private static func isDigit(_ character: Unicode.Scalar) -> Bool { ("0"..."9").contains(character) }
    private static func isPoint(_ character: Unicode.Scalar) -> Bool { character == "." || character == "," }

    /// ASCII punctuation but for apostrophe, comma, dash and period.
    private static func isSymbol(_ character: Unicode.Scalar) -> Bool {
        switch character.value {
        case 0x20...0x26, 0x28...0x2b, 0x2f, 0x3a...0x40, 0x5b...0x60, 0x7b...0x7e: true
        default: false
        }
    }

    /// White space in Python's sense: Unicode's, and the four ASCII separators U+001C to U+001F.
    private static func isSpace(_ character: Unicode.Scalar) -> Bool {
        (0x1c...0x1f).contains(character.value) || character.properties.isWhitespace
    }
}
