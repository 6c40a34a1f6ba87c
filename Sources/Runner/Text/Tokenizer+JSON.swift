public import Storage

/// An added token that a file beside tokenizer.json names.
public struct AddedTokenDescription: Sendable {
    public var content: String
    /// The id the file gives it, if it gives one.
    public var id: Int?
    public var isSpecial: Bool
    public var stripsLeft = false
    public var stripsRight = false
    public var isNormalized: Bool
    public var isSingleWord = false
    /// The file that names it, for messages.
    public var place: String

    /// - Parameter isNormalized: as the `tokenizers` library defaults it, for tokens that are not special.
    public init(content: String, id: Int? = nil, isSpecial: Bool, isNormalized: Bool? = nil, place: String) {
        self.content = content
        self.id = id
        self.isSpecial = isSpecial
        self.isNormalized = isNormalized ?? !isSpecial
        self.place = place
    }

    /// Reads the members that tokenizer.json and its companions write.
    public init?(json: JSONValue, id: Int? = nil, isSpecial: Bool? = nil, place: String) {
        guard let content = json["content"]?.string, !content.isEmpty else { return nil }
        self.init(
            content: content, id: id ?? json["id"]?.integer, isSpecial: isSpecial ?? json["special"]?.bool ?? false,
            isNormalized: json["normalized"]?.bool, place: place)
        stripsLeft = json["lstrip"]?.bool ?? false
        stripsRight = json["rstrip"]?.bool ?? false
        isSingleWord = json["single_word"]?.bool ?? false
    }

    var flags: UInt8 {
        (isSpecial ? AddedToken.special : 0) | (stripsLeft ? AddedToken.stripLeft : 0)
            | (stripsRight ? AddedToken.stripRight : 0) | (isNormalized ? AddedToken.normalized : 0)
            | (isSingleWord ? AddedToken.singleWord : 0)
    }
}

// tokenizer.json, as the `tokenizers` library writes it.
extension Tokenizer {
    /// - Parameters:
    ///   - more: tokens that other files of the checkpoint add, in order.
    ///   - rows: rows of the embedding; a token named without an id that would lie beyond is left out with a warning.
    /// - Throws: `badData` for contradictions, `unsupported` naming the part that Taper does not implement.
    public convenience init(
        tokenizerJSON json: JSONValue, adding more: [AddedTokenDescription] = [], rows: Int = .max, place: String
    ) throws(TaperError) {
        guard let model = json["model"], model.members != nil else {
            throw TaperError(.badData, "no tokenizer: \"model\" is missing", at: place)
        }
        guard let type = model["type"]?.string ?? (model["merges"] == nil ? nil : "BPE") else {
            throw TaperError(.badData, "the model's type is missing", at: place)
        }
        var parts = Parts()
        parts.settings = try TokenizerPipeline(json, place: place).settings
        var vocabulary = JSONVocabulary(place: place)
        let byteFallback = model["byte_fallback"]?.bool ?? false
        switch type {
        case "BPE": try Tokenizer.checkBPE(model, &parts.settings, place)
        case "Unigram":
            guard parts.settings.kind != .byteLevel else {
                throw TaperError(.unsupported, "Unigram with ByteLevel is not implemented", at: place)
            }
            parts.settings.kind = .unigram
        default:
            throw TaperError(
                .unsupported, "tokenizers of type " + printable(type) + " are not implemented", at: place,
                expected: "BPE or Unigram")
        }
        if type == "BPE" {
            try vocabulary.readMembers(model["vocab"])
        } else {
            try vocabulary.readScores(model["vocab"])
        }
        try vocabulary.add(json["added_tokens"] ?? .null, more, rows: rows)
        let isByteLevel = parts.settings.kind == .byteLevel
        var tokens = [[UInt8]](repeating: [], count: vocabulary.spellings.count)
        parts.flags = [UInt8](repeating: 0, count: tokens.count)
        for (id, spelling) in vocabulary.spellings.enumerated() {
            guard let spelling else { continue }
            tokens[id] = isByteLevel ? ByteAlphabet.bytes(spelling) ?? Array(spelling.utf8) : Array(spelling.utf8)
            if !isByteLevel, byteFallback, vocabulary.isModel[id],
                tokens[id].withUnsafeBufferPointer({ Tokenizer.byteValue($0) }) != nil
            {
                parts.flags[id] |= TokenFlag.byte
            }
        }
        parts.added = vocabulary.added(hasNormalizer: !parts.settings.normalizers.isEmpty)
        for token in parts.added {
            parts.flags[token.id] |= TokenFlag.added
            if vocabulary.isModel[token.id] {
                parts.flags[token.id] |= TokenFlag.vocabulary
            } else if token.has(AddedToken.normalized) {
                // The library decodes such a token to what it matches.
                let normalized = parts.settings.normalizers.reduce(token.content) { $1.apply(to: $0) }
                let text = String(decoding: normalized, as: UTF8.self)
                tokens[token.id] = isByteLevel ? ByteAlphabet.bytes(text) ?? normalized : normalized
            }
            if token.has(AddedToken.special) { parts.flags[token.id] |= TokenFlag.special }
            if token.has(AddedToken.stripLeft) { parts.flags[token.id] |= TokenFlag.stripLeft }
            if token.has(AddedToken.stripRight) { parts.flags[token.id] |= TokenFlag.stripRight }
        }
        if type == "BPE" {
            // The library looks the unknown token up in the model's vocabulary alone.
            if let unknown = model["unk_token"]?.string { parts.settings.unknown = vocabulary.modelID(of: unknown) }
            parts.merges = try vocabulary.merges(model["merges"] ?? .null)
        } else {
            parts.settings.unknown = try vocabulary.unknown(model["unk_id"] ?? .null)
            parts.scores = vocabulary.scores + [Double](repeating: 0, count: tokens.count - vocabulary.scores.count)
        }
        try TokenizerPipeline.readPostProcessor(
            json["post_processor"] ?? .null, &parts.settings, vocabulary, place + ": post_processor")
        parts.settings.bos = parts.settings.prefixTokens.first
        try parts.setTokens(tokens, place: place)
        try self.init(parts, place: place)
        if isByteLevel, byteFallback, byteTokens.contains(where: { $0 < 0 }) {
            throw TaperError(
                .unsupported, "byte_fallback with a ByteLevel that lacks bytes is not implemented", at: place)
        }
        warnings = vocabulary.warnings
        for key in ["truncation", "padding"] where !(json[key] ?? .null).isNull {
            warnings.append(place + ": " + key + " is for training batches: ignored")
        }
    }

    private static func checkBPE(_ model: JSONValue, _ settings: inout Settings, _ place: String) throws(TaperError) {
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] where !(model[key]?.string ?? "").isEmpty {
            throw TaperError(.unsupported, key + " is not implemented", at: place)
        }
        if let dropout = model["dropout"]?.double, dropout > 0 {
            throw TaperError(
                .unsupported, "dropout makes the tokens random", at: place, expected: "null or 0",
                found: String(dropout))
        }
        settings.ignoresMerges = model["ignore_merges"]?.bool ?? false
        settings.fusesUnknown = model["fuse_unk"]?.bool ?? false
    }
}
