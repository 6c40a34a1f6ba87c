public import Storage

// The bundle's "chat" section.
extension ChatTemplate {
    public static let schema = "taper-chat-1"

    public var json: JSONValue {
        func frame(_ value: Frame) -> JSONValue {
            .object([.init("before", .string(value.before)), .init("after", .string(value.after))])
        }
        return .object([
            .init("schema", .string(ChatTemplate.schema)),
            .init("name", .string(name)),
            .init("start", .string(start)),
            .init("system", frame(system)),
            .init("user", frame(user)),
            .init("assistant", frame(assistant)),
            .init("generation", .string(generation)),
            .init("default_system", defaultSystem.map { .string($0) } ?? .null),
            .init("system_inside_user", .bool(systemInsideUser)),
            .init("trims", .bool(trims)),
            .init("stops", .array(stops.map { .string($0) })),
        ])
    }

    /// - Throws: `badData` naming the member that is missing or of the wrong type.
    public init(json: JSONValue, place: String) throws(TaperError) {
        func wrong(_ key: String) -> TaperError {
            TaperError(.badData, "\"" + key + "\" has no usable value", at: place, found: json[key]?.kind ?? "nothing")
        }
        func text(_ key: String) throws(TaperError) -> String {
            guard let value = json[key]?.string else { throw wrong(key) }
            return value
        }
        func frame(_ key: String) throws(TaperError) -> Frame {
            guard let before = json[key]?["before"]?.string, let after = json[key]?["after"]?.string else {
                throw wrong(key)
            }
            return Frame(before, after)
        }
        guard json["schema"]?.string == ChatTemplate.schema else {
            throw TaperError(.unsupported, "unknown chat template schema", at: place, expected: ChatTemplate.schema)
        }
        guard let inside = json["system_inside_user"]?.bool else { throw wrong("system_inside_user") }
        guard let trims = json["trims"]?.bool else { throw wrong("trims") }
        guard let list = json["stops"]?.array else { throw wrong("stops") }
        var stops: [String] = []
        for item in list {
            guard let stop = item.string else { throw wrong("stops") }
            stops.append(stop)
        }
        name = try text("name")
        start = try text("start")
        system = try frame("system")
        user = try frame("user")
        assistant = try frame("assistant")
        generation = try text("generation")
        defaultSystem = json["default_system"]?.string
        systemInsideUser = inside
        self.trims = trims
        self.stops = stops
    }
}
