import Storage

/// The tokens of a tokenizer.json: the model's own and the added ones.
struct JSONVocabulary {
    let place: String
    /// By id; nil is a gap.
    private(set) var spellings: [String?] = []
    /// Is the id the model's own?
    private(set) var isModel: [Bool] = []
    private(set) var warnings: [String] = []
    /// Of a unigram model.
    private(set) var scores: [Double] = []
    private var idOf: [String: Int] = [:]
    private var addedIndex: [String: Int] = [:]
    private var list: [(id: Int, flags: UInt8, content: String)] = []

    init(place: String) { self.place = place }

    /// A key that two strings share only when their UTF-8 is the same: Swift compares strings by canonical equivalence,
    /// vocabularies do not.
    private static func key(_ text: String) -> String {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text }
        var out = ""
        for byte in text.utf8 {
            // Bytes as Latin-1 scalars would compose; shifted into a private area they cannot.
            out.unicodeScalars.append(Unicode.Scalar(0xe000 + UInt32(byte)) ?? " ")
        }
        return out
    }

    func modelID(of text: String) -> Int? { idOf[Self.key(text)] }
    func id(of text: String) -> Int? { idOf[Self.key(text)] ?? addedIndex[Self.key(text)].map { list[$0].id } }

    private mutating func put(_ text: String, _ id: Int) {
        while spellings.count <= id {
            spellings.append(nil)
            isModel.append(false)
        }
        spellings[id] = text
    }

    /// BPE: an object of ids by token.
    mutating func readMembers(_ json: JSONValue?) throws(TaperError) {
        guard let members = json?.members, !members.isEmpty else {
            throw TaperError(.badData, "the vocabulary is missing or empty", at: place)
        }
        var count = 0
        for member in members {
            guard let id = member.value.integer, id >= 0, id < 1 << 21 else {
                throw TaperError(.badData, "token " + printable(member.key) + " has no usable id", at: place)
            }
            count = max(count, id + 1)
        }
        // A gap in the ids is a token that no text gives.
        guard count <= 4 * members.count + 1024 else {
            throw TaperError(.badData, "the token ids leave too many gaps", at: place, found: String(count))
        }
        idOf.reserveCapacity(members.count)
        for member in members {
            guard let id = member.value.integer, id >= spellings.count || spellings[id] == nil else {
                throw TaperError(.badData, "two tokens have the same id", at: place, found: printable(member.key))
            }
            put(member.key, id)
            isModel[id] = true
            idOf[Self.key(member.key)] = id
        }
    }

    /// Unigram: a list of pairs of token and score.
    mutating func readScores(_ json: JSONValue?) throws(TaperError) {
        guard let items = json?.array, !items.isEmpty, items.count < 1 << 21 else {
            throw TaperError(.badData, "the vocabulary of Unigram is no list of tokens and scores", at: place)
        }
        for (id, item) in items.enumerated() {
            guard let pair = item.array, pair.count == 2, let token = pair[0].string, let score = pair[1].double,
                score.isFinite
            else {
                throw TaperError(
                    .badData, "an entry of Unigram's vocabulary is no token and score", at: place,
                    found: "entry " + String(id))
            }
            put(token, id)
            isModel[id] = true
            scores.append(LibraryNumber.reread(score))
            // Of equal tokens the last one counts, as in the `tokenizers` library.
            idOf[Self.key(token)] = id
        }
    }

    func unknown(_ json: JSONValue) throws(TaperError) -> Int? {
        if json.isNull { return nil }
        guard let id = json.integer, id >= 0, id < scores.count else {
            throw TaperError(.badData, "unk_id lies outside the vocabulary", at: place)
        }
        return id
    }

    /// The file's own added tokens, then those of other files.
    mutating func add(_ json: JSONValue, _ more: [AddedTokenDescription], rows: Int) throws(TaperError) {
        let modelCount = spellings.count
        for item in json.array ?? [] {
            guard let id = item["id"]?.integer, id >= 0, id < 1 << 21,
                let token = AddedTokenDescription(json: item, place: place)
            else {
                throw TaperError(.badData, "an added token has no usable id or content", at: place)
            }
            guard id <= 4 * (modelCount + list.count) + 1024 else {
                throw TaperError(.badData, "the token ids leave too many gaps", at: place, found: String(id))
            }
            try add(token, id: id)
        }
        for token in more {
            // As transformers adds them: what is known keeps its id, the rest follows in order.
            let next = id(of: token.content) ?? max(list.map { $0.id + 1 }.max() ?? 0, modelCount)
            if let stated = token.id, stated != next {
                throw TaperError(
                    .badData, "the id of added token " + printable(token.content) + " does not fit tokenizer.json",
                    at: token.place, expected: String(next), found: String(stated),
                    remedy:
                        "Save the tokenizer again with the transformers library, so that tokenizer.json has all tokens")
            }
            if token.id == nil, next >= rows {
                warnings.append(
                    place + ": special token " + printable(token.content) + " of " + printable(token.place)
                        + " is in no vocabulary and has no row in the embedding: ignored")
                continue
            }
            try add(token, id: next)
        }
    }

    private mutating func add(_ token: AddedTokenDescription, id: Int) throws(TaperError) {
        let key = Self.key(token.content)
        if let known = idOf[key], known != id {
            throw TaperError(
                .badData, "an added token has another id than in the vocabulary", at: place,
                expected: String(known), found: printable(token.content) + ", " + String(id))
        }
        if let index = addedIndex[key] {
            guard list[index].id == id else {
                throw TaperError(.badData, "an added token is listed twice", at: place, found: printable(token.content))
            }
            // The later rules count.
            list[index].flags = token.flags
            return
        }
        if id < spellings.count, spellings[id] != nil, idOf[key] != id {
            throw TaperError(
                .badData, "an added token takes the id of another token", at: place, found: printable(token.content))
        }
        put(token.content, id)
        addedIndex[key] = list.count
        list.append((id, token.flags, token.content))
    }

    /// Special tokens first: where two match the same text, the library prefers them.
    func added(hasNormalizer: Bool) -> [AddedToken] {
        // Without a normalizer one pass finds what two would, unless both kinds of tokens are there.
        let isOnePass =
            !hasNormalizer
            && list.allSatisfy { $0.flags & AddedToken.normalized == list[0].flags & AddedToken.normalized }
        let tokens = list.map { item in
            AddedToken(
                id: item.id, flags: isOnePass ? item.flags & ~AddedToken.normalized : item.flags,
                content: Array(item.content.utf8))
        }
        return tokens.filter { $0.has(AddedToken.special) } + tokens.filter { !$0.has(AddedToken.special) }
    }

    /// Each merge is "left right" or a pair.
    func merges(_ json: JSONValue) throws(TaperError) -> [Tokenizer.Merge] {
        guard let list = json.array else { throw TaperError(.badData, "the merges are missing", at: place) }
        var merges: [Tokenizer.Merge] = []
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
            guard let left = modelID(of: pair[0]), let right = modelID(of: pair[1]),
                let result = modelID(of: pair[0] + pair[1])
            else {
                throw TaperError(
                    .badData, "a merge refers to a token that is not in the vocabulary", at: context,
                    found: printable(pair[0]) + " " + printable(pair[1]))
            }
            merges.append(
                Tokenizer.Merge(left: UInt32(left), right: UInt32(right), result: UInt32(result), rank: UInt32(rank)))
        }
        return merges
    }
}
