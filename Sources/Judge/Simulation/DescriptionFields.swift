import Storage

/// Strict reading of one object of a description: every key is known, every number lies in its range.
struct DescriptionFields {
    let json: JSONValue
    let place: String

    /// - Throws: `badData` for what is no object, and for a key that is not among `keys`.
    init(_ json: JSONValue, place: String, keys: [String]) throws(TaperError) {
        self.json = json
        self.place = place
        guard let members = json.members else {
            throw TaperError(.badData, "not a description", at: place, expected: "an object", found: json.kind)
        }
        for member in members where !keys.contains(member.key) {
            throw TaperError(
                .badData, "an unknown key", at: place, expected: "of " + keys.joined(separator: ", "),
                found: "\"" + printable(member.key) + "\"", remedy: "Correct its spelling, or take it out")
        }
    }

    func has(_ key: String) -> Bool { json[key].map { !$0.isNull } ?? false }

    func integer(_ key: String, _ range: ClosedRange<Int>, default fallback: Int? = nil) throws(TaperError) -> Int {
        if let fallback, json[key] == nil { return fallback }
        guard let value = json[key]?.integer, range.contains(value) else {
            throw wrong(key, "an integer from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func number(_ key: String, _ range: ClosedRange<Double>, default fallback: Double? = nil) throws(TaperError)
        -> Double
    {
        if let fallback, json[key] == nil { return fallback }
        guard let value = json[key]?.double, range.contains(value) else {
            throw wrong(key, "a number from \(shortest(range.lowerBound)) to \(shortest(range.upperBound))")
        }
        return value
    }

    func text(_ key: String, default fallback: String? = nil) throws(TaperError) -> String {
        if let fallback, json[key] == nil { return fallback }
        guard let value = json[key]?.string else { throw wrong(key, "a string") }
        return value
    }

    /// - Parameter keys: of the object below this key.
    func object(_ key: String, keys: [String]) throws(TaperError) -> DescriptionFields {
        guard let value = json[key] else { throw wrong(key, "an object") }
        return try DescriptionFields(value, place: place + ": " + key, keys: keys)
    }

    /// At least one object.
    func objects(_ key: String, keys: [String]) throws(TaperError) -> [DescriptionFields] {
        guard let list = json[key]?.array, !list.isEmpty else { throw wrong(key, "an array of objects") }
        var all: [DescriptionFields] = []
        for (index, item) in list.enumerated() {
            all.append(try DescriptionFields(item, place: "\(place): \(key)[\(index)]", keys: keys))
        }
        return all
    }

    func wrong(_ key: String, _ expected: String) -> TaperError {
        let value = json[key]
        let found: String
        switch value {
        case .string(let text): found = "\"" + printable(text) + "\""
        case .integer, .number: found = value?.text() ?? ""
        default: found = value?.kind ?? "nothing"
        }
        return TaperError(.badData, "\"" + key + "\" has no usable value", at: place, expected: expected, found: found)
    }
}
