public import Bundle
public import Storage

/// A text that had a part in making a bundle: known again whole by its checksum, in part by its sketch.
public struct CalibrationSource: Equatable, Sendable {
    /// "calibration", or "task " and the task's name.
    public var use: String
    /// Name of the file, without its folder.
    public var name: String
    public var byteCount: Int
    public var checksum: UInt64
    public var sketch: TextSketch

    public init(use: String, text: SourceText) {
        self.use = use
        name = text.name
        byteCount = text.bytes.count
        checksum = text.checksum
        sketch = TextSketch(text.text)
    }

    public var json: JSONValue {
        .object([
            .init("use", .string(use)), .init("name", .string(name)), .init("bytes", .integer(byteCount)),
            .init("checksum", .string(hex(checksum))),
            .init("limit", .string(hex(sketch.limit))),
            .init("passages", .array(sketch.hashes.map { .string(hex($0)) })),
        ])
    }

    /// - Throws: `badData` naming the field that breaks `formats/bundle.md`.
    public init(json: JSONValue, place: String) throws(TaperError) {
        func wrong(_ key: String) -> TaperError {
            TaperError(.badData, "\"" + key + "\" has no usable value", at: place, found: json[key]?.kind ?? "nothing")
        }
        func number(_ key: String) throws(TaperError) -> UInt64 {
            guard let value = json[key]?.string.flatMap({ UInt64($0, radix: 16) }) else { throw wrong(key) }
            return value
        }
        guard let use = json["use"]?.string, !use.isEmpty else { throw wrong("use") }
        guard let name = json["name"]?.string else { throw wrong("name") }
        guard let count = json["bytes"]?.integer, count >= 0 else { throw wrong("bytes") }
        guard let list = json["passages"]?.array else { throw wrong("passages") }
        var hashes: [UInt64] = []
        for item in list {
            guard let value = item.string.flatMap({ UInt64($0, radix: 16) }), hashes.last.map({ $0 < value }) ?? true
            else { throw wrong("passages") }
            hashes.append(value)
        }
        self.use = use
        self.name = name
        byteCount = count
        checksum = try number("checksum")
        sketch = TextSketch(hashes: hashes, limit: try number("limit"))
    }
}

/// The section "texts" of a bundle: everything its weights and schedules have seen.
public struct CalibrationTexts: Sendable {
    public static let schema = "taper-texts-1"

    public var sources: [CalibrationSource]

    public init(_ sources: [CalibrationSource] = []) { self.sources = sources }

    /// Empty for bundles without the section, such as those written before it existed.
    public init(_ bundle: Bundle) throws(TaperError) {
        sources = []
        guard let json = try bundle.json(SectionName.texts) else { return }
        let place = bundle.place(of: SectionName.texts)
        guard json["schema"]?.string == CalibrationTexts.schema, let list = json["texts"]?.array else {
            throw TaperError(.badData, "not a list of texts", at: place, expected: CalibrationTexts.schema)
        }
        for (index, item) in list.enumerated() {
            sources.append(try CalibrationSource(json: item, place: place + "[\(index)]"))
        }
    }

    public var json: JSONValue {
        .object([
            .init("schema", .string(CalibrationTexts.schema)), .init("texts", .array(sources.map(\.json))),
        ])
    }

    /// Adds a text, or replaces the one with the same use: a task calibrated again forgets its earlier data.
    public mutating func add(_ source: CalibrationSource) {
        sources.removeAll { $0.use == source.use }
        sources.append(source)
    }

    /// Below this share of the evaluation text an overlap changes no figure that is printed.
    static let relevantShare = 0.005

    /// What is wrong with evaluating on `text`: one sentence for every source that is the same file or shares passages.
    public func warnings(evaluating text: SourceText) -> [String] {
        if sources.isEmpty { return [] }
        let probe = TextSketch(text.text, capacity: TextSketch.probeCapacity)
        return sources.compactMap { source in
            let origin = "\(printable(source.use)) (\(printable(source.name)))"
            if source.checksum == text.checksum && source.byteCount == text.bytes.count {
                return "\(text.name) is the text this bundle was made with as \(origin): its figures flatter the bundle"
            }
            let inside = source.sketch.share(of: probe)
            let covered = probe.share(of: source.sketch)
            let isRelevant = inside.share >= CalibrationTexts.relevantShare || covered.share >= 0.05
            guard inside.found >= 2, isRelevant else { return nil }
            return
                "about \(fixed(inside.share * 100, 1))% of \(text.name) occurs in the text this bundle was made with as "
                + "\(origin), \(fixed(covered.share * 100, 1))% of which it holds: figures on it flatter the bundle"
        }
    }
}

/// 16 digits.
private func hex(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
