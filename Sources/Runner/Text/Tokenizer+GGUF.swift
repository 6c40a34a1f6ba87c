public import Storage

/// What a GGUF file says about its tokenizer.
public struct GGUFVocabulary: Sendable {
    public var model: String
    public var pre: String
    public var tokens: [String]
    public var scores: [Float]
    /// 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte; may be empty.
    public var types: [Int]
    public var merges: [String]
    public var bos: Int?
    public var eos: Int?
    public var unk: Int?
    public var addBos: Bool?
    public var addEos: Bool?
    public var addSpacePrefix: Bool?
    /// Control tokens that swallow the white space after them.
    public var strippingTokens: [Int] = []

    public init(
        model: String, pre: String, tokens: [String], scores: [Float], types: [Int], merges: [String], bos: Int?,
        eos: Int?, unk: Int?, addBos: Bool?, addEos: Bool?, addSpacePrefix: Bool?
    ) {
        self.model = model
        self.pre = pre
        self.tokens = tokens
        self.scores = scores
        self.types = types
        self.merges = merges
        self.bos = bos
        self.eos = eos
        self.unk = unk
        self.addBos = addBos
        self.addEos = addEos
        self.addSpacePrefix = addSpacePrefix
    }
}

extension Tokenizer {
    /// - Throws: `unsupported` for kinds of tokenizer or pre-tokenizer that are not implemented, by name.
    public convenience init(vocabulary: GGUFVocabulary, place: String) throws(TaperError) {
        var settings = Settings()
        settings.bos = vocabulary.bos
        settings.eos = vocabulary.eos
        settings.unknown = vocabulary.unk
        var flags = [UInt8](repeating: 0, count: vocabulary.tokens.count)
        for (id, type) in vocabulary.types.enumerated() where id < flags.count {
            switch type {
            // The unknown token is written in texts like the others.
            case 2, 3: flags[id] = TokenFlag.special | TokenFlag.added | TokenFlag.vocabulary
            case 4: flags[id] = TokenFlag.added | TokenFlag.vocabulary
            case 6: flags[id] = TokenFlag.byte
            default: break
            }
        }
        for id in vocabulary.strippingTokens where flags.indices.contains(id) && flags[id] & TokenFlag.added != 0 {
            flags[id] |= TokenFlag.stripRight
        }
        var tokens = vocabulary.tokens.map { Array($0.utf8) }
        var merges: [Merge] = []
        switch vocabulary.model {
        case "gpt2":
            settings.kind = .byteLevel
            switch vocabulary.pre {
            // Names that llama.cpp takes as one: files have that of the first model whose tokenizer cut a probe text alike.
            case "smollm", "refact", "starcoder", "minerva-7b":
                settings.preTokenizers = [.splitter(.digits), .splitter(.gpt2)]
            case "", "default", "gpt-2", "phi-2", "mpt", "olmo", "mellum", "granite-docling":
                settings.preTokenizers = [.splitter(.gpt2)]
            case "llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral", "midm-2.0":
                settings.preTokenizers = [.splitter(.llama3)]
                settings.ignoresMerges = true
            // OLMo 2, Phi-4, Granite 4 and SmolLM3 among others.
            case "dbrx", "smaug-bpe": settings.preTokenizers = [.splitter(.llama3)]
            case "qwen2":
                settings.preTokenizers = [.splitter(.qwen2)]
                settings.normalizers = [.compose]
            case "stablelm2": settings.preTokenizers = [.splitter(.qwen2)]
            default:
                throw TaperError(
                    .unsupported, "pre-tokenizer " + printable(vocabulary.pre) + " is not implemented", at: place,
                    expected: "smollm, refact, starcoder, gpt-2, llama-bpe, dbrx, smaug-bpe, qwen2, stablelm2")
            }
            // Spelled in GPT-2's alphabet; tokens that are not (added ones of more than a character) stand for themselves.
            var idOf: [[UInt8]: Int] = [:]
            for (id, token) in vocabulary.tokens.enumerated() {
                idOf[Array(token.utf8)] = id
                let isText = flags[id] & TokenFlag.added == 0 || token.unicodeScalars.count == 1
                if isText, let bytes = ByteAlphabet.bytes(token) { tokens[id] = bytes }
            }
            for (rank, text) in vocabulary.merges.enumerated() {
                let bytes = Array(text.utf8)
                guard let space = bytes.firstIndex(of: 0x20), let left = idOf[Array(bytes[..<space])],
                    let right = idOf[Array(bytes[(space + 1)...])],
                    let result = idOf[Array(bytes[..<space] + bytes[(space + 1)...])]
                else {
                    throw TaperError(
                        .badData, "a merge refers to a token that is not in the vocabulary",
                        at: place + ": merge " + String(rank), found: printable(text))
                }
                merges.append(
                    Merge(left: UInt32(left), right: UInt32(right), result: UInt32(result), rank: UInt32(rank)))
            }
        case "llama":
            settings.kind = .sentencePiece
            let addsSpace = vocabulary.addSpacePrefix ?? true
            if addsSpace { settings.normalizers.append(.prepend(Mark.bytes)) }
            settings.normalizers.append(FirstTokenizerVersion.spaceToMark)
            settings.decoders = FirstTokenizerVersion.decoders(stripsLeadingSpace: addsSpace)
            settings.fusesUnknown = true
            merges = try Tokenizer.scoredMerges(tokens, flags, vocabulary.scores, place)
        default:
            throw TaperError(
                .unsupported, "tokenizers of kind " + printable(vocabulary.model) + " are not implemented", at: place,
                expected: "gpt2 or llama")
        }
        let addsBos = vocabulary.addBos ?? (vocabulary.model == "llama")
        if addsBos, let bos = vocabulary.bos { settings.prefixTokens = [bos] }
        if vocabulary.addEos == true, let eos = vocabulary.eos { settings.suffixTokens = [eos] }
        var parts = Parts(settings: settings, flags: flags, merges: merges)
        for (id, token) in vocabulary.tokens.enumerated()
        where flags[id] & TokenFlag.added != 0 && !token.utf8.isEmpty {
            parts.added.append(
                AddedToken(id: id, flags: FirstTokenizerVersion.addedFlags(flags[id]), content: Array(token.utf8)))
        }
        try parts.setTokens(tokens, place: place)
        try self.init(parts, place: place)
    }

