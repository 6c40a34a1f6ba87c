import Model
import Storage

/// Typed reading of a config file's keys; null counts as absent, as in Hugging Face's own code.
struct ConfigFields {
    let json: JSONValue
    let place: String

    func value(_ key: String) -> JSONValue? {
        guard let value = json[key], !value.isNull else { return nil }
        return value
    }

    func wrong(_ key: String, _ expected: String) -> TaperError {
        TaperError(
            .badData, key + " has no usable value", at: place, expected: expected,
            found: value(key).map { $0.kind + " " + printable($0.text(), limit: 40) } ?? "nothing")
    }

    func integer(_ key: String) throws(TaperError) -> Int {
        guard let integer = value(key)?.integer else { throw wrong(key, "an integer") }
        return integer
    }
    func integer(_ key: String, default fallback: Int) throws(TaperError) -> Int {
        value(key) == nil ? fallback : try integer(key)
    }
    func number(_ key: String) throws(TaperError) -> Double {
        guard let number = value(key)?.double, number.isFinite else { throw wrong(key, "a finite number") }
        return number
    }
    func number(_ key: String, default fallback: Double) throws(TaperError) -> Double {
        value(key) == nil ? fallback : try number(key)
    }
    func flag(_ key: String, default fallback: Bool) throws(TaperError) -> Bool {
        guard let value = value(key) else { return fallback }
        guard let flag = value.bool else { throw wrong(key, "true or false") }
        return flag
    }
    func text(_ key: String) throws(TaperError) -> String? {
        guard let value = value(key) else { return nil }
        guard let text = value.string else { throw wrong(key, "a string") }
        return text
    }
    /// An integer or a list of them, as `eos_token_id` comes.
    func integers(_ key: String) throws(TaperError) -> [Int] {
        guard let value = value(key) else { return [] }
        if let single = value.integer { return [single] }
        guard let list = value.array else { throw wrong(key, "an integer or a list of integers") }
        var all: [Int] = []
        for item in list {
            guard let integer = item.integer else { throw wrong(key, "an integer or a list of integers") }
            all.append(integer)
        }
        return all
    }

    func activation(_ key: String) throws(TaperError) -> ModelConfig.Activation {
        switch try text(key) ?? "" {
        case "silu", "swish": return .silu
        case "gelu": return .gelu
        case "gelu_new", "gelu_pytorch_tanh", "gelu_fast": return .geluTanh
        case let other:
            throw TaperError(
                .unsupported, "unknown " + key, at: place, expected: "silu, gelu or gelu_new",
                found: "'" + printable(other) + "'")
        }
    }

    /// A factor of weights, in the range in which single precision can compute with the result.
    func factor(_ key: String, default fallback: Double) throws(TaperError) -> Double {
        let value = try number(key, default: fallback)
        guard value >= 1e-6, value <= 1e6 else { throw wrong(key, "a number from 0.000001 to 1000000") }
        return value
    }

    /// A soft cap; null turns it off, and what a class takes where the key is absent may be on.
    func cap(_ key: String, default fallback: Double?) throws(TaperError) -> Double? {
        guard let value = json[key] else { return fallback }
        if value.isNull { return nil }
        let cap = try number(key)
        guard cap > 0 else { throw wrong(key, "a positive number or null") }
        return cap
    }

    /// - Throws: `unsupported` when the flag is on.
    func refuse(_ key: String, for family: String) throws(TaperError) {
        if try flag(key, default: false) {
            throw TaperError(
                .unsupported, key + " is not supported for " + family, at: place, expected: "false", found: "true")
        }
    }
}
