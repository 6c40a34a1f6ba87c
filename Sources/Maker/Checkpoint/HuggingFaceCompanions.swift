import Storage

/// What the files beside `config.json` say: end-of-sequence tokens and the chat template. Each file may be absent.
struct HuggingFaceCompanions {
    private static let valueLimit = 4_000_000

    private(set) var eosTokens: Set<Int> = []
    private(set) var bosToken: Int?
    private(set) var templates = ChatTemplateSources()
    private(set) var warnings: [String] = []
    let directory: String

    init(directory: String) throws(TaperError) {
        self.directory = directory
        try readGenerationConfig()
        try readTokenizerConfig()
        try readSpecialTokensMap()
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
        let keys = Set(ChatTemplateSources.tokenNames + ["chat_template", "added_tokens_decoder"])
        guard let json = try members(name, keys) else { return }
        try addTemplates(json["chat_template"], place: path(name) + ": chat_template")
        addTokens(json)
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

    /// Tokens that templates name; the first file to name one counts.
    private mutating func addTokens(_ json: JSONValue) {
        for name in ChatTemplateSources.tokenNames {
            if let text = json[name]?.string ?? json[name]?["content"]?.string { templates.add(token: name, text) }
        }
    }

    private mutating func readSpecialTokensMap() throws(TaperError) {
        guard let json = try members("special_tokens_map.json", Set(ChatTemplateSources.tokenNames)) else { return }
        addTokens(json)
    }

    /// A template as text, or a list of named ones.
    private mutating func addTemplates(_ value: JSONValue?, place: String) throws(TaperError) {
        guard let value, !value.isNull else { return }
        if let text = value.string { return try templates.set(ChatTemplateSources.standard, text, place: place) }
        guard let list = value.array else {
            throw TaperError(.badData, "no usable chat template", at: place, expected: "a string", found: value.kind)
        }
        for entry in list {
            guard let name = entry["name"]?.string, !name.isEmpty, let text = entry["template"]?.string else {
                throw TaperError(.badData, "a chat template without name or text", at: place)
            }
            try templates.set(name, text, place: place)
        }
        if templates.standard == nil {
            warnings.append(
                place + ": none of the " + String(list.count) + " templates is named 'default', so the bundle gets no "
                    + "chat format")
        }
    }

    /// Newer checkpoints keep templates in files of their own, which then count.
    private mutating func readTemplateFiles() throws(TaperError) {
        let name = "chat_template.jinja"
        if Files.exists(path(name)) {
            try addTemplateFile(path(name), ChatTemplateSources.standard)
        } else if templates.standard == nil, let json = try members("chat_template.json", ["chat_template"]) {
            try addTemplates(json["chat_template"], place: path("chat_template.json"))
        }
        let folder = path("additional_chat_templates")
        guard Files.isDirectory(folder) else { return }
        for file in try Files.list(folder).sorted() where file.hasSuffix(".jinja") && file.utf8.count > 6 {
            try addTemplateFile(folder + "/" + file, String(file.dropLast(6)))
        }
    }

    private mutating func addTemplateFile(_ path: String, _ name: String) throws(TaperError) {
        let bytes = try Files.read(path, limit: ChatTemplateSources.templateLimit)
        if let foreign = bytes.withUnsafeBytes({ ForeignFile.recognise($0) }) {
            throw TaperError(.badData, "not a chat template", at: path, found: foreign.kind, remedy: foreign.remedy)
        }
        let text = try Files.textBytes(bytes, place: path + ": the chat template")
        try templates.set(name, String(decoding: text, as: UTF8.self), place: path)
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
