public import Storage

// tokenizer.json, as the `tokenizers` library writes it.
extension Tokenizer {
    /// - Throws: `badData` for contradictions, `unsupported` naming the part that Taper does not implement.
    public convenience init(tokenizerJSON json: JSONValue, place: String) throws(TaperError) {
        guard let model = json["model"], model.members != nil else {
            throw TaperError(.badData, "no tokenizer: \"model\" is missing", at: place)
        }
        guard let type = model["type"]?.string ?? (model["merges"] == nil ? nil : "BPE") else {
            throw TaperError(.badData, "the model's type is missing", at: place)
        }
        guard type == "BPE" else {
            throw TaperError(
                .unsupported, "tokenizers of type " + printable(type) + " are not implemented", at: place,
                expected: "BPE")
        }
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] where !(model[key]?.string ?? "").isEmpty {
            throw TaperError(.unsupported, key + " is not implemented", at: place)
        }
        var settings = Settings()
        settings.ignoresMerges = model["ignore_merges"]?.bool ?? false
        settings.fusesUnknown = model["fuse_unk"]?.bool ?? false
        let byteFallback = model["byte_fallback"]?.bool ?? false
        try Tokenizer.readNormalizer(json["normalizer"] ?? .null, &settings, place + ": normalizer", depth: 0)
        var isByteLevel = false
        try Tokenizer.readPreTokenizer(
            json["pre_tokenizer"] ?? .null, &settings, &isByteLevel, place + ": pre_tokenizer", depth: 0)
        try Tokenizer.readDecoder(json["decoder"] ?? .null, &settings, &isByteLevel, place + ": decoder", depth: 0)
        settings.kind = isByteLevel ? .byteLevel : .sentencePiece

