/// Where a JSON object (RFC 8259) stands that is being written byte by byte: a pushdown automaton in a few bytes.
///
/// It accepts what every parser does: valid UTF-8, surrogates in pairs, no NUL, nesting and numbers within bounds. White space
/// has bounds too, for a model could write nothing else.
package struct JSONProgress: Hashable, Sendable {
    package enum State: UInt8, Sendable {
        /// Nothing is written yet.
        case start
        /// After `{`, and after a comma in an object.
        case firstKey, nextKey
        /// After a key.
        case colon
        /// After a colon, and after a comma in an array.
        case value
        /// After `[`.
        case firstElement
        /// After a value.
        case separator
        /// The object is complete.
        case done
        case string
        /// In a character of several bytes.
        case character
        /// After a backslash.
        case escape
        /// After `\u`.
        case hex
        /// After a high surrogate, and after the backslash that must follow.
        case surrogate, surrogateEscape
        /// In numbers: after a minus sign, after a leading zero, in the digits before the point, and so on.
        case minus, zero, integer, point, fraction, exponentMark, exponentSign, exponent
        /// In `true`, `false`, `null`.
        case word
    }

    /// What of four hexadecimal digits is allowed.
    private enum Hex {
        static let any: UInt8 = 0
        /// The first digit was D: surrogates may follow.
        static let surrogates: UInt8 = 1
        /// A high surrogate.
        static let high: UInt8 = 2
        /// The first two digits of a low surrogate are to come.
        static let low: UInt8 = 3
        /// All were 0 so far.
        static let zeros: UInt8 = 4
    }

    package private(set) var state = State.start
    /// The string is a key.
    private var isKey = false
    /// In white space: its bytes. In numbers: digits. In `\u`: digits. In words: letters. In characters: bytes to come.
    private var count: UInt8 = 0
    /// In `\u`: `Hex`. In words: which. In characters: the smallest next byte.
    private var kind: UInt8 = 0
    /// In characters: the largest next byte.
    private var largest: UInt8 = 0
    /// Open objects and arrays.
    package private(set) var depth: UInt8 = 0
    /// One bit each, the innermost lowest: 1 for an object.
    private var containers: UInt64 = 0

    package init() {}

    /// Open objects and arrays at most.
    package static let depthLimit: UInt8 = 60
    /// A line's indentation, which a run of white space holds at most: one line break, then spaces.
    private static let spaceLimit: UInt8 = 32
    /// Digits before the point, behind it, and of the exponent: every such number is a finite double.
    private static let (integerLimit, fractionLimit, exponentLimit): (UInt8, UInt8, UInt8) = (15, 17, 2)
    private static let words: [[UInt8]] = [Array("true".utf8), Array("false".utf8), Array("null".utf8)]

    package var isDone: Bool { state == .done }

    /// Takes the next byte; false where no JSON object goes on so, and then this one is of no more use.
    package mutating func take(_ byte: UInt8) -> Bool {
        switch state {
        case .start, .firstKey, .nextKey, .colon, .value, .firstElement, .separator: takeBetween(byte)
        case .done: false
        case .string: takeInString(byte)
        case .character: takeInCharacter(byte)
        case .escape, .hex, .surrogate, .surrogateEscape: takeEscaped(byte)
        case .word: takeInWord(byte)
        default: takeInNumber(byte)
        }
    }

    // MARK: Structure

    private mutating func enter(_ state: State, _ count: UInt8 = 0, kind: UInt8 = 0) -> Bool {
        (self.state, self.count, self.kind) = (state, count, kind)
        return true
    }

    private mutating func takeBetween(_ byte: UInt8) -> Bool {
        switch (byte, state) {
        case (0x20, _), (0x09, _):
            count += 1
            return count <= (state == .start ? 1 : JSONProgress.spaceLimit)
        case (0x0a, _):
            // First in its run.
            count += 1
            return count == 1 && state != .start
        case (0x7b, .start), (0x7b, .value), (0x7b, .firstElement): return open(1, .firstKey)
        case (0x5b, .value), (0x5b, .firstElement): return open(0, .firstElement)
        case (0x7d, .firstKey): return close()
        case (0x5d, .firstElement): return close()
        case (0x7d, .separator): return containers & 1 == 1 && close()
        case (0x5d, .separator): return containers & 1 == 0 && close()
        case (0x22, .firstKey), (0x22, .nextKey):
            isKey = true
            return enter(.string)
        case (0x3a, .colon): return enter(.value)
        case (0x2c, .separator): return enter(containers & 1 == 1 ? .nextKey : .value)
        case (_, .value), (_, .firstElement): return beginScalar(byte)
        default: return false
        }
    }

    private mutating func open(_ container: UInt64, _ inside: State) -> Bool {
        guard depth < JSONProgress.depthLimit else { return false }
        depth += 1
        containers = containers << 1 | container
        return enter(inside)
    }

    private mutating func close() -> Bool {
        depth -= 1
        containers >>= 1
        return enter(depth == 0 ? .done : .separator)
    }

    private mutating func beginScalar(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x22: enter(.string)
        case 0x2d: enter(.minus)
        case 0x30: enter(.zero)
        case 0x31...0x39: enter(.integer, 1)
        case 0x74: enter(.word, 1, kind: 0)
        case 0x66: enter(.word, 1, kind: 1)
        case 0x6e: enter(.word, 1, kind: 2)
        default: false
        }
    }

    private mutating func takeInWord(_ byte: UInt8) -> Bool {
        let word = JSONProgress.words[Int(kind)]
        guard byte == word[Int(count)] else { return false }
        count += 1
        return Int(count) < word.count || enter(.separator)
    }

    // MARK: Numbers

    private mutating func takeInNumber(_ byte: UInt8) -> Bool {
        let isDigit = (0x30...0x39).contains(byte)
        switch state {
        case .minus where byte == 0x30: return enter(.zero)
        case .minus: return isDigit && enter(.integer, 1)
        case .integer where isDigit:
            count += 1
            return count <= JSONProgress.integerLimit
        case .zero where byte == 0x2e, .integer where byte == 0x2e: return enter(.point)
        case .point: return isDigit && enter(.fraction, 1)
        case .fraction where isDigit:
            count += 1
            return count <= JSONProgress.fractionLimit
        case .zero where byte | 0x20 == 0x65, .integer where byte | 0x20 == 0x65, .fraction where byte | 0x20 == 0x65:
            return enter(.exponentMark)
        case .exponentMark where byte == 0x2b || byte == 0x2d: return enter(.exponentSign)
        case .exponentMark, .exponentSign: return isDigit && enter(.exponent, 1)
        case .exponent where isDigit:
            count += 1
            return count <= JSONProgress.exponentLimit
        default:
            // The number ends before what follows it.
            return enter(.separator) && takeBetween(byte)
        }
    }

    // MARK: Strings

    private mutating func takeInString(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x22:
            let state = isKey ? State.colon : .separator
            isKey = false
            return enter(state)
        case 0x5c: return enter(.escape)
        case 0x20...0x7f: return true
        case 0xc2...0xdf: return begin(1, 0x80, 0xbf)
        // Table 3-7 of the Unicode standard.
        case 0xe0: return begin(2, 0xa0, 0xbf)
        case 0xed: return begin(2, 0x80, 0x9f)
        case 0xe1...0xef: return begin(2, 0x80, 0xbf)
        case 0xf0: return begin(3, 0x90, 0xbf)
        case 0xf1...0xf3: return begin(3, 0x80, 0xbf)
        case 0xf4: return begin(3, 0x80, 0x8f)
        default: return false
        }
    }

    private mutating func begin(_ following: UInt8, _ smallest: UInt8, _ largest: UInt8) -> Bool {
        self.largest = largest
        return enter(.character, following, kind: smallest)
    }

    private mutating func takeInCharacter(_ byte: UInt8) -> Bool {
        guard kind...largest ~= byte else { return false }
        if count > 1 { return begin(count - 1, 0x80, 0xbf) }
        largest = 0
        return enter(.string)
    }

    private mutating func takeEscaped(_ byte: UInt8) -> Bool {
        switch (state, byte) {
        case (.escape, 0x75): return enter(.hex)
        case (.escape, 0x22), (.escape, 0x5c), (.escape, 0x2f), (.escape, 0x62), (.escape, 0x66), (.escape, 0x6e),
            (.escape, 0x72), (.escape, 0x74):
            return enter(.string)
        case (.surrogate, 0x5c): return enter(.surrogateEscape)
        case (.surrogateEscape, 0x75): return enter(.hex, kind: Hex.low)
        case (.hex, 0x30...0x39): return takeHex(byte - 0x30)
        case (.hex, 0x41...0x46), (.hex, 0x61...0x66): return takeHex((byte | 0x20) - 0x57)
        default: return false
        }
    }

    private mutating func takeHex(_ digit: UInt8) -> Bool {
        switch (count, kind) {
        case (0, Hex.low): return digit == 13 && enter(.hex, 1, kind: Hex.low)
        case (1, Hex.low): return digit >= 12 && enter(.hex, 2)
        case (0, _): return enter(.hex, 1, kind: digit == 13 ? Hex.surrogates : digit == 0 ? Hex.zeros : Hex.any)
        case (1, Hex.surrogates): return digit < 12 && enter(.hex, 2, kind: digit < 8 ? Hex.any : Hex.high)
        case (1, _), (2, _): return enter(.hex, count + 1, kind: kind == Hex.zeros && digit != 0 ? Hex.any : kind)
        default:
            if kind == Hex.zeros && digit == 0 { return false }
            return enter(kind == Hex.high ? .surrogate : .string)
        }
    }

    // MARK: Classes

    /// Tokens that open or close more than this are never taken.
    package static let reach: UInt8 = 16

    /// The same for every progress from which the same tokens are possible: only the innermost objects and arrays, as many as a
    /// token can close, and not how many there are beyond them.
    package var ofReach: JSONProgress {
        var part = self
        let levels = JSONProgress.reach + 1
        part.containers &= 1 << UInt64(levels) - 1
        if depth > levels && depth <= JSONProgress.depthLimit - JSONProgress.reach { part.depth = levels + 1 }
        return part
    }
}