    /// SentencePiece merges two pieces when their concatenation is a piece, best score first: every way to cut a piece
    /// in two known pieces becomes a merge, ranked by the piece's score.
    private static func scoredMerges(
        _ tokens: [[UInt8]], _ flags: [UInt8], _ scores: [Float], _ place: String
    ) throws(TaperError) -> [Merge] {
        guard scores.count == tokens.count else {
            throw TaperError(
                .badData, "a SentencePiece vocabulary needs a score per token", at: place,
                expected: String(tokens.count),
                found: String(scores.count))
        }
        var idOf: [[UInt8]: Int] = [:]
        for (id, token) in tokens.enumerated()
        where flags[id] & (TokenFlag.special | TokenFlag.byte) == 0 && idOf[token] == nil && !token.isEmpty {
            idOf[token] = id
        }
        for score in scores where score.isNaN {
            throw TaperError(.badData, "a token's score is not a number", at: place)
        }
        let order = tokens.indices.sorted { scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1 }
        var merges: [Merge] = []
        var rank: UInt32 = 0
        var last: Float?
        for id in order where idOf[tokens[id]] == id && tokens[id].count > 1 && tokens[id].count <= 256 {
            // Equal scores merge leftmost first.
            if let last, scores[id] != last { rank += 1 }
            last = scores[id]
            for cut in 1..<tokens[id].count where tokens[id][cut] & 0xc0 != 0x80 {
                guard let left = idOf[Array(tokens[id][..<cut])], let right = idOf[Array(tokens[id][cut...])] else {
                    continue
                }
                merges.append(Merge(left: UInt32(left), right: UInt32(right), result: UInt32(id), rank: rank))
            }
        }
        return merges
    }
}
