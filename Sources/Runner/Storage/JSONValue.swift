/// A JSON document. Objects keep the order of their members, so that writing is deterministic.
public enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    /// Any number written with a fraction or exponent, or outside the range of Int.
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([Member])

    public struct Member: Sendable {
        public var key: String
        public var value: JSONValue
        public init(_ key: String, _ value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    /// The member with this key; nil when absent or when this is no object. Linear: look large objects up once.
    public subscript(_ key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        for member in members where member.key == key { return member.value }
        return nil
    }

    public var isNull: Bool { if case .null = self { true } else { false } }
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    public var integer: Int? { if case .integer(let value) = self { value } else { nil } }
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
    public var members: [Member]? { if case .object(let value) = self { value } else { nil } }
    /// Any number, integers included.
    public var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }
    /// "string", "object" and so on, for messages.
    public var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer: "an integer"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// JSON text: compact, or indented by two spaces. Non-finite numbers become null, as in most writers.
    public func text(indented: Bool = false) -> String {
        var out: [UInt8] = []
        write(into: &out, indent: indented ? 0 : -1)
        return String(decoding: out, as: UTF8.self)
    }

    public func bytes(indented: Bool = false) -> [UInt8] {
        var out: [UInt8] = []
        write(into: &out, indent: indented ? 0 : -1)
        return out
    }

    private func write(into out: inout [UInt8], indent: Int) {
        switch self {
        case .null: out.append(contentsOf: "null".utf8)
        case .bool(let value): out.append(contentsOf: (value ? "true" : "false").utf8)
        case .integer(let value): out.append(contentsOf: String(value).utf8)
        // "-0" would be read as the integer, which has no sign.
        case .number(let value) where value == 0 && value.sign == .minus: out.append(contentsOf: "-0.0".utf8)
        case .number(let value): out.append(contentsOf: (value.isFinite ? shortest(value) : "null").utf8)
        case .string(let value): JSONValue.quote(value, into: &out)
        case .array(let values):
            // Arrays of plain numbers and strings stay on one line even when indented.
            let nested = indent >= 0 && values.contains { $0.isContainer }
            out.append(0x5b)
            for (index, value) in values.enumerated() {
                if index > 0 { out.append(contentsOf: nested || indent < 0 ? ",".utf8 : ", ".utf8) }
                if nested { JSONValue.newline(into: &out, indent + 1) }
                value.write(into: &out, indent: nested ? indent + 1 : -1)
            }
            if nested { JSONValue.newline(into: &out, indent) }
            out.append(0x5d)
        case .object(let members):
            out.append(0x7b)
            for (index, member) in members.enumerated() {
                if index > 0 { out.append(0x2c) }
                if indent >= 0 { JSONValue.newline(into: &out, indent + 1) }
                JSONValue.quote(member.key, into: &out)
                out.append(contentsOf: indent >= 0 ? ": ".utf8 : ":".utf8)
                member.value.write(into: &out, indent: indent >= 0 ? indent + 1 : -1)
            }
            if indent >= 0 && !members.isEmpty { JSONValue.newline(into: &out, indent) }
            out.append(0x7d)
        }
    }

    private var isContainer: Bool {
        switch self {
        case .array, .object: true
        default: false
        }
    }

    private static func newline(into out: inout [UInt8], _ indent: Int) {
        out.append(0x0a)
        out.append(contentsOf: repeatElement(0x20, count: indent * 2))
    }

    private static func quote(_ text: String, into out: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        out.append(0x22)
        var before: UInt8 = 0
        for byte in text.utf8 {
            defer { before = byte }
            // U+0080 to U+009F are commands to some terminals.
            if before == 0xc2 && byte < 0xa0 {
                out.removeLast()
                out.append(contentsOf: "\\u00".utf8)
                out.append(digits[Int(byte >> 4)])
                out.append(digits[Int(byte & 15)])
                continue
            }
            switch byte {
            case 0x22: out.append(contentsOf: "\\\"".utf8)
            case 0x5c: out.append(contentsOf: "\\\\".utf8)
            case 0x0a: out.append(contentsOf: "\\n".utf8)
            case 0x0d: out.append(contentsOf: "\\r".utf8)
            case 0x09: out.append(contentsOf: "\\t".utf8)
            case 0..<0x20, 0x7f:
                out.append(contentsOf: "\\u00".utf8)
                out.append(digits[Int(byte >> 4)])
                out.append(digits[Int(byte & 15)])
            default: out.append(byte)
            }
        }
        out.append(0x22)
    }
}
