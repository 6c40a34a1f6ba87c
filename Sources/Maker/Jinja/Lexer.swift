internal import Storage

/// Cuts a template into tokens as Jinja does with `trim_blocks` and `lstrip_blocks`: the line break after a block is
/// dropped, and so is white space between the start of a line and a block.
struct Lexer {
    private let source: Scalars
    private var at = 0
    private var line = 1
    private var tokens: [Token] = []
    /// Does the place where plain text goes on start a line?
    private var startsLine = true

    static func tokens(_ text: String) throws(TaperError) -> [Token] {
        var lexer = Lexer(text)
        try lexer.run()
        return lexer.tokens
    }

    private init(_ text: String) {
        var lines: Scalars = []
        var previous: Unicode.Scalar = " "
        for scalar in text.unicodeScalars {
            if scalar == "\r" {
                lines.append("\n")
            } else if scalar != "\n" || previous != "\r" {
                lines.append(scalar)
            }
            previous = scalar
        }
        // The line break that ends the file is no part of the template.
        if lines.last == "\n" { lines.removeLast() }
        source = lines
    }

    private func has(_ text: StaticString, _ place: Int) -> Bool {
        let count = text.utf8CodeUnitCount
        guard place >= 0, place + count <= source.count else { return false }
        // Only ASCII is asked for.
        return text.withUTF8Buffer { bytes in
            (0..<count).allSatisfy { source[place + $0].value == UInt32(bytes[$0]) }
        }
    }

    private mutating func advance(to place: Int) {
        for index in at..<place where source[index] == "\n" { line += 1 }
        at = place
    }

    private func afterSpace(_ place: Int) -> Int {
        var place = place
        while place < source.count, source[place].isPythonSpace { place += 1 }
        return place
    }

    private mutating func run() throws(TaperError) {
        while at < source.count {
            var open = at
            while open < source.count, !has("{{", open), !has("{%", open), !has("{#", open) { open += 1 }
            guard open < source.count else {
                addData(source[at...])
                break
            }
            let text = source[at..<open]
            let sign = open + 2 < source.count && (has("-", open + 2) || has("+", open + 2)) ? source[open + 2] : nil
            let inside = open + 2 + (sign == nil ? 0 : 1)
            addData(stripped(text, sign, isVariable: has("{{", open)))
            if has("{#", open) {
                advance(to: inside)
                try skipComment()
            } else if has("{{", open) {
                advance(to: inside)
                tokens.append(Token(kind: .variableBegin, line: line))
                try lexTag(isBlock: false)
            } else if let raw = rawStart(inside) {
                advance(to: raw)
                try lexRaw()
            } else {
                advance(to: inside)
                tokens.append(Token(kind: .blockBegin, line: line))
                try lexTag(isBlock: true)
            }
            startsLine = at > 0 && source[at - 1] == "\n"
        }
    }

    private mutating func addData(_ text: ArraySlice<Unicode.Scalar>) {
        if !text.isEmpty { tokens.append(Token(kind: .data(Array(text)), line: line)) }
    }

    /// Text before a tag without what the tag's sign, or its place on the line, takes away.
    private func stripped(
        _ text: ArraySlice<Unicode.Scalar>, _ sign: Unicode.Scalar?, isVariable: Bool
    ) -> ArraySlice<Unicode.Scalar> {
        if sign == "-" {
            var end = text.endIndex
            while end > text.startIndex, text[end - 1].isPythonSpace { end -= 1 }
            return text[..<end]
        }
        if sign == "+" || isVariable { return text }
        let lineStart = text.lastIndex(of: "\n").map { $0 + 1 }
        guard let start = lineStart ?? (startsLine ? text.startIndex : nil),
            text[start...].allSatisfy({ $0 == " " || $0 == "\t" })
        else { return text }
        return text[..<start]
    }

