import Storage

/// The steps around the model in a tokenizer.json: each is understood or refused by name.
struct TokenizerPipeline {
    private(set) var settings = Tokenizer.Settings()
    private var isByteLevel = false

    private static let mark: [UInt8] = Mark.bytes

    init(_ json: JSONValue, place: String) throws(TaperError) {
        settings.decoders = []
        try readNormalizer(json["normalizer"] ?? .null, place + ": normalizer")
        try readPreTokenizer(json["pre_tokenizer"] ?? .null, place + ": pre_tokenizer")
        let decoder = json["decoder"] ?? .null
        try readDecoder(decoder, place + ": decoder")
        if decoder.isNull { settings.decoders = [.spaces] }
        guard isByteLevel == (settings.decoders.first == .bytes) else {
            throw TaperError(
                .unsupported, "ByteLevel stands in the pre-tokenizer or in the decoder alone", at: place,
                expected: "both or none")
        }
        settings.kind = isByteLevel ? .byteLevel : .sentencePiece
    }

    private static func unsupported(_ type: String?, _ place: String) -> TaperError {
        TaperError(.unsupported, "type " + printable(type ?? "(none)") + " is not implemented", at: place)
    }

    // MARK: Normalizers

    private mutating func readNormalizer(_ json: JSONValue, _ place: String) throws(TaperError) {
        if json.isNull { return }
        let type = json["type"]?.string
        switch type {
        case "Sequence":
            for item in json["normalizers"]?.array ?? [] { try readNormalizer(item, place) }
        case "NFC": settings.normalizers.append(.compose)
        case "NFD": settings.normalizers.append(.decompose)
        case "NFKC": settings.normalizers += [.map(CharacterTables.compatibility()), .compose]
        case "NFKD": settings.normalizers += [.map(CharacterTables.compatibility()), .decompose]
        case "Lowercase": settings.normalizers.append(.map(CharacterTables.lowercase()))
        case "StripAccents": settings.normalizers.append(.map(CharacterTables.withoutMarks()))
        case "Nmt": settings.normalizers.append(.map(CharacterTables.nmt()))
        case "Strip":
            settings.normalizers.append(
                .strip(left: json["strip_left"]?.bool ?? true, right: json["strip_right"]?.bool ?? true))
        case "Prepend":
            guard let text = json["prepend"]?.string, text.utf8.count < 65536 else {
                throw Self.unsupported("Prepend without a string", place)
            }
            settings.normalizers.append(.prepend(Array(text.utf8)))
        case "Replace":
            guard let content = json["content"]?.string, content.utf8.count < 65536 else {
                throw Self.unsupported("Replace without content", place)
            }
            if let pattern = json["pattern"]?["String"]?.string, (1..<65536).contains(pattern.utf8.count) {
                settings.normalizers.append(.replace(Array(pattern.utf8), Array(content.utf8)))
            } else if json["pattern"]?["Regex"]?.string == " {2,}" {
                settings.normalizers.append(.collapseSpaces(Array(content.utf8)))
            } else {
                throw TaperError(
                    .unsupported, "Replace of this pattern is not implemented", at: place,
                    expected: "a string, or ' {2,}'",
                    found: printable(json["pattern"]?["Regex"]?.string ?? "no pattern", limit: 300))
            }
        case "Precompiled":
            guard let map = json["precompiled_charsmap"], !map.isNull else { return }
            guard let text = map.string, let bytes = Base64.decode(text), let charsmap = Charsmap(bytes) else {
                throw TaperError(.badData, "the Precompiled normalizer's table is damaged", at: place)
            }
            settings.normalizers.append(.charsmap(charsmap))
        default: throw Self.unsupported(type, place)
        }
    }

    // MARK: Pre-tokenizers

