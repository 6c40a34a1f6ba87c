import Storage

/// Typed reading of the metadata of the file's architecture: "block_count" stands for "llama.block_count".
struct GGUFFields {
    let file: GGUFFile
    let architecture: String

    init(_ file: GGUFFile) throws(TaperError) {
        self.file = file
        guard let architecture = file.values["general.architecture"]?.string else {
            throw TaperError(
                .badData, "no architecture", at: file.file.path + ": metadata 'general.architecture'",
                expected: "a string", found: file.values["general.architecture"]?.kind ?? "nothing")
        }
        self.architecture = architecture
    }

    func has(_ name: String) -> Bool { file.values[key(name)] != nil }
    func has(tensor name: String) -> Bool { file.tensors.contains { $0.name == name } }
    func key(_ name: String) -> String { architecture + "." + name }
    func place(_ key: String?) -> String { file.file.path + ": metadata" + (key.map { " '" + $0 + "'" } ?? "") }

    func wrong(_ name: String, _ expected: String) -> TaperError {
        TaperError(
            .badData, "no usable value", at: place(key(name)), expected: expected,
            found: file.values[key(name)]?.kind ?? "nothing")
    }

    func integer(_ name: String, default fallback: Int? = nil) throws(TaperError) -> Int {
        guard let value = file.values[key(name)] else {
            if let fallback { return fallback }
            throw wrong(name, "an integer")
        }
        if let array = value.array {
            // Written by tools that know one value per layer; where all are equal, that is one value.
            if array.type == .int32 || array.type == .uint32, let first = try array.integers().first,
                try array.integers().allSatisfy({ $0 == first }), first >= 0
            {
                return first
            }
            throw TaperError(
                .unsupported, "values that differ by layer are not supported", at: place(key(name)),
                expected: "an integer", found: value.kind)
        }
        guard let integer = value.integer, integer >= 0 else { throw wrong(name, "a whole number") }
        return integer
    }
    func number(_ name: String, default fallback: Double? = nil) throws(TaperError) -> Double {
        if file.values[key(name)] == nil, let fallback { return fallback }
        guard let number = file.values[key(name)]?.double else { throw wrong(name, "a floating-point number") }
        return number
    }
    func flag(_ name: String, default fallback: Bool) throws(TaperError) -> Bool {
        guard let value = file.values[key(name)] else { return fallback }
        guard let flag = value.bool else { throw wrong(name, "a boolean") }
        return flag
    }
    /// A positive factor, in the range in which single precision can compute with the result; 0 stands for none.
    func factor(_ name: String, default fallback: Double? = nil) throws(TaperError) -> Double? {
        guard has(name) else { return fallback }
        let factor = try number(name)
        guard factor == 0 || (factor >= 1e-6 && factor <= 1e6) else {
            throw TaperError(
                .badData, "the factor must be positive, and no extreme", at: place(key(name)),
                expected: "0, or 0.000001 to 1000000", found: shortest(factor))
        }
        return factor == 0 ? nil : factor
    }
    func text(_ name: String) throws(TaperError) -> String? {
        guard let value = file.values[key(name)] else { return nil }
        guard let text = value.string else { throw wrong(name, "a string") }
        return text
    }
}