    private mutating func skipComment() throws(TaperError) {
        var place = at
        while place < source.count {
            if has("-#}", place) {
                advance(to: afterSpace(place + 3))
                return
            }
            if has("#}", place) || has("+#}", place) {
                let isPlain = has("#}", place)
                let end = place + (isPlain ? 2 : 3)
                advance(to: isPlain && has("\n", end) ? end + 1 : end)
                return
            }
            place += 1
        }
        throw fault(.badData, "the comment is not closed", line: line)
    }

    /// The place after `raw %}`, when that is what stands here.
    private func rawStart(_ inside: Int) -> Int? {
        var place = afterSpace(inside)
        guard has("raw", place) else { return nil }
        place = afterSpace(place + 3)
        if has("-%}", place) { return afterSpace(place + 3) }
        return has("%}", place) ? place + 2 : nil
    }

    private mutating func lexRaw() throws(TaperError) {
        let start = at
        startsLine = source[at - 1] == "\n"
        var open = at
        while open < source.count {
            defer { open += 1 }
            guard has("{%", open) else { continue }
            let sign = has("-", open + 2) || has("+", open + 2) ? source[open + 2] : nil
            var place = afterSpace(open + 2 + (sign == nil ? 0 : 1))
            guard has("endraw", place) else { continue }
            place = afterSpace(place + 6)
            let end: Int
            if has("-%}", place) {
                end = afterSpace(place + 3)
            } else if has("+%}", place) {
                end = place + 3
            } else if has("%}", place) {
                end = has("\n", place + 2) ? place + 3 : place + 2
            } else {
                continue
            }
            addData(stripped(source[start..<open], sign, isVariable: false))
            advance(to: end)
            return
        }
        throw fault(.badData, "the raw block is not closed", line: line)
    }

    private mutating func lexTag(isBlock: Bool) throws(TaperError) {
        let firstLine = line
        var brackets: [Unicode.Scalar] = []
        while true {
            advance(to: afterSpace(at))
            guard at < source.count else {
                throw fault(.badData, "the tag is not closed", line: firstLine)
            }
            if brackets.isEmpty, let end = tagEnd(isBlock) {
                tokens.append(Token(kind: isBlock ? .blockEnd : .variableEnd, line: line))
                advance(to: end)
                return
            }
            try lexToken(&brackets)
        }
    }

    private func tagEnd(_ isBlock: Bool) -> Int? {
        guard isBlock else {
            if has("-}}", at) { return afterSpace(at + 3) }
            return has("}}", at) ? at + 2 : nil
        }
        if has("-%}", at) { return afterSpace(at + 3) }
        if has("+%}", at) { return at + 3 }
        guard has("%}", at) else { return nil }
        return has("\n", at + 2) ? at + 3 : at + 2
    }

    private mutating func lexToken(_ brackets: inout [Unicode.Scalar]) throws(TaperError) {
        let first = source[at]
        if first.isDigit { return try lexNumber() }
        if first.isNameStart {
            var end = at
            while end < source.count, source[end].isNameStart || source[end].isDigit { end += 1 }
            tokens.append(Token(kind: .name(String(scalars: source[at..<end])), line: line))
            at = end
            return
        }
        if first == "'" || first == "\"" { return try lexString(first) }
        let pairs: [StaticString] = ["**", "//", "==", "!=", ">=", "<="]
        if let pair = pairs.first(where: { has($0, at) }) {
            tokens.append(Token(kind: .symbol(pair.description), line: line))
            at += 2
            return
        }
        guard "+-/*%~[](){}><=.:|,;".unicodeScalars.contains(first) else {
            throw fault(.badData, "unexpected character '" + printable(String(first)) + "'", line: line)
        }
        let closing: [Unicode.Scalar: Unicode.Scalar] = ["(": ")", "[": "]", "{": "}"]
        if let close = closing[first] {
            guard brackets.count < Limits.nesting else { throw fault(.badData, "brackets nest too deeply", line: line) }
            brackets.append(close)
        } else if first == ")" || first == "]" || first == "}" {
            guard brackets.popLast() == first else {
                throw fault(.badData, "unexpected '" + String(first) + "'", line: line)
            }
        }
        tokens.append(Token(kind: .symbol(String(first)), line: line))
        at += 1
    }