    private mutating func readPreTokenizer(_ json: JSONValue, _ place: String) throws(TaperError) {
        if json.isNull { return }
        let type = json["type"]?.string
        if isByteLevel {
            throw TaperError(
                .unsupported, "pre-tokenizers after ByteLevel are not implemented", at: place,
                found: printable(type ?? "(none)"))
        }
        switch type {
        case "Sequence":
            for item in json["pretokenizers"]?.array ?? [] { try readPreTokenizer(item, place) }
        case "ByteLevel":
            isByteLevel = true
            if json["add_prefix_space"]?.bool ?? true { settings.preTokenizers.append(.prefixSpace) }
            if json["use_regex"]?.bool ?? true { settings.preTokenizers.append(.splitter(.gpt2)) }
        case "Digits":
            settings.preTokenizers.append(.splitter(json["individual_digits"]?.bool == true ? .digits : .digitRuns))
        case "Split": try readSplit(json, place)
        case "Punctuation":
            settings.preTokenizers.append(.match(.punctuation, try Self.behavior(json, place), inverted: false))
        case "WhitespaceSplit": settings.preTokenizers.append(.match(.whiteSpace, .removed, inverted: false))
        case "Whitespace": settings.preTokenizers.append(.match(.words, .removed, inverted: true))
        case "BertPreTokenizer":
            settings.preTokenizers += [
                .match(.whiteSpace, .removed, inverted: false), .match(.punctuation, .isolated, inverted: false),
            ]
        case "CharDelimiterSplit":
            guard let text = json["delimiter"]?.string, text.unicodeScalars.count == 1 else {
                throw Self.unsupported("CharDelimiterSplit without a character", place)
            }
            settings.preTokenizers.append(.match(.literal(Array(text.utf8)), .removed, inverted: false))
        case "Metaspace":
            guard json["replacement"]?.string ?? "\u{2581}" == "\u{2581}" else {
                throw Self.unsupported("Metaspace with another mark", place)
            }
            settings.preTokenizers.append(.metaspace(try Self.prefix(json, place)))
            if json["split"]?.bool ?? true { settings.preTokenizers.append(.splitter(.metaspace)) }
        default: throw Self.unsupported(type, place)
        }
    }

    private mutating func readSplit(_ json: JSONValue, _ place: String) throws(TaperError) {
        let behavior = try Self.behavior(json, place)
        let isInverted = json["invert"]?.bool ?? false
        if let text = json["pattern"]?["String"]?.string, (1..<65536).contains(text.utf8.count) {
            settings.preTokenizers.append(.match(.literal(Array(text.utf8)), behavior, inverted: isInverted))
            return
        }
        // The known patterns match every character, so that only these two behaviours leave words.
        guard let pattern = json["pattern"]?["Regex"]?.string, let splitter = Splitter(pattern: pattern),
            behavior == .isolated || behavior == .removed && isInverted
        else {
            throw TaperError(
                .unsupported, "the splitting pattern or behaviour is not one of the known ones", at: place,
                found: printable(
                    (json["pattern"]?["Regex"]?.string ?? json["pattern"]?["String"]?.string ?? "no pattern"),
                    limit: 300)
                    + ", " + printable(json["behavior"]?.string ?? "no behaviour"))
        }
        settings.preTokenizers.append(.splitter(splitter))
    }

    private static func behavior(_ json: JSONValue, _ place: String) throws(TaperError) -> SplitBehavior {
        switch json["behavior"]?.string ?? "Isolated" {
        case "Isolated": return .isolated
        case "Removed": return .removed
        case "Contiguous": return .contiguous
        case "MergedWithPrevious": return .mergedWithPrevious
        case "MergedWithNext": return .mergedWithNext
        case let other: throw TaperError(.unsupported, "the behaviour " + printable(other) + " is not known", at: place)
        }
    }

    private static func prefix(_ json: JSONValue, _ place: String) throws(TaperError) -> MetaspacePrefix {
        switch json["prepend_scheme"]?.string ?? (json["add_prefix_space"]?.bool == false ? "never" : "always") {
        case "always": return .always
        case "first": return .first
        case "never": return .never
        case let other:
            throw TaperError(.unsupported, "prepend_scheme " + printable(other) + " is not known", at: place)
        }
    }

    // MARK: Decoders

