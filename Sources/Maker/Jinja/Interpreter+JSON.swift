internal import Storage

extension Interpreter {
    /// Python's `json.dumps` without escapes for characters beyond ASCII, which is `tojson` in the transformers library.
    func json(_ value: Value, indent: Value, _ line: Int) throws(TaperError) -> Scalars {
        var margin: Scalars?
        switch indent {
        case .none: break
        case .string(let text): margin = text
        default:
            guard let width = indent.wholeNumber else {
                throw fault(.badData, "tojson needs an integer or a string to indent by", line: line)
            }
            try make(max(0, width), line)
            margin = Scalars(repeating: " ", count: max(0, width))
        }
        var out: Scalars = []
        try write(value, margin, 0, into: &out, line)
        try make(out.count, line)
        return out
    }

    private func write(
        _ value: Value, _ margin: Scalars?, _ level: Int, into out: inout Scalars, _ line: Int
    ) throws(TaperError) {
        try step(line)
        guard level <= Limits.nesting else { throw fault(.badData, "the value nests too deeply", line: line) }
        if out.count > Limits.length { try make(out.count, line) }
        func newline(_ level: Int) {
            guard let margin else { return }
            out.append("\n")
            for _ in 0..<level { out += margin }
        }
        switch value {
        case .none: out += Array("null".unicodeScalars)
        case .boolean(let flag): out += Array((flag ? "true" : "false").unicodeScalars)
        case .integer(let number): out += Array(String(number).unicodeScalars)
        case .float(let number): out += Array(jsonText(number).unicodeScalars)
        case .string(let text): quote(text, into: &out)
        case .list(let values), .tuple(let values):
            out.append("[")
            for (index, item) in values.enumerated() {
                if index > 0 { out += margin == nil ? [",", " "] : [","] }
                newline(level + 1)
                try write(item, margin, level + 1, into: &out, line)
            }
            if !values.isEmpty { newline(level) }
            out.append("]")
        case .dictionary(let mapping):
            out.append("{")
            for (index, entry) in mapping.entries.enumerated() {
                if index > 0 { out += margin == nil ? [",", " "] : [","] }
                newline(level + 1)
                quote(try key(entry.key, line), into: &out)
                out += [":", " "]
                try write(entry.value, margin, level + 1, into: &out, line)
            }
            if !mapping.entries.isEmpty { newline(level) }
            out.append("}")
        default: throw fault(.badData, value.typeName + " cannot be written as JSON", line: line)
        }
    }

    private func jsonText(_ number: Double) -> String {
        number.isNaN ? "NaN" : number.isInfinite ? (number < 0 ? "-Infinity" : "Infinity") : pythonText(number)
    }

    private func key(_ value: Value, _ line: Int) throws(TaperError) -> Scalars {
        switch value {
        case .string(let text): return text
        case .none: return Array("null".unicodeScalars)
        case .boolean(let flag): return Array((flag ? "true" : "false").unicodeScalars)
        case .integer(let number): return Array(String(number).unicodeScalars)
        case .float(let number): return Array(jsonText(number).unicodeScalars)
        default: throw fault(.badData, value.typeName + " cannot be a key of JSON", line: line)
        }
    }

    private func quote(_ text: Scalars, into out: inout Scalars) {
        out.append("\"")
        for scalar in text {
            switch scalar {
            case "\"", "\\": out += ["\\", scalar]
            case "\n": out += ["\\", "n"]
            case "\r": out += ["\\", "r"]
            case "\t": out += ["\\", "t"]
            case "\u{8}": out += ["\\", "b"]
            case "\u{c}": out += ["\\", "f"]
            case "\0"..<" ":
                let digits = String(scalar.value, radix: 16)
                out += Array(("\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits).unicodeScalars)
            default: out.append(scalar)
            }
        }
        out.append("\"")
    }
}