    private mutating func lexNumber() throws(TaperError) {
        func digits(_ place: Int) -> Int {
            var end = place
            while end < source.count, source[end].isDigit || (source[end] == "_" && end > place) { end += 1 }
            return end
        }
        var end = digits(at)
        var isFloat = false
        // After a point stands an index, as in messages.0.1.
        if at == 0 || source[at - 1] != "." {
            if end + 1 < source.count, source[end] == ".", source[end + 1].isDigit {
                end = digits(end + 1)
                isFloat = true
            }
            if end < source.count, source[end] == "e" || source[end] == "E" {
                let sign = end + 1 < source.count && (source[end + 1] == "+" || source[end + 1] == "-") ? 1 : 0
                if end + 1 + sign < source.count, source[end + 1 + sign].isDigit {
                    end = digits(end + 1 + sign)
                    isFloat = true
                }
            }
        }
        let text = String(scalars: source[at..<end].filter { $0 != "_" })
        if isFloat, let value = parseDouble(text) {
            tokens.append(Token(kind: .float(value), line: line))
        } else if !isFloat, let value = Int(text), text == "0" || text.utf8.first != 0x30,
            end == source.count || !source[end].isNameStart
        {
            tokens.append(Token(kind: .integer(value), line: line))
        } else {
            throw fault(.badData, "no usable number '" + printable(text) + "'", line: line)
        }
        at = end
    }

    private mutating func lexString(_ quote: Unicode.Scalar) throws(TaperError) {
        let firstLine = line
        var text: Scalars = []
        var place = at + 1
        while place < source.count, source[place] != quote {
            guard source[place] == "\\" else {
                text.append(source[place])
                place += 1
                continue
            }
            place += 1
            guard place < source.count else { break }
            try unescape(&place, into: &text)
        }
        guard place < source.count else { throw fault(.badData, "the string is not closed", line: firstLine) }
        tokens.append(Token(kind: .string(text), line: firstLine))
        advance(to: place + 1)
    }

    /// One escape of Python's string literals; unknown ones keep their backslash.
    private func unescape(_ place: inout Int, into text: inout Scalars) throws(TaperError) {
        let letter = source[place]
        place += 1
        let simple: [Unicode.Scalar: Unicode.Scalar] = [
            "n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", "\"": "\"", "a": "\u{7}", "b": "\u{8}",
            "f": "\u{c}", "v": "\u{b}",
        ]
        if let scalar = simple[letter] {
            text.append(scalar)
        } else if letter == "\n" {
            return
        } else if ("0"..."7").contains(letter) {
            var value = letter.value - 0x30
            var count = 1
            while count < 3, place < source.count, ("0"..."7").contains(source[place]) {
                value = value * 8 + source[place].value - 0x30
                place += 1
                count += 1
            }
            if let scalar = Unicode.Scalar(value) { text.append(scalar) }
        } else if let width = ["x": 2, "u": 4, "U": 8][letter] {
            let end = min(place + width, source.count)
            let digits = String(scalars: source[place..<end])
            guard end - place == width, digits.utf8.allSatisfy({ $0 != 0x2b && $0 != 0x2d }),
                let value = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(value)
            else { throw fault(.badData, "no usable escape in a string", line: line) }
            text.append(scalar)
            place = end
        } else if letter == "N" {
            throw unsupported("the escape \\N", line: line)
        } else {
            text += ["\\", letter]
        }
    }
}

extension Unicode.Scalar {
    /// What Python's `str.isspace` takes for white space.
    var isPythonSpace: Bool {
        switch value {
        case 0x09...0x0d, 0x1c...0x20, 0x85, 0xa0, 0x1680, 0x2000...0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000: true
        default: false
        }
    }
    var isDigit: Bool { ("0"..."9").contains(self) }
    var isNameStart: Bool { ("a"..."z").contains(self) || ("A"..."Z").contains(self) || self == "_" }
}

extension String {
    init(scalars: some Sequence<Unicode.Scalar>) {
        self.init()
        unicodeScalars.append(contentsOf: scalars)
    }
}
