import Storage

/// What the files beside `config.json` say: end-of-sequence tokens and the chat template. Each file may be absent.
struct HuggingFaceCompanions {
    static let templateLimit = 1_000_000
    private static let valueLimit = 4_000_000

    private(set) var eosTokens: Set<Int> = []
    private(set) var bosToken: Int?
    /// The default template's Jinja text.
    private(set) var chatTemplate: String?
    private(set) var warnings: [String] = []
    let directory: String

    init(directory: String) throws(TaperError) {
        self.directory = directory
        try readGenerationConfig()
        try readTokenizerConfig()
        try readTemplateFiles()
    }

    private func path(_ name: String) -> String { directory + "/" + name }

    /// The wanted members of a JSON file; nil when there is no such file.
    private func members(_ name: String, _ keys: Set<String>) throws(TaperError) -> JSONValue? {
        guard Files.exists(path(name)) else { return nil }
        let file = try SourceFile(path: path(name))
        if let foreign = ForeignFile.recognise(file.bytes) {
            throw TaperError(.badData, "not JSON", at: file.path, found: foreign.kind, remedy: foreign.remedy)
        }
        return try JSONMemberScanner.select(
            keys, from: file.text, valueLimit: HuggingFaceCompanions.valueLimit, place: file.path)
    }

    private mutating func readGenerationConfig() throws(TaperError) {
        guard let json = try members("generation_config.json", ["eos_token_id"]) else { return }
        let fields = ConfigFields(json: json, place: path("generation_config.json"))
        eosTokens.formUnion(try fields.integers("eos_token_id"))
    }

    private mutating func readTokenizerConfig() throws(TaperError) {
        let name = "tokenizer_config.json"
        let keys: Set<String> = ["eos_token", "bos_token", "chat_template", "added_tokens_decoder"]
        guard let json = try members(name, keys) else { return }
        chatTemplate = try template(json["chat_template"], place: path(name) + ": chat_template")
        for key in ["eos_token", "bos_token"] {
            guard let text = json[key]?.string ?? json[key]?["content"]?.string else { continue }
            guard let id = try tokenID(text, json["added_tokens_decoder"]) else {
                warnings.append(
                    path(name) + ": " + key + " '" + printable(text) + "' is not in the vocabulary: ignored")
                continue
            }
            if key == "eos_token" { eosTokens.insert(id) } else { bosToken = id }
        }
    }

    /// A template as text, or as a list of named ones, of which "default" counts.
    private mutating func template(_ value: JSONValue?, place: String) throws(TaperError) -> String? {
        guard let value, !value.isNull else { return nil }
        if let text = value.string { return try limited(text, place) }
        guard let list = value.array else {
            throw TaperError(.badData, "no usable chat template", at: place, expected: "a string", found: value.kind)
        }
        for entry in list where entry["name"]?.string == "default" {
            if let text = entry["template"]?.string { return try limited(text, place) }
        }
        warnings.append(place + ": none of the " + String(list.count) + " templates is named 'default': ignored")
        return nil
    }

    private func limited(_ text: String, _ place: String) throws(TaperError) -> String {
        guard text.utf8.count <= HuggingFaceCompanions.templateLimit else {
            throw TaperError(
                .badData, "the chat template is too large", at: place,
                expected: "at most " + byteText(HuggingFaceCompanions.templateLimit), found: byteText(text.utf8.count))
        }
        return text
    }

    /// Newer checkpoints keep the template in a file of its own, which then counts.
    private mutating func readTemplateFiles() throws(TaperError) {
        let name = "chat_template.jinja"
        if Files.exists(path(name)) {
            let bytes = try Files.read(path(name), limit: HuggingFaceCompanions.templateLimit)
            if let foreign = bytes.withUnsafeBytes({ ForeignFile.recognise($0) }) {
                throw TaperError(
                    .badData, "not a chat template", at: path(name), found: foreign.kind, remedy: foreign.remedy)
            }
            chatTemplate = String(
                decoding: try Files.textBytes(bytes, place: path(name) + ": the chat template"), as: UTF8.self)
        } else if chatTemplate == nil, let json = try members("chat_template.json", ["chat_template"]) {
            chatTemplate = try template(json["chat_template"], place: path("chat_template.json"))
        }
    }

    /// The id of a special token: from tokenizer_config's own table, else from tokenizer.json.
    private func tokenID(_ text: String, _ decoder: JSONValue?) throws(TaperError) -> Int? {
        for member in decoder?.members ?? [] where member.value["content"]?.string == text {
            if let id = Int(member.key) { return id }
        }
        guard Files.exists(path("tokenizer.json")) else { return nil }
        let file = try SourceFile(path: path("tokenizer.json"))
        let place = file.path
        var scanner = JSONMemberScanner(file.text, place: place)
        var fromVocabulary: Int?
        while let member = try scanner.next() {
            if member.key == "added_tokens" && member.value.count <= HuggingFaceCompanions.valueLimit {
                let added = try JSONValue.parse(member.value, place: place + ": added_tokens")
                for token in added.array ?? [] where token["content"]?.string == text {
                    if let id = token["id"]?.integer { return id }
                }
            }
            if member.key == "model" && member.value.first == 0x7b {
                fromVocabulary = try vocabularyID(text, model: member.value, place: place)
            }
        }
        return fromVocabulary
    }

    /// Looks a token up in `model.vocab` without building it.
    private func vocabularyID(
        _ text: String, model: UnsafeRawBufferPointer, place: String
    ) throws(TaperError) -> Int? {
        var scanner = JSONMemberScanner(model, place: place + ": model")
        while let member = try scanner.next() {
            guard member.key == "vocab", member.value.first == 0x7b else { continue }
            var tokens = JSONMemberScanner(member.value, place: place + ": model.vocab")
            while let token = try tokens.next() {
                guard token.key == text else { continue }
                return try JSONValue.parse(token.value, place: place + ": model.vocab").integer
            }
        }
        return nil
    }
}