        guard let vocabulary = model["vocab"]?.members, !vocabulary.isEmpty else {
            throw TaperError(.badData, "the vocabulary is missing or empty", at: place)
        }
        let added = json["added_tokens"]?.array ?? []
        var count = 0
        for member in vocabulary {
            guard let id = member.value.integer, id >= 0, id < 1 << 21 else {
                throw TaperError(.badData, "token " + printable(member.key) + " has no usable id", at: place)
            }
            count = max(count, id + 1)
        }
        for item in added {
            guard let id = item["id"]?.integer, id >= 0, id < 1 << 21, item["content"]?.string?.isEmpty == false else {
                throw TaperError(.badData, "an added token has no usable id or content", at: place)
            }
            count = max(count, id + 1)
        }
        // A gap in the ids is a token that no text gives.
        guard count <= 4 * (vocabulary.count + added.count) + 1024 else {
            throw TaperError(.badData, "the token ids leave too many gaps", at: place, found: String(count))
        }
        var tokens = [[UInt8]](repeating: [], count: count)
        var flags = [UInt8](repeating: 0, count: count)
        var filled = [Bool](repeating: false, count: count)
        var idOf: [String: Int] = [:]
        idOf.reserveCapacity(vocabulary.count)
        for member in vocabulary {
            guard let id = member.value.integer, !filled[id] else {
                throw TaperError(.badData, "two tokens have the same id", at: place, found: printable(member.key))
            }
            filled[id] = true
            // Swift compares strings by canonical equivalence; vocabularies do not. Keys are the raw bytes spelled out.
            idOf[Tokenizer.key(member.key)] = id
            tokens[id] = isByteLevel ? ByteAlphabet.bytes(member.key) ?? Array(member.key.utf8) : Array(member.key.utf8)
            if byteFallback, tokens[id].withUnsafeBufferPointer({ Tokenizer.byteValue($0) }) != nil {
                flags[id] |= TokenFlag.byte
            }
        }
        for item in added {
            guard let id = item["id"]?.integer, let content = item["content"]?.string else { continue }
            if filled[id], idOf[Tokenizer.key(content)] != id {
                throw TaperError(
                    .badData, "an added token takes the id of another token", at: place, found: printable(content))
            }
            filled[id] = true
            idOf[Tokenizer.key(content)] = id
            tokens[id] = Array(content.utf8)
            flags[id] |= TokenFlag.added
            if item["special"]?.bool == true { flags[id] |= TokenFlag.special }
            if item["lstrip"]?.bool == true { flags[id] |= TokenFlag.stripLeft }
            if item["rstrip"]?.bool == true { flags[id] |= TokenFlag.stripRight }
        }
        if let unknown = model["unk_token"]?.string { settings.unknown = idOf[Tokenizer.key(unknown)] }
        try Tokenizer.readPostProcessor(
            json["post_processor"] ?? .null, &settings, idOf, place + ": post_processor", depth: 0)
        settings.bos = settings.prefixTokens.first
        let merges = try Tokenizer.readMerges(model["merges"] ?? .null, idOf, tokens, place)
        try self.init(settings: settings, tokens: tokens, flags: flags, merges: merges, place: place)
    }

    /// A key that two strings share only when their UTF-8 is the same.
    private static func key(_ text: String) -> String {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text }
        var out = ""
        for byte in text.utf8 {
            // Bytes as Latin-1 scalars would compose; shifted into a private area they cannot.
            out.unicodeScalars.append(Unicode.Scalar(0xe000 + UInt32(byte)) ?? " ")
        }
        return out
    }

    private static func readMerges(
        _ json: JSONValue, _ idOf: [String: Int], _ tokens: [[UInt8]], _ place: String
    ) throws(TaperError) -> [Merge] {
        guard let list = json.array else { throw TaperError(.badData, "the merges are missing", at: place) }
        var merges: [Merge] = []
        merges.reserveCapacity(list.count)
        for (rank, item) in list.enumerated() {
            let context = place + ": merges[" + String(rank) + "]"
            var pair: [String] = []
            if let text = item.string {
                let bytes = Array(text.utf8)
                guard let space = bytes.firstIndex(of: 0x20) else {
                    throw TaperError(.badData, "a merge needs two tokens", at: context, found: printable(text))
                }
                pair = [
                    String(decoding: bytes[..<space], as: UTF8.self),
                    String(decoding: bytes[(space + 1)...], as: UTF8.self),
                ]
            } else if let array = item.array, array.count == 2, let left = array[0].string, let right = array[1].string
            {
                pair = [left, right]
            } else {
                throw TaperError(.badData, "a merge is a string or a pair of strings", at: context, found: item.kind)
            }
            guard let left = idOf[key(pair[0])], let right = idOf[key(pair[1])],
                let result = idOf[key(pair[0] + pair[1])]
            else {
                throw TaperError(
                    .badData, "a merge refers to a token that is not in the vocabulary", at: context,
                    found: printable(pair[0]) + " " + printable(pair[1]))
            }
            merges.append(Merge(left: UInt32(left), right: UInt32(right), result: UInt32(result), rank: UInt32(rank)))
        }
        return merges
    }

    private static func unsupported(_ type: String?, _ place: String) -> TaperError {
        TaperError(.unsupported, "type " + printable(type ?? "(none)") + " is not implemented", at: place)
    }

    private static func readNormalizer(_ json: JSONValue, _ settings: inout Settings, _ place: String, depth: Int)
        throws(TaperError)
    {
        if json.isNull { return }
        switch json["type"]?.string {
        case "Sequence":
            for item in json["normalizers"]?.array ?? [] {
                try readNormalizer(item, &settings, place, depth: depth + 1)
            }
        case "NFC": settings.normalizesNFC = true
        case "Prepend":
            guard json["prepend"]?.string == "\u{2581}" else { throw unsupported("Prepend of another string", place) }
            settings.prefix = .always
        case "Replace":
            guard json["pattern"]?["String"]?.string == " ", json["content"]?.string == "\u{2581}" else {
                throw unsupported("Replace of something else than spaces", place)
            }
        default: throw unsupported(json["type"]?.string, place)
        }
    }

    private static func readPreTokenizer(
        _ json: JSONValue, _ settings: inout Settings, _ isByteLevel: inout Bool, _ place: String, depth: Int
    ) throws(TaperError) {
        if json.isNull { return }
        switch json["type"]?.string {
        case "Sequence":
            for item in json["pretokenizers"]?.array ?? [] {
                try readPreTokenizer(item, &settings, &isByteLevel, place, depth: depth + 1)
            }
        case "ByteLevel":
            isByteLevel = true
            guard json["add_prefix_space"]?.bool != true else {
                throw unsupported("ByteLevel with add_prefix_space", place)
            }
            if json["use_regex"]?.bool ?? true { settings.splitters.append(.gpt2) }
        case "Digits": settings.splitters.append(json["individual_digits"]?.bool == true ? .digits : .digitRuns)
        case "Split":
            guard let pattern = json["pattern"]?["Regex"]?.string, let splitter = Splitter(pattern: pattern),
                json["behavior"]?.string == "Isolated"
                    || json["behavior"]?.string == "Removed" && json["invert"]?.bool == true
            else {
                throw TaperError(
                    .unsupported, "the splitting pattern is not one of the known ones", at: place,
                    found: printable(
                        json["pattern"]?["Regex"]?.string ?? json["pattern"]?["String"]?.string ?? "no pattern",
                        limit: 300))
            }
            settings.splitters.append(splitter)
        case "Metaspace":
            guard json["replacement"]?.string ?? "\u{2581}" == "\u{2581}" else {
                throw unsupported("Metaspace with another mark", place)
            }
            switch json["prepend_scheme"]?.string ?? (json["add_prefix_space"]?.bool == false ? "never" : "always") {
            case "always": settings.prefix = .unlessSpace
            case "first": settings.prefix = .first
            default: settings.prefix = .never
            }
            if json["split"]?.bool ?? true { settings.splitters.append(.metaspace) }
        default: throw unsupported(json["type"]?.string, place)
        }
    }

    private static func readDecoder(
        _ json: JSONValue, _ settings: inout Settings, _ isByteLevel: inout Bool, _ place: String, depth: Int
    ) throws(TaperError) {
        if json.isNull { return }
        switch json["type"]?.string {
        case "Sequence":
            for item in json["decoders"]?.array ?? [] {
                try readDecoder(item, &settings, &isByteLevel, place, depth: depth + 1)
            }
        case "ByteLevel": isByteLevel = true
        case "Metaspace": settings.stripsLeadingSpace = settings.prefix != .never
        case "Strip":
            guard json["content"]?.string == " ", json["start"]?.integer ?? 0 <= 1, json["stop"]?.integer ?? 0 == 0
            else {
                throw unsupported("Strip of something else than one leading space", place)
            }
            settings.stripsLeadingSpace = json["start"]?.integer == 1
        case "Replace", "ByteFallback", "Fuse": break
        default: throw unsupported(json["type"]?.string, place)
        }
    }

    private static func readPostProcessor(
        _ json: JSONValue, _ settings: inout Settings, _ idOf: [String: Int], _ place: String, depth: Int
    ) throws(TaperError) {
        if json.isNull { return }
        switch json["type"]?.string {
        case "Sequence":
            for item in json["processors"]?.array ?? [] {
                try readPostProcessor(item, &settings, idOf, place, depth: depth + 1)
            }
        case "ByteLevel": break
        case "TemplateProcessing":
            var afterText = false
            for item in json["single"]?.array ?? [] {
                if item["Sequence"] != nil {
                    afterText = true
                } else if let token = item["SpecialToken"]?["id"]?.string {
                    guard let id = idOf[key(token)] else {
                        throw TaperError(
                            .badData, "the template names an unknown token", at: place, found: printable(token))
                    }
                    if afterText { settings.suffixTokens.append(id) } else { settings.prefixTokens.append(id) }
                }
            }
        default: throw unsupported(json["type"]?.string, place)
        }
    }
}

/// GPT-2's alphabet: a printable character for every byte.
enum ByteAlphabet {
    private static let byteOf: [UInt32: UInt8] = {
        var map: [UInt32: UInt8] = [:]
        var extra: UInt32 = 256
        for byte in 0..<256 {
            let isPrintable =
                (0x21...0x7e).contains(byte) || (0xa1...0xac).contains(byte) || (0xae...0xff).contains(byte)
            if isPrintable {
                map[UInt32(byte)] = UInt8(byte)
            } else {
                map[extra] = UInt8(byte)
                extra += 1
            }
        }
        return map
    }()

    /// The bytes that a token's characters stand for; nil when one is outside the alphabet.
    static func bytes(_ token: String) -> [UInt8]? {
        var out: [UInt8] = []
        for scalar in token.unicodeScalars {
            guard let byte = byteOf[scalar.value] else { return nil }
            out.append(byte)
        }
        return out
    }
}
