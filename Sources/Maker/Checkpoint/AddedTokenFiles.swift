import Storage
import Text

/// Added tokens that stand beside tokenizer.json, in the order in which transformers 5 adds them.
struct AddedTokenFiles {
    private(set) var tokens: [AddedTokenDescription] = []
    private let directory: String

    /// Attributes that name one special token each, in the order in which they are added.
    private static let attributes = [
        "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
    ]
    private static let byteLimit = 64 << 20

    init(directory: String) throws(TaperError) {
        self.directory = directory
        var config = try members("tokenizer_config.json")
        let place = directory + "/tokenizer_config.json"
        if let decoder = config.first(where: { $0.key == "added_tokens_decoder" })?.value, !decoder.isNull {
            try readDecoder(decoder, place)
        } else {
            // Older checkpoints have two more files instead.
            for member in try members("special_tokens_map.json") {
                config.removeAll { $0.key == member.key }
                config.append(member)
            }
            try readList(config)
        }
        readNamed(config, place)
    }

    private func members(_ name: String) throws(TaperError) -> [JSONValue.Member] {
        let path = directory + "/" + name
        guard Files.exists(path) else { return [] }
        let json = try JSONValue.parse(try Files.read(path, limit: Self.byteLimit), place: path)
        guard let members = json.members else {
            throw TaperError(.badData, "not an object", at: path, expected: "a JSON object", found: json.kind)
        }
        return members
    }

    private mutating func readDecoder(_ json: JSONValue, _ place: String) throws(TaperError) {
        let here = place + ": added_tokens_decoder"
        var found: [AddedTokenDescription] = []
        for member in json.members ?? [] {
            guard let id = Int(member.key), id >= 0, id < 1 << 21,
                let token = AddedTokenDescription(json: member.value, id: id, place: here)
            else {
                throw TaperError(
                    .badData, "an added token has no usable id or content", at: here, found: printable(member.key))
            }
            found.append(token)
        }
        tokens += found.sorted { ($0.id ?? 0) < ($1.id ?? 0) }
    }

    /// added_tokens.json: ids by content, nothing else.
    private mutating func readList(_ config: [JSONValue.Member]) throws(TaperError) {
        let special = Set(config.flatMap { Self.contents(of: $0) }.map { $0.content })
        let here = directory + "/added_tokens.json"
        var found: [AddedTokenDescription] = []
        for member in try members("added_tokens.json") {
            guard let id = member.value.integer, id >= 0, id < 1 << 21, !member.key.isEmpty else {
                throw TaperError(
                    .badData, "an added token has no usable id or content", at: here, found: printable(member.key))
            }
            found.append(
                AddedTokenDescription(content: member.key, id: id, isSpecial: special.contains(member.key), place: here)
            )
        }
        tokens += found.sorted { ($0.id ?? 0) < ($1.id ?? 0) }
    }

    /// Special tokens that attributes name; those listed already keep their rules.
    private mutating func readNamed(_ config: [JSONValue.Member], _ place: String) {
        var known = Set(tokens.map { Array($0.content.utf8) })
        let named = Self.attributes.compactMap { name in config.first { $0.key == name } }
        let more = config.filter { !$0.key.hasSuffix("special_tokens") && !Self.attributes.contains($0.key) }
        let extra = config.filter { $0.key.hasSuffix("special_tokens") }
        for member in named + more + extra {
            for token in Self.contents(of: member) {
                if known.insert(Array(token.content.utf8)).inserted { tokens.append(token) }
                // An attribute makes a token special.
                guard Self.attributes.contains(member.key) else { continue }
                for index in tokens.indices where tokens[index].content.utf8.elementsEqual(token.content.utf8) {
                    tokens[index].isSpecial = true
                }
            }
        }
    }

    /// The special tokens that one member of the config names.
    private static func contents(of member: JSONValue.Member) -> [AddedTokenDescription] {
        var values: [JSONValue] = []
        switch member.key {
        case "additional_special_tokens", "extra_special_tokens":
            values = member.value.array ?? (member.value.members ?? []).map { $0.value }
        case let key where key.hasSuffix("_token"): values = [member.value]
        default: break
        }
        return values.compactMap { value in
            if let text = value.string {
                return text.isEmpty ? nil : AddedTokenDescription(content: text, isSpecial: true, place: member.key)
            }
            return AddedTokenDescription(json: value, isSpecial: true, place: member.key)
        }
    }
}
