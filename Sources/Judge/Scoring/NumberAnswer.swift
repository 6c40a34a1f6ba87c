/// The number that an answer ends with: what `exact-number` compares, digit by digit and never as a float.
///
/// A number is digits, with commas between groups of three or without, a fraction perhaps, and a sign. "$" may stand between sign
/// and digits. Letters before digits make a name of them ("x2"), letters behind them are a unit. A hyphen behind a letter, a
/// digit or a closing bracket subtracts or joins, and is no sign.
///
/// Of the last `\boxed{...}` with a number in it the last number counts, else the last of the whole answer.
public struct NumberAnswer: Hashable, Sendable {
    public let isNegative: Bool
    /// Without leading zeros; empty for less than one.
    public let integer: String
    /// Without trailing zeros.
    public let fraction: String

    /// nil where the text has no number.
    public init?(_ text: String) {
        let bytes = Array(text.replacing("\u{2212}", with: "-").utf8)
        var found: NumberAnswer?
        for box in NumberAnswer.boxes(bytes) {
            if let number = NumberAnswer.last(bytes[box]) { found = number }
        }
        guard let number = found ?? NumberAnswer.last(bytes[...]) else { return nil }
        self = number
    }

    private init(isNegative: Bool, integer: [UInt8], fraction: [UInt8]) {
        let zero = UInt8(ascii: "0")
        let whole = integer.drop { $0 == zero }
        let part = fraction.reversed().drop { $0 == zero }.reversed()
        self.integer = String(decoding: whole, as: UTF8.self)
        self.fraction = String(decoding: Array(part), as: UTF8.self)
        // There is one zero.
        self.isNegative = isNegative && !(whole.isEmpty && part.isEmpty)
    }

    /// What stands in the braces of every `\boxed`, to the end where nobody closes them.
    private static func boxes(_ bytes: [UInt8]) -> [Range<Int>] {
        let start = Array("\\boxed{".utf8)
        var boxes: [Range<Int>] = []
        var index = 0
        while index + start.count <= bytes.count {
            guard bytes[index] == start[0], bytes[index..<index + start.count].elementsEqual(start) else {
                index += 1
                continue
            }
            index += start.count
            let first = index
            var depth = 1
            while index < bytes.count, depth > 0 {
                if bytes[index] == UInt8(ascii: "{") { depth += 1 }
                if bytes[index] == UInt8(ascii: "}") { depth -= 1 }
                index += 1
            }
            boxes.append(first..<(depth == 0 ? index - 1 : index))
        }
        return boxes
    }

    private static func last(_ bytes: ArraySlice<UInt8>) -> NumberAnswer? {
        var found: NumberAnswer?
        var index = bytes.startIndex
        while index < bytes.endIndex {
            guard let end = numberEnd(bytes, from: index) else {
                index += 1
                continue
            }
            if !endsName(bytes[..<index]) { found = number(bytes, index..<end) }
            index = end
        }
        return found
    }

    /// Where the number ends that begins here.
    private static func numberEnd(_ bytes: ArraySlice<UInt8>, from start: Int) -> Int? {
        func digits(_ index: Int) -> Int { bytes[index...].prefix { CodeProblem.isDigit($0) }.count }
        func has(_ byte: UInt8, _ index: Int) -> Bool { index < bytes.endIndex && bytes[index] == byte }
        var end = start + digits(start)
        if end - start <= 3, end > start {
            while has(UInt8(ascii: ","), end), digits(end + 1) == 3 { end += 4 }
        }
        if has(UInt8(ascii: "."), end), digits(end + 1) > 0 { end += 1 + digits(end + 1) }
        return end > start ? end : nil
    }

    private static func number(_ bytes: ArraySlice<UInt8>, _ range: Range<Int>) -> NumberAnswer {
        let text = bytes[range].filter { $0 != UInt8(ascii: ",") }
        let parts = text.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        var before = bytes[..<range.lowerBound]
        if before.last == UInt8(ascii: "$") { before.removeLast() }
        // As TeX writes it outside of mathematics.
        if before.last == UInt8(ascii: "\\"), before.count < range.lowerBound - bytes.startIndex { before.removeLast() }
        var isNegative = false
        if before.last == UInt8(ascii: "-") {
            before.removeLast()
            isNegative = before.last.map { !joins($0) } ?? true
        }
        return NumberAnswer(
            isNegative: isNegative, integer: Array(parts[0]), fraction: parts.count > 1 ? Array(parts[1]) : [])
    }

    /// Whether what stands before a number is the beginning of a name; underscores alone are emphasis.
    private static func endsName(_ before: ArraySlice<UInt8>) -> Bool {
        guard let last = before.last, CodeProblem.isPartOfName(last) else { return false }
        if last != UInt8(ascii: "_") { return !CodeProblem.isDigit(last) }
        return before.last { $0 != UInt8(ascii: "_") }.map(CodeProblem.isPartOfName) ?? false
    }

    /// Whether a hyphen behind it is no sign.
    private static func joins(_ byte: UInt8) -> Bool {
        CodeProblem.isPartOfName(byte) || byte == UInt8(ascii: ")") || byte == UInt8(ascii: "]")
            || byte == UInt8(ascii: "}")
    }
}
