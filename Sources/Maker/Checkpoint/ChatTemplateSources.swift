public import Storage

/// The Jinja sources of a checkpoint's chat templates, with the tokens they name: what a program needs that runs them.
/// Also the bundle's section `templates`.
public struct ChatTemplateSources: Equatable, Sendable {
    public static let schema = "taper-templates-1"
    /// Bytes of one template.
    public static let templateLimit = 1_000_000
    /// Bytes of all of them, so that the section keeps within its bound however JSON writes them.
    public static let totalLimit = 2_000_000
    public static let countLimit = 16
    static let standard = "default"
    /// Variables by which templates name tokens.
    static let tokenNames = [
        "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
    ]

    public struct Named: Equatable, Sendable {
        public var name: String
        public var source: String
        public init(name: String, source: String) {
            self.name = name
            self.source = source
        }
    }

    /// Distinct names; "default" comes first when there is one.
    public private(set) var templates: [Named] = []
    /// Values of variables such as `bos_token`, by name.
    public private(set) var tokens: [Named] = []

    public init() {}

    /// The template that conversations without tools use.
    public var standard: String? { templates.first { $0.name == ChatTemplateSources.standard }?.source }

    public subscript(token name: String) -> String? { tokens.first { $0.name == name }?.source }

    mutating func add(token name: String, _ text: String) {
        if self[token: name] == nil { tokens.append(Named(name: name, source: text)) }
    }

    /// Adds a template or replaces the one of this name.
    mutating func set(_ name: String, _ source: String, place: String) throws(TaperError) {
        guard source.utf8.count <= ChatTemplateSources.templateLimit else {
            throw TaperError(
                .badData, "the chat template is too large", at: place,
                expected: "at most " + byteText(ChatTemplateSources.templateLimit), found: byteText(source.utf8.count))
        }
        if let at = templates.firstIndex(where: { $0.name == name }) {
            templates[at].source = source
        } else if name == ChatTemplateSources.standard {
            templates.insert(Named(name: name, source: source), at: 0)
        } else {
            templates.append(Named(name: name, source: source))
        }
        let total = templates.reduce(0) { $0 + $1.source.utf8.count }
        guard templates.count <= ChatTemplateSources.countLimit, total <= ChatTemplateSources.totalLimit else {
            throw TaperError(
                .badData, "too many chat templates", at: place,
                expected: "at most " + String(ChatTemplateSources.countLimit) + " and "
                    + byteText(ChatTemplateSources.totalLimit),
                found: String(templates.count) + " of " + byteText(total))
        }
    }

    public var json: JSONValue {
        .object([
            .init("schema", .string(ChatTemplateSources.schema)),
            .init("tokens", .object(tokens.map { .init($0.name, .string($0.source)) })),
            .init(
                "templates",
                .array(
                    templates.map {
                        .object([.init("name", .string($0.name)), .init("source", .string($0.source))])
                    })),
        ])
    }

    /// - Throws: `badData` or `unsupported` for a section that breaks the rules of `formats/bundle.md`.
    public init(json: JSONValue, place: String) throws(TaperError) {
        guard json["schema"]?.string == ChatTemplateSources.schema else {
            throw TaperError(
                .unsupported, "unknown schema", at: place, expected: ChatTemplateSources.schema,
                found: json["schema"]?.string.map { printable($0) } ?? "none")
        }
        for member in json["tokens"]?.members ?? [] {
            guard ChatTemplateSources.tokenNames.contains(member.key), let text = member.value.string else {
                throw TaperError(.badData, "no usable token '" + printable(member.key) + "'", at: place)
            }
            add(token: member.key, text)
        }
        guard json["tokens"]?.members != nil, let list = json["templates"]?.array, !list.isEmpty else {
            throw TaperError(.badData, "\"tokens\" or \"templates\" has no usable value", at: place)
        }
        for item in list {
            guard let name = item["name"]?.string, !name.isEmpty, let source = item["source"]?.string,
                !templates.contains(where: { $0.name == name })
            else { throw TaperError(.badData, "a template has no usable value, or its name occurs twice", at: place) }
            try set(name, source, place: place)
        }
    }
}