    private mutating func readDecoder(_ json: JSONValue, _ place: String) throws(TaperError) {
        if json.isNull { return }
        let type = json["type"]?.string
        let isJoined = settings.decoders.contains { $0 == .fuse || $0 == .bytes }
        switch type {
        case "Sequence":
            for item in json["decoders"]?.array ?? [] { try readDecoder(item, place) }
        case "ByteLevel":
            guard settings.decoders.isEmpty else { throw Self.unsupported("ByteLevel after other decoders", place) }
            settings.decoders.append(.bytes)
        case "Metaspace":
            guard json["replacement"]?.string ?? "\u{2581}" == "\u{2581}" else {
                throw Self.unsupported("Metaspace with another mark", place)
            }
            settings.decoders.append(.metaspace(stripsFirst: try Self.prefix(json, place) != .never))
        case "Strip":
            guard let content = json["content"]?.string, content.unicodeScalars.count == 1,
                let start = json["start"]?.integer, let stop = json["stop"]?.integer, (0..<65536).contains(start),
                (0..<65536).contains(stop)
            else { throw Self.unsupported("Strip of something else than a character", place) }
            settings.decoders.append(.strip(Array(content.utf8), start: start, stop: stop))
        case "Replace":
            guard let pattern = json["pattern"]?["String"]?.string, let content = json["content"]?.string,
                (1..<65536).contains(pattern.utf8.count), content.utf8.count < 65536
            else { throw Self.unsupported("Replace of something else than a string", place) }
            settings.decoders.append(.replace(Array(pattern.utf8), Array(content.utf8)))
        case "ByteFallback":
            if isJoined { throw Self.unsupported("ByteFallback after joined tokens", place) }
            settings.decoders.append(.byteFallback)
        case "Fuse": settings.decoders.append(.fuse)
        default: throw Self.unsupported(type, place)
        }
    }

    // MARK: Post-processors

    /// At most one of them adds tokens: to the library a second one would see two texts.
    static func readPostProcessor(
        _ json: JSONValue, _ settings: inout Tokenizer.Settings, _ vocabulary: JSONVocabulary, _ place: String
    ) throws(TaperError) {
        if json.isNull { return }
        let type = json["type"]?.string
        if type != "ByteLevel" && !(settings.prefixTokens + settings.suffixTokens).isEmpty {
            throw TaperError(
                .unsupported, "two post-processors that add tokens are not implemented", at: place,
                found: printable(type ?? "(none)"))
        }
        switch type {
        case "Sequence":
            for item in json["processors"]?.array ?? [] {
                try readPostProcessor(item, &settings, vocabulary, place)
            }
        case "ByteLevel": break
        case "RobertaProcessing", "BertProcessing":
            guard let first = json["cls"]?.array?.last?.integer, let last = json["sep"]?.array?.last?.integer else {
                throw Self.unsupported((type ?? "") + " without cls and sep", place)
            }
            settings.prefixTokens.append(first)
            settings.suffixTokens.append(last)
        case "TemplateProcessing":
            var lead: [Int] = []
            var tail: [Int] = []
            var sequences = 0
            for item in json["single"]?.array ?? [] {
                if item["Sequence"] != nil {
                    sequences += 1
                } else if let token = item["SpecialToken"]?["id"]?.string {
                    let ids = try templateIDs(token, json["special_tokens"]?[token]?["ids"], vocabulary, place)
                    if sequences > 0 { tail += ids } else { lead += ids }
                } else {
                    throw Self.unsupported("TemplateProcessing with this item", place)
                }
            }
            guard sequences == 1 else {
                throw TaperError(
                    .unsupported, "the template does not take the text once", at: place, expected: "one Sequence",
                    found: String(sequences))
            }
            settings.prefixTokens += lead
            settings.suffixTokens += tail
        default: throw Self.unsupported(type, place)
        }
    }

    /// The ids a template writes for a special token: those it lists, else the token's own.
    private static func templateIDs(
        _ token: String, _ listed: JSONValue?, _ vocabulary: JSONVocabulary, _ place: String
    ) throws(TaperError) -> [Int] {
        if let list = listed?.array {
            let ids = list.compactMap { $0.integer }
            if ids.count == list.count { return ids }
        } else if let id = vocabulary.id(of: token) {
            return [id]
        }
        throw TaperError(.badData, "the template names an unknown token", at: place, found: printable(token))
    }
}
