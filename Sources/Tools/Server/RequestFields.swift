internal import HTTPTypes
internal import Storage

/// Members of a JSON object in a request. Each is read once; what nobody reads is refused, so that nothing a client asks for is
/// passed over. A member that is null counts as absent, as in OpenAI's API.
struct RequestFields {
    /// The object's own name and a dot; empty for the request itself.
    private let prefix: String
    private var rest: [String: JSONValue]

    /// - Parameter place: the object's name in the request; empty for the request itself.
    init(_ value: JSONValue, at place: String = "") throws(APIError) {
        guard let members = value.members else {
            let what = "must be a JSON object"
            guard place.isEmpty else {
                throw .invalid(place, what, found: value.kind)
            }
            throw APIError(.badRequest, "the request's body " + what + ", not " + value.kind)
        }
        prefix = place.isEmpty ? "" : place + "."
        rest = Dictionary(members.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    }

    /// Name of a member in the request.
    func name(_ key: String) -> String { prefix + key }

    mutating func value(_ key: String) -> JSONValue? {
        rest.removeValue(forKey: key).flatMap { $0.isNull ? nil : $0 }
    }

    /// An integer, also one written as 5.0.
    mutating func integer(_ key: String, in range: ClosedRange<Int>) throws(APIError) -> Int? {
        guard let value = value(key) else { return nil }
        let integer = value.integer ?? value.double.flatMap { Int(exactly: $0) }
        guard let integer, range.contains(integer) else {
            throw wrong(
                key, value,
                expected: range.upperBound == .max && range.lowerBound == .min
                    ? "an integer of 64 bits"
                    : "an integer from \(range.lowerBound) to \(range.upperBound)")
        }
        return integer
    }

    mutating func number(_ key: String, in range: ClosedRange<Double>) throws(APIError) -> Double? {
        guard let value = value(key) else { return nil }
        guard let number = value.double, range.contains(number) else {
            throw wrong(key, value, expected: "a number from \(text(range.lowerBound)) to \(text(range.upperBound))")
        }
        return number
    }

    mutating func bool(_ key: String) throws(APIError) -> Bool? {
        guard let value = value(key) else { return nil }
        guard let bool = value.bool else { throw wrong(key, value, expected: "true or false") }
        return bool
    }

    mutating func string(_ key: String) throws(APIError) -> String? {
        guard let value = value(key) else { return nil }
        guard let string = value.string else { throw wrong(key, value, expected: "a string") }
        return string
    }

    mutating func object(_ key: String) throws(APIError) -> RequestFields? {
        guard let value = value(key) else { return nil }
        return try RequestFields(value, at: name(key))
    }

    /// - Parameter limit: elements at most.
    mutating func array(_ key: String, limit: Int) throws(APIError) -> [JSONValue]? {
        guard let value = value(key) else { return nil }
        guard let array = value.array else { throw wrong(key, value, expected: "an array") }
        guard array.count <= limit else {
            throw .invalid(name(key), "too many elements", expected: "at most \(limit)", found: String(array.count))
        }
        return array
    }

    /// Passes over members that change nothing of an answer.
    mutating func ignore(_ keys: [String]) { for key in keys { rest[key] = nil } }

    /// Refuses members that ask for what the server does not do, unless they ask for nothing of it.
    mutating func refuse(_ keys: [String], _ what: String) throws(APIError) {
        for key in keys {
            guard let value = value(key) else { continue }
            switch value {
            case .array(let values) where values.isEmpty: continue
            case .bool(false): continue
            default: throw .unsupported(name(key), what)
            }
        }
    }

    /// - Throws: where a member is left that nothing has read.
    func end() throws(APIError) {
        guard let key = rest.keys.min() else { return }
        throw .invalid(
            name(printable(key)), "unknown parameter", remedy: "/openapi.json lists what requests may hold",
            code: "unknown_parameter")
    }

    func wrong(_ key: String, _ value: JSONValue, expected: String) -> APIError {
        .invalid(name(key), "not a usable value", expected: expected, found: described(value))
    }

    private func text(_ bound: Double) -> String { Int(exactly: bound).map(String.init) ?? String(bound) }

    /// Numbers and words as they are, everything else by its kind: a value may be as long as the request.
    private func described(_ value: JSONValue) -> String {
        switch value {
        case .integer, .bool, .null: value.text()
        case .number(let number): String(number)
        case .string(let string): "\"" + printable(string, limit: 40) + "\""
        default: value.kind
        }
    }
}
