import Storage

/// Typed reading of the manifest's description of a model.
struct ModelFields {
    let json: JSONValue
    let place: String

    func has(_ key: String) -> Bool { json[key].map { !$0.isNull } ?? false }

    func integer(_ key: String) throws(TaperError) -> Int {
        guard let value = json[key]?.integer else { throw wrong(key, "an integer") }
        return value
    }
    func number(_ key: String) throws(TaperError) -> Double {
        guard let value = json[key]?.double else { throw wrong(key, "a number") }
        return value
    }
    func flag(_ key: String) throws(TaperError) -> Bool {
        guard let value = json[key]?.bool else { throw wrong(key, "true or false") }
        return value
    }
    func flag(_ key: String, default fallback: Bool) throws(TaperError) -> Bool {
        json[key] == nil ? fallback : try flag(key)
    }
    func text(_ key: String) throws(TaperError) -> String {
        guard let value = json[key]?.string else { throw wrong(key, "a string") }
        return value
    }
    /// nil: all positions are seen.
    func window() throws(TaperError) -> Int? {
        guard has("sliding_window") else { return nil }
        return try integer("sliding_window")
    }

    func wrong(_ key: String, _ expected: String) -> TaperError {
        let value = json[key]
        return TaperError(
            .badData, key + " has no usable value", at: place, expected: expected,
            found: value?.string.map { "\"" + printable($0) + "\"" } ?? value?.kind ?? "nothing")
    }

    /// - Throws: `badData` for what is no object; `unsupported` for a key that is not among these.
    func refuseOthers(than known: Set<String>) throws(TaperError) {
        guard let members = json.members else {
            throw TaperError(.badData, "not a description", at: place, expected: "an object", found: json.kind)
        }
        for member in members where !known.contains(member.key) {
            throw TaperError(
                .unsupported, "an unknown key, which may change what the model computes", at: place,
                found: "'" + printable(member.key) + "'", remedy: "The bundle may need a newer version of taper")
        }
    }
}
