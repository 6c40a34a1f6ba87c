internal import Storage

// Filters of one value; `Interpreter+Sequences.swift` has those that go through many.
extension Interpreter {
    /// `value | name(arguments)`.
    func filter(_ name: String, _ value: Value, _ arguments: CallArguments, _ line: Int) throws(TaperError) -> Value {
        func bound(_ parameters: [String], required: Int = 0) throws(TaperError) -> [Value?] {
            try arguments.bound(parameters, required: required, to: name, line)
        }
        func text() throws(TaperError) -> Scalars {
            let text = try value.printed(line)
            try make(text.count, line)
            return text
        }
        switch name {
        case "default", "d":
            let values = try bound(["default_value", "boolean"])
            let isMissing = value.isUndefined || (values[1]?.isTrue ?? false) && !value.isTrue
            return isMissing ? values[0] ?? .string([]) : value
        case "trim":
            let set = try bound(["chars"])[0]
            guard let set, !set.isNone else { return .string(try text().stripped(nil)) }
            guard case .string(let characters) = set else {
                throw fault(.badData, "trim needs a string, not " + set.typeName, line: line)
            }
            return .string(try text().stripped(characters))
        case "upper": return .string(try text().uppercased())
        case "lower": return .string(try text().lowercased())
        case "capitalize": return .string(try text().capitalized())
        case "title": return .string(titled(try text()))
        case "string": return .string(try text())
        case "length", "count": return .integer(try length(value, line))
        case "replace":
            let values = try bound(["old", "new", "count"], required: 2)
            var limit = -1
            if let count = values[2], !count.isNone {
                guard let number = count.wholeNumber else {
                    throw fault(.badData, "replace needs an integer, not " + count.typeName, line: line)
                }
                limit = number
            }
            let old = try (values[0] ?? .none).printed(line)
            return .string(
                try replaced(try text(), old, try (values[1] ?? .none).printed(line), limit: limit, line))
        case "tojson":
            let values = try bound(["ensure_ascii", "indent", "separators", "sort_keys"])
            guard !(values[0]?.isTrue ?? false), values[2]?.isNone ?? true, !(values[3]?.isTrue ?? false) else {
                throw unsupported("tojson with anything but 'indent'", line: line)
            }
            return .string(try json(value, indent: values[1] ?? .none, line))
        case "int": return try integer(value, try bound(["default", "base"]), line)
        case "float":
            let standard = try bound(["default"])[0] ?? .float(0)
            if case .undefined(let what) = value { throw undefined(what, line) }
            if let number = value.number { return .float(number) }
            guard case .string(let text) = value else { return standard }
            return parseDouble(String(scalars: text.stripped(nil).filter { $0 != "_" })).map { .float($0) } ?? standard
        case "abs":
            if case .float(let number) = value { return .float(number.magnitude) }
            guard let number = value.wholeNumber, number != Int.min else {
                throw fault(.badData, "abs does not work on " + value.typeName, line: line)
            }
            return .integer(abs(number))
        case "round": return try rounded(value, try bound(["precision", "method"]), line)
        case "indent": return .string(try indented(try text(), try bound(["width", "first", "blank"]), line))
        case "wordcount": return .integer(wordCount(try text()))
        case "safe": throw unsupported("'safe' inside an expression", line: line)
        default: return try sequenceFilter(name, value, arguments, line)
        }
    }

    func length(_ value: Value, _ line: Int) throws(TaperError) -> Int {
        switch value {
        case .string(let text): return text.count
        case .list(let values), .tuple(let values), .view(_, let values): return values.count
        case .dictionary(let mapping): return mapping.entries.count
        case .range(let range): return range.count
        case .undefined: return 0
        case .loop(let loop): return loop.items.count
        default: throw fault(.badData, value.typeName + " has no length", line: line)
        }
    }

    /// Jinja's own: words begin after spaces, hyphens and opening brackets.
    private func titled(_ text: Scalars) -> Scalars {
        var out: Scalars = []
        var word: Scalars = []
        func flush() {
            guard let first = word.first else { return }
            out += Scalars([first]).uppercased() + Array(word.dropFirst()).lowercased()
            word = []
        }
        for scalar in text {
            if scalar.isPythonSpace || "-({[<".unicodeScalars.contains(scalar) {
                flush()
                out.append(scalar)
            } else {
                word.append(scalar)
            }
        }
        flush()
        return out
    }

    private func integer(_ value: Value, _ options: [Value?], _ line: Int) throws(TaperError) -> Value {
        let standard = options[0] ?? .integer(0)
        guard options[1]?.equals(.integer(10)) ?? true else { throw unsupported("int with a base", line: line) }
        func truncated(_ number: Double) throws(TaperError) -> Value {
            guard number.isFinite else { return standard }
            guard let whole = Int(exactly: number.rounded(.towardZero)) else {
                throw unsupported("an integer of more than 64 bits", line: line)
            }
            return .integer(whole)
        }
        switch value {
        case .undefined(let what): throw undefined(what, line)
        case .float(let number): return try truncated(number)
        case .string(let text):
            let digits = String(scalars: text.stripped(nil).filter { $0 != "_" })
            if let number = Int(digits) { return .integer(number) }
            guard let number = parseDouble(digits) else { return standard }
            return try truncated(number)
        default: return value.wholeNumber.map { .integer($0) } ?? standard
        }
    }

    private func rounded(_ value: Value, _ options: [Value?], _ line: Int) throws(TaperError) -> Value {
        guard options[0]?.equals(.integer(0)) ?? true else { throw unsupported("round to decimals", line: line) }
        guard let number = value.number else {
            throw fault(.badData, "round does not work on " + value.typeName, line: line)
        }
        switch options[1].map({ $0.isString ? $0 : .none }) ?? Value("common") {
        case .string(let method) where String(scalars: method) == "common":
            return value.wholeNumber.map { .integer($0) } ?? .float(number.rounded(.toNearestOrEven))
        case .string(let method) where String(scalars: method) == "floor": return .float(number.rounded(.down))
        case .string(let method) where String(scalars: method) == "ceil": return .float(number.rounded(.up))
        default: throw fault(.badData, "round has the methods common, ceil and floor", line: line)
        }
    }

    private func indented(_ text: Scalars, _ options: [Value?], _ line: Int) throws(TaperError) -> Scalars {
        var margin: Scalars = [" ", " ", " ", " "]
        switch options[0] {
        case nil: break
        case .string(let given)?: margin = given
        case let width?:
            guard let count = width.wholeNumber else {
                throw fault(.badData, "indent needs an integer or a string, not " + width.typeName, line: line)
            }
            try make(max(0, count), line)
            margin = Scalars(repeating: " ", count: max(0, count))
        }
        let blank = options[2]?.isTrue ?? false
        // The line break keeps a last empty line.
        let lines = (text + ["\n"]).lines()
        var parts: [Scalars] = []
        for (index, part) in lines.enumerated() {
            parts.append(index > 0 && (blank || !part.isEmpty) ? margin + part : part)
        }
        let body = try joined(parts, ["\n"], line)
        return options[1]?.isTrue ?? false ? margin + body : body
    }

    private func wordCount(_ text: Scalars) -> Int {
        var count = 0
        var isInside = false
        for scalar in text {
            let isWord = scalar == "_" || [scalar].satisfies("isalnum")
            if isWord && !isInside { count += 1 }
            isInside = isWord
        }
        return count
    }
}
