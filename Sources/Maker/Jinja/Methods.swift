internal import Storage

/// Which of Python's methods a template may call.
enum Methods {
    enum Kind { case known, refused, changes, absent }

    private static let ofText: Set<String> = [
        "strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "startswith", "endswith", "upper", "lower",
        "replace", "title", "capitalize", "join", "find", "rfind", "index", "count", "isdigit", "isalpha", "isspace",
        "isupper", "islower", "isalnum", "removeprefix", "removesuffix", "partition", "rpartition",
    ]
    private static let ofTextRefused: Set<String> = [
        "format", "format_map", "encode", "casefold", "center", "expandtabs", "isascii", "isdecimal", "isidentifier",
        "isnumeric", "isprintable", "istitle", "ljust", "maketrans", "rindex", "rjust", "swapcase", "translate",
        "zfill",
    ]
    private static let ofDictionaries: Set<String> = ["get", "items", "keys", "values", "copy"]
    private static let ofLists: Set<String> = ["index", "count", "copy"]
    private static let changing: Set<String> = [
        "append", "clear", "extend", "insert", "pop", "popitem", "remove", "reverse", "setdefault", "sort", "update",
    ]
    static let ofNumbers: Set<String> = [
        "as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator", "from_bytes", "fromhex", "hex",
        "imag",
        "is_integer", "numerator", "real", "to_bytes",
    ]

    static func kind(of name: String, _ value: Value) -> Kind {
        switch value {
        case .string: ofText.contains(name) ? .known : ofTextRefused.contains(name) ? .refused : .absent
        case .dictionary:
            switch name {
            case _ where ofDictionaries.contains(name): .known
            case "clear", "pop", "popitem", "setdefault", "update": .changes
            case "fromkeys": .refused
            default: .absent
            }
        case .list:
            switch name {
            case _ where ofLists.contains(name): .known
            case _ where changing.contains(name) && !["popitem", "setdefault", "update"].contains(name): .changes
            default: .absent
            }
        case .tuple: name == "index" || name == "count" ? .known : .absent
        default: .absent
        }
    }
}

extension Interpreter {
    func call(
        method name: String, of receiver: Value, _ arguments: CallArguments, _ line: Int
    ) throws(TaperError) -> Value {
        switch receiver {
        case .string(let text): return try call(name, of: text, arguments, line)
        case .dictionary(let mapping):
            switch name {
            case "get":
                let values = try arguments.bound(["key", "default"], required: 1, to: name, line)
                guard let key = values[0], key.isHashable else {
                    throw fault(.badData, "this cannot be a key", line: line)
                }
                return mapping[key] ?? values[1] ?? .none
            case "items": return .view("dict_items", mapping.entries.map { .tuple([$0.key, $0.value]) })
            case "keys": return .view("dict_keys", mapping.entries.map(\.key))
            case "values": return .view("dict_values", mapping.entries.map(\.value))
            default: return receiver
            }
        case .list(let values), .tuple(let values):
            if name == "copy" { return receiver }
            guard let wanted = try arguments.bound(["value"], required: 1, to: name, line)[0] else { return .none }
            if name == "count" { return .integer(values.filter { $0.equals(wanted) }.count) }
            guard let at = values.firstIndex(where: { $0.equals(wanted) }) else {
                throw fault(.badData, "the list has no such value", line: line)
            }
            return .integer(at)
        case .loop(let loop): return try loop.call(name, arguments, line)
        default: throw fault(.badData, receiver.typeName + " has no method '" + name + "'", line: line)
        }
    }

