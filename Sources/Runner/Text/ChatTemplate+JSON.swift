public import Storage

// The bundle's "chat" section: two schemas, specified in `formats/bundle.md`.
extension ChatTemplate {
    public static let framesSchema = "taper-chat-1"
    public static let jointsSchema = "taper-chat-2"
    /// Most special texts and most stops: more than any published template has.
    public static let listLimit = 64

    public var json: JSONValue {
        frames?.json
            ?? .object([
                .init("schema", .string(ChatTemplate.jointsSchema)),
                .init("name", .string(name)),
                .init("system", .string(systemPlace.rawValue)),
                .init("adds_bos", .bool(addsBos)),
                .init("allows_empty", .bool(allowsEmpty)),
                .init(
                    "reasoning",
                    reasoning.map {
                        .object([.init("end", .string($0.end)), .init("trims", .string($0.trims.rawValue))])
                    } ?? .null),
                .init(
                    "special",
                    .array(
                        special.map {
                            .object([.init("role", .string($0.role.rawValue)), .init("text", .string($0.text))])
                        })),
                .init(
                    "joints",
                    .array(
                        joints.map {
                            .object([
                                .init("from", .string($0.from.rawValue)), .init("to", .string($0.to.rawValue)),
                                .init("text", .string($0.text)),
                                .init("trims_before", .string($0.trimsBefore.rawValue)),
                                .init("trims_after", .string($0.trimsAfter.rawValue)),
                            ])
                        })),
                .init("stops", .array(stops.map { .string($0) })),
            ])
    }

    /// - Throws: `badData` naming the member that is missing or of the wrong type.
    public init(json: JSONValue, place: String) throws(TaperError) {
        switch json["schema"]?.string {
        case ChatTemplate.framesSchema: self.init(frames: try ChatFrames(json: json, place: place))
        case ChatTemplate.jointsSchema:
            let reader = ChatReader(json: json, place: place)
            self.init(name: try reader.text("name"), joints: try reader.joints(), stops: try reader.stops())
            guard let system = SystemPlace(rawValue: try reader.text("system")) else { throw reader.wrong("system") }
            systemPlace = system
            addsBos = try reader.flag("adds_bos")
            allowsEmpty = try reader.flag("allows_empty")
            reasoning = try reader.reasoning()
            special = try reader.special()
        default:
            throw TaperError(
                .unsupported, "unknown chat template schema", at: place,
                expected: ChatTemplate.framesSchema + " or " + ChatTemplate.jointsSchema,
                found: json["schema"]?.string.map { printable($0) } ?? "none", remedy: "Use a newer Taper")
        }
    }
}

/// Members of the section, each checked.
private struct ChatReader {
    let json: JSONValue
    let place: String

    func wrong(_ key: String) -> TaperError {
        TaperError(.badData, "\"" + key + "\" has no usable value", at: place, found: json[key]?.kind ?? "nothing")
    }
    func text(_ key: String) throws(TaperError) -> String {
        guard let value = json[key]?.string else { throw wrong(key) }
        return value
    }
    func flag(_ key: String) throws(TaperError) -> Bool {
        guard let value = json[key]?.bool as Bool? else { throw wrong(key) }
        return value
    }
    func stops() throws(TaperError) -> [String] {
        guard let list = json["stops"]?.array, list.count <= ChatTemplate.listLimit else { throw wrong("stops") }
        var stops: [String] = []
        for item in list {
            guard let stop = item.string, !stop.isEmpty else { throw wrong("stops") }
            stops.append(stop)
        }
        return stops
    }

    private func trim(_ value: JSONValue?) -> ChatTemplate.Trim? {
        value?.string.flatMap { ChatTemplate.Trim(rawValue: $0) }
    }

    func joints() throws(TaperError) -> [ChatTemplate.Joint] {
        var joints: [ChatTemplate.Joint] = []
        for item in json["joints"]?.array ?? [] {
            guard let from = item["from"]?.string.flatMap({ ChatTemplate.Place(rawValue: $0) }),
                let to = item["to"]?.string.flatMap({ ChatTemplate.Place(rawValue: $0) }),
                let text = item["text"]?.string, let before = trim(item["trims_before"]),
                let after = trim(item["trims_after"]), from != .generation, from != .end, to != .start
            else { throw TaperError(.badData, "a joint has no usable value", at: place) }
            guard !joints.contains(where: { $0.from == from && $0.to == to }) else {
                throw TaperError(
                    .badData, "two joints lead from " + from.rawValue + " to " + to.rawValue, at: place)
            }
            guard from != .start || before == .none, to != .generation && to != .end || after == .none else {
                throw TaperError(.badData, "a joint trims where no content stands", at: place)
            }
            joints.append(ChatTemplate.Joint(from, to, text, trimsBefore: before, trimsAfter: after))
        }
        guard joints.contains(where: { $0.from == .start && $0.to == .user }),
            joints.contains(where: { $0.from == .user && $0.to == .generation })
        else {
            throw TaperError(
                .badData, "no joint leads from start to user, or none from user to generation", at: place)
        }
        return joints
    }

    func reasoning() throws(TaperError) -> ChatTemplate.Reasoning? {
        guard let value = json["reasoning"] else { throw wrong("reasoning") }
        if value.isNull { return nil }
        guard let end = value["end"]?.string, !end.isEmpty,
            let trims = trim(value["trims"])
        else { throw wrong("reasoning") }
        return ChatTemplate.Reasoning(end: end, trims: trims)
    }

    func special() throws(TaperError) -> [ChatTemplate.Special] {
        guard let list = json["special"]?.array, list.count <= ChatTemplate.listLimit else { throw wrong("special") }
        var special: [ChatTemplate.Special] = []
        for item in list {
            guard let text = item["text"]?.string, !text.isEmpty,
                let role = item["role"]?.string.flatMap({ ChatTemplate.Place(rawValue: $0) }),
                role == .system || role == .user || role == .assistant
            else { throw wrong("special") }
            special.append(ChatTemplate.Special(role: role, text: text))
        }
        return special
    }

    func frame(_ key: String) throws(TaperError) -> ChatFrames.Frame {
        guard let before = json[key]?["before"]?.string, let after = json[key]?["after"]?.string else {
            throw wrong(key)
        }
        return ChatFrames.Frame(before, after)
    }
}

extension ChatFrames {
    var json: JSONValue {
        func frame(_ value: Frame) -> JSONValue {
            .object([.init("before", .string(value.before)), .init("after", .string(value.after))])
        }
        return .object([
            .init("schema", .string(ChatTemplate.framesSchema)),
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

    init(json: JSONValue, place: String) throws(TaperError) {
        let reader = ChatReader(json: json, place: place)
        self.init(
            name: try reader.text("name"), start: try reader.text("start"), system: try reader.frame("system"),
            user: try reader.frame("user"), assistant: try reader.frame("assistant"),
            generation: try reader.text("generation"), defaultSystem: json["default_system"]?.string,
            systemInsideUser: try reader.flag("system_inside_user"), trims: try reader.flag("trims"),
            stops: try reader.stops())
    }
}
