import Storage
import Text

/// The tokenizer that a GGUF file carries in its metadata.
struct GGUFTokenizer {
    static let vocabularyLimit = 1 << 21

    let file: GGUFFile

    func place(_ key: String) -> String { file.file.path + ": metadata '" + key + "'" }

    /// Checks counts and limits without decoding a token; a file without tokenizer passes.
    /// - Parameter rows: rows of the embedding.
    func check(rows: Int) throws(TaperError) {
        guard file.values["tokenizer.ggml.tokens"] != nil else { return }
        let count = try array("tokens", .string)?.count ?? 0
        guard count > 0, count <= GGUFTokenizer.vocabularyLimit, count <= rows else {
            throw TaperError(
                .badData, "the number of tokens is out of range", at: place("tokenizer.ggml.tokens"),
                expected: "1 to " + String(min(rows, GGUFTokenizer.vocabularyLimit)) + " (the embedding's rows)",
                found: String(count))
        }
        for (key, type) in [("scores", GGUFType.float32), ("token_type", .int32)] {
            guard let other = try array(key, type) else { continue }
            guard other.count == count else {
                throw TaperError(
                    .badData, "one value per token is needed", at: place("tokenizer.ggml." + key),
                    expected: String(count), found: String(other.count))
            }
        }
        _ = try array("merges", .string)
    }

    /// The default template, and others by the names that `tokenizer.chat_templates` lists.
    func chatTemplates() throws(TaperError) -> ChatTemplateSources {
        var sources = ChatTemplateSources()
        func add(_ key: String, _ name: String) throws(TaperError) {
            guard let value = file.values[key] else { return }
            guard let text = value.string, text.utf8.count <= ChatTemplateSources.templateLimit else {
                throw TaperError(
                    .badData, "no usable chat template", at: place(key),
                    expected: "a string of at most " + byteText(ChatTemplateSources.templateLimit),
                    found: value.string.map { byteText($0.utf8.count) } ?? value.kind)
            }
            try sources.set(name, text, place: place(key))
        }
        try add("tokenizer.chat_template", ChatTemplateSources.standard)
        if let list = file.values["tokenizer.chat_templates"]?.array, list.type == .string,
            list.count <= ChatTemplateSources.countLimit
        {
            for name in try list.strings() where !name.isEmpty && name != ChatTemplateSources.standard {
                try add("tokenizer.chat_template." + name, name)
            }
        }
        guard !sources.templates.isEmpty, let tokens = try array("tokens", .string)?.strings() else { return sources }
        for (key, name) in [
            ("bos_token_id", "bos_token"), ("eos_token_id", "eos_token"), ("unknown_token_id", "unk_token"),
            ("padding_token_id", "pad_token"),
        ] {
            if let id = file.values["tokenizer.ggml." + key]?.integer, tokens.indices.contains(id) {
                sources.add(token: name, tokens[id])
            }
        }
        return sources
    }

    func array(_ key: String, _ type: GGUFType) throws(TaperError) -> GGUFArray? {
        guard let value = file.values["tokenizer.ggml." + key] else { return nil }
        let isIntegers = type == .int32 && value.array?.type == .uint32
        guard let array = value.array, array.type == type || isIntegers else {
            throw TaperError(
                .badData, "no usable value", at: place("tokenizer.ggml." + key), expected: "an array of " + type.name,
                found: value.array.map { "an array of " + $0.type.name } ?? value.kind)
        }
        return array
    }

    /// Everything the metadata says about the tokenizer.
    func vocabulary() throws(TaperError) -> GGUFVocabulary {
        guard let tokens = try array("tokens", .string) else {
            throw TaperError(.badData, "the file has no tokenizer", at: place("tokenizer.ggml.tokens"))
        }
        guard let model = try text("model") else {
            throw TaperError(.badData, "the tokenizer's kind is not given", at: place("tokenizer.ggml.model"))
        }
        let strings = try tokens.strings()
        var types = try array("token_type", .int32)?.integers() ?? []
        for token in try endTokens().mistyped where types.indices.contains(token.id) {
            types[token.id] = GGUFTokenizer.controlType
        }
        var vocabulary = GGUFVocabulary(
            model: model, pre: try splitting().pre, tokens: strings,
            scores: try array("scores", .float32)?.floats() ?? [], types: types,
            merges: try array("merges", .string)?.strings() ?? [], bos: try special("bos_token_id"),
            eos: try special("eos_token_id"), unk: try special("unknown_token_id"), addBos: try addsBeginning(),
            addEos: try addsEnd(), addSpacePrefix: try flag("add_space_prefix"))
        vocabulary.strippingTokens = strippingTokens(strings, types)
        return vocabulary
    }

    func text(_ key: String) throws(TaperError) -> String? {
        guard let value = file.values["tokenizer.ggml." + key] else { return nil }
        guard let text = value.string else {
            throw TaperError(
                .badData, "no usable value", at: place("tokenizer.ggml." + key), expected: "a string",
                found: value.kind)
        }
        return text
    }

    func flag(_ key: String) throws(TaperError) -> Bool? {
        guard let value = file.values["tokenizer.ggml." + key] else { return nil }
        guard let flag = value.bool else {
            throw TaperError(
                .badData, "no usable value", at: place("tokenizer.ggml." + key), expected: "a boolean",
                found: value.kind)
        }
        return flag
    }
}