    private func call(
        _ name: String, of text: Scalars, _ arguments: CallArguments, _ line: Int
    ) throws(TaperError) -> Value {
        try make(text.count, line)
        func string(_ value: Value?) throws(TaperError) -> Scalars {
            guard case .string(let text)? = value else {
                throw fault(
                    .badData, "'" + name + "' needs a string, not " + (value?.typeName ?? "nothing"), line: line)
            }
            return text
        }
        func integer(_ value: Value?, _ standard: Int) throws(TaperError) -> Int {
            guard let value else { return standard }
            guard let number = value.wholeNumber else {
                throw fault(.badData, "'" + name + "' needs an integer, not " + value.typeName, line: line)
            }
            return number
        }
        switch name {
        case "strip", "lstrip", "rstrip":
            let set = try arguments.bound(["chars"], to: name, line)[0]
            let characters = if let set, !set.isNone { try string(set) } else { nil as Scalars? }
            return .string(text.stripped(characters, left: name != "rstrip", right: name != "lstrip"))
        case "split", "rsplit":
            let values = try arguments.bound(["sep", "maxsplit"], to: name, line)
            let limit = try integer(values[1], -1)
            let separator = if let given = values[0], !given.isNone { try string(given) } else { nil as Scalars? }
            guard separator?.isEmpty != true else { throw fault(.badData, "an empty separator", line: line) }
            let parts = text.split(separator, limit: limit < 0 ? Int.max : limit, fromEnd: name == "rsplit")
            return .list(parts.map { .string($0) })
        case "splitlines":
            let keeps = try arguments.bound(["keepends"], to: name, line)[0]?.isTrue ?? false
            return .list(text.lines(keepingEnds: keeps).map { .string($0) })
        case "startswith", "endswith":
            let values = try arguments.bound(["prefix", "start", "end"], required: 1, to: name, line)
            guard values[1] == nil, values[2] == nil else {
                throw unsupported("'" + name + "' with places", line: line)
            }
            var parts = [values[0]]
            if case .tuple(let several)? = values[0] { parts = several }
            for part in parts {
                let part = try string(part)
                if name == "startswith" ? text.starts(with: part) : text.suffix(part.count).elementsEqual(part) {
                    return .boolean(true)
                }
            }
            return .boolean(false)
        case "upper": return .string(text.uppercased())
        case "lower": return .string(text.lowercased())
        case "title": return .string(text.titled())
        case "capitalize": return .string(text.capitalized())
        case "replace":
            let values = try arguments.bound(["old", "new", "count"], required: 2, to: name, line)
            return .string(
                try replaced(
                    text, try string(values[0]), try string(values[1]), limit: try integer(values[2], -1), line))
        case "join":
            let values = try elements(try arguments.bound(["iterable"], required: 1, to: name, line)[0] ?? .none, line)
            var parts: [Scalars] = []
            for value in values { parts.append(try string(value)) }
            return .string(try joined(parts, text, line))
        case "find", "rfind", "index":
            let values = try arguments.bound(["sub", "start", "end"], required: 1, to: name, line)
            guard values[1] == nil, values[2] == nil else {
                throw unsupported("'" + name + "' with places", line: line)
            }
            let part = try string(values[0])
            let at = name == "rfind" ? text.lastRange(of: part, before: text.count) : text.firstRange(of: part, from: 0)
            guard let at else {
                guard name != "index" else { throw fault(.badData, "the text was not found", line: line) }
                return .integer(-1)
            }
            return .integer(at)
        case "count":
            let part = try string(try arguments.bound(["sub"], required: 1, to: name, line)[0])
            return .integer(part.isEmpty ? text.count + 1 : text.split(part, limit: Int.max, fromEnd: false).count - 1)
        case "isdigit", "isalpha", "isspace", "isupper", "islower", "isalnum":
            return .boolean(text.satisfies(name))
        case "removeprefix", "removesuffix":
            let part = try string(try arguments.bound(["prefix"], required: 1, to: name, line)[0])
            if name == "removeprefix" {
                return .string(text.starts(with: part) ? Array(text.dropFirst(part.count)) : text)
            }
            return .string(
                !part.isEmpty && text.suffix(part.count).elementsEqual(part) ? Array(text.dropLast(part.count)) : text)
        default:
            let part = try string(try arguments.bound(["sep"], required: 1, to: name, line)[0])
            guard !part.isEmpty else { throw fault(.badData, "an empty separator", line: line) }
            let isLast = name == "rpartition"
            guard let at = isLast ? text.lastRange(of: part, before: text.count) : text.firstRange(of: part, from: 0)
            else {
                let nothing = Value.string([])
                return .tuple(isLast ? [nothing, nothing, .string(text)] : [.string(text), nothing, nothing])
            }
            return .tuple([
                .string(Array(text[..<at])), .string(part), .string(Array(text[(at + part.count)...])),
            ])
        }
    }

    func replaced(
        _ text: Scalars, _ old: Scalars, _ new: Scalars, limit: Int, _ line: Int
    ) throws(TaperError) -> Scalars {
        let limit = limit < 0 ? Int.max : limit
        if old.isEmpty {
            // Between all characters, and at both ends.
            var out: Scalars = []
            for (index, scalar) in text.enumerated() {
                if index < limit { out += new }
                out.append(scalar)
                if out.count > Limits.length { try make(out.count, line) }
            }
            if text.count < limit { out += new }
            try make(out.count, line)
            return out
        }
        return try joined(text.split(old, limit: limit, fromEnd: false), new, line)
    }

    func joined(_ parts: [Scalars], _ separator: Scalars, _ line: Int) throws(TaperError) -> Scalars {
        let (gaps, isTooLong) = separator.count.multipliedReportingOverflow(by: max(0, parts.count - 1))
        try make(isTooLong ? Int.max : parts.reduce(gaps) { $0 + $1.count }, line)
        var out: Scalars = []
        for (index, part) in parts.enumerated() {
            if index > 0 { out += separator }
            out += part
        }
        return out
    }
}
