import Storage

/// Text to token ids and back: byte-level BPE (GPT-2, Llama 3, Qwen2, SmolLM), BPE of characters with byte fallback (Llama 2), or a
/// unigram language model of pieces (Kudo 2018). Immutable after init.
public final class Tokenizer: @unchecked Sendable {
    enum Kind: UInt8 {
        /// Tokens are byte strings; merges start from bytes.
        case byteLevel = 0
        /// Tokens are text, mostly with U+2581 for spaces; merges start from characters. Unknown characters fall back to byte
        /// tokens or to the unknown token.
        case sentencePiece = 1
        /// Tokens are text with scores; a word becomes the pieces with the best sum.
        case unigram = 2
    }

    enum TokenFlag {
        static let special: UInt8 = 1
        /// Matched in the text before any splitting.
        static let added: UInt8 = 2
        /// Stands for one byte, `<0xNN>`.
        static let byte: UInt8 = 4
        static let stripLeft: UInt8 = 8
        static let stripRight: UInt8 = 16
        /// An added token that is in the model's vocabulary too, so that text gives it where it is not matched.
        static let vocabulary: UInt8 = 32
    }

    struct Settings: Equatable {
        var kind = Kind.byteLevel
        /// Applied to the text between added tokens, in order.
        var normalizers: [NormalizerStep] = []
        /// Cut the normalized text into words, in order.
        var preTokenizers: [PreTokenizerStep] = []
        /// Turn tokens into text, in order.
        var decoders: [DecoderStep] = [.bytes]
        /// A word that is a token is taken whole, whatever the merges say.
        var ignoresMerges = false
        var fusesUnknown = false
        var bos: Int?
        var eos: Int?
        var unknown: Int?
        /// Ids that `addSpecial` puts around the text.
        var prefixTokens: [Int] = []
        var suffixTokens: [Int] = []
    }

    /// Everything a tokenizer is made of.
    struct Parts {
        var settings = Settings()
        /// Bytes of token i at blob[offsets[i] ..< offsets[i + 1]].
        var offsets: [UInt32] = [0]
        var blob: [UInt8] = []
        var flags: [UInt8] = []
        var merges: [Merge] = []
        /// One per token of a unigram model, else none.
        var scores: [Double] = []
        /// Special ones first: of two that match the same text the first counts.
        var added: [AddedToken] = []

        /// - Throws: `badData` when the vocabulary exceeds 4 GB.
        mutating func setTokens(_ tokens: [[UInt8]], place: String) throws(TaperError) {
            offsets.reserveCapacity(tokens.count + 1)
            for token in tokens {
                blob.append(contentsOf: token)
                guard let end = UInt32(exactly: blob.count) else {
                    throw TaperError(.badData, "the vocabulary exceeds 4 GB", at: place)
                }
                offsets.append(end)
            }
        }
    }

    struct Merge: Equatable {
        var left: UInt32
        var right: UInt32
        var result: UInt32
        /// Lower merges first.
        var rank: UInt32
    }

    /// What reading the tokenizer's file left out, for people.
    public internal(set) var warnings: [String] = []
    let settings: Settings
    /// Bytes of token i at blob[offsets[i] ..< offsets[i + 1]]: bytes of text for byte-level tokenizers, else its spelling.
    let offsets: [UInt32]
    let blob: [UInt8]
    let flags: [UInt8]
    let merges: [Merge]
    /// Score of each token of a unigram model.
    let scores: [Double]
    let added: [AddedToken]
    /// Open addressing, linear probing; slots hold index + 1, zero is empty.
    private let tokenSlots: [UInt32]
    private let mergeSlots: [UInt32]
    /// Token of every single byte, -1 where there is none.
    let byteTokens: [Int32]
    /// Indices of `added` by what is matched in the text as it is.
    let rawMatches: TokenTrie
    /// Indices of `added` by what is matched in normalized text.
    let normalizedMatches: TokenTrie
    /// What tokens are decoded to that are added as normalized and have another spelling in the model's vocabulary.
    private let normalizedSpellings: [Int: [UInt8]]
    /// Ids of a unigram model by their spelling.
    let pieces: TokenTrie
    /// Score of an unknown character in a unigram model.
    let unknownScore: Double

    init(_ parts: Parts, place: String) throws(TaperError) {
        let count = parts.flags.count
        let (settings, offsets, blob, flags, merges) = (
            parts.settings, parts.offsets, parts.blob, parts.flags, parts.merges
        )
        guard count > 0, count <= 1 << 21, offsets.count == count + 1 else {
            throw TaperError(.badData, "impossible size of the vocabulary", at: place, found: String(count))
        }
        // What the compact form can hold; real tokenizers stay far below.
        guard merges.count <= 1 << 23, settings.preTokenizers.count <= 16, settings.normalizers.count <= 16,
            settings.decoders.count <= 16, settings.prefixTokens.count <= 255, settings.suffixTokens.count <= 255
        else {
            throw TaperError(
                .unsupported, "too many merges, normalizers, pre-tokenizers, decoders or special tokens", at: place)
        }
        for id in 0..<count where Int(offsets[id + 1]) - Int(offsets[id]) > 65535 {
            throw TaperError(.unsupported, "token " + String(id) + " exceeds 65535 bytes", at: place)
        }
        for token in settings.prefixTokens + settings.suffixTokens
            + [settings.bos, settings.eos, settings.unknown].compactMap({ $0 }) + parts.added.map({ $0.id })
        where token < 0 || token >= count {
            throw TaperError(.badData, "a special token lies outside the vocabulary", at: place, found: String(token))
        }
        // Text is cut around them, and what is left between them must still be text.
        for token in parts.added where String(validating: token.content, as: UTF8.self) == nil {
            throw TaperError(
                .badData, "an added token is not UTF-8", at: place, found: "token " + String(token.id))
        }
        guard settings.kind == .unigram ? parts.scores.count == count && merges.isEmpty : parts.scores.isEmpty else {
            throw TaperError(.badData, "scores and merges do not fit the kind of tokenizer", at: place)
        }
        self.settings = settings
        self.offsets = offsets
        self.blob = blob
        self.flags = flags
        self.merges = merges
        scores = parts.scores
        added = parts.added

        var raw = TokenTrie()
        var normalized = TokenTrie()
        var spellings: [Int: [UInt8]] = [:]
        for (index, token) in parts.added.enumerated() {
            if token.has(AddedToken.normalized) {
                let pattern = settings.normalizers.reduce(token.content) { $1.apply(to: $0) }
                pattern.withUnsafeBufferPointer { normalized.insert($0, index, replacing: false) }
                if settings.kind != .byteLevel, Tokenizer.isVocabulary(flags[token.id]), pattern != token.content {
                    spellings[token.id] = pattern
                }
            } else {
                token.content.withUnsafeBufferPointer { raw.insert($0, index, replacing: false) }
            }
        }
        rawMatches = raw
        normalizedMatches = normalized
        normalizedSpellings = spellings

        // Earlier tokens win over later ones with the same bytes; added tokens are found by their own table.
        var slots = [UInt32](repeating: 0, count: Tokenizer.slotCount(settings.kind == .unigram ? 0 : count))
        var bytes = [Int32](repeating: -1, count: 256)
        var trie = TokenTrie(byteCount: settings.kind == .unigram ? blob.count : 0)
        var lowest = Double.infinity
        blob.withUnsafeBufferPointer { blob in
            for id in 0..<count {
                let range = Int(offsets[id])..<Int(offsets[id + 1])
                let token = UnsafeBufferPointer(rebasing: blob[range])
                if flags[id] & TokenFlag.byte != 0, settings.kind != .byteLevel {
                    if let value = Tokenizer.byteValue(token) { bytes[Int(value)] = Int32(id) }
                }
                if token.isEmpty || !Tokenizer.isVocabulary(flags[id]) { continue }
                if settings.kind == .unigram {
                    trie.insert(token, id, replacing: true)
                    lowest = min(lowest, parts.scores[id])
                    continue
                }
                var slot = Int(truncatingIfNeeded: Tokenizer.hash(token)) & (slots.count - 1)
                var isNew = true
                while slots[slot] != 0 {
                    let other = Int(slots[slot]) - 1
                    if UnsafeBufferPointer(rebasing: blob[Int(offsets[other])..<Int(offsets[other + 1])])
                        .elementsEqual(token)
                    {
                        isNew = false
                        break
                    }
                    slot = (slot + 1) & (slots.count - 1)
                }
                if isNew { slots[slot] = UInt32(id + 1) }
                if settings.kind == .byteLevel, token.count == 1, bytes[Int(token[0])] < 0 {
                    bytes[Int(token[0])] = Int32(id)
                }
            }
        }
        tokenSlots = slots
        byteTokens = bytes
        pieces = trie
        // Ten below the worst piece, as SentencePiece has it.
        unknownScore = lowest - 10

        var pairs = [UInt32](repeating: 0, count: Tokenizer.slotCount(merges.count))
        for (index, merge) in merges.enumerated() {
            guard merge.left < count, merge.right < count, merge.result < count else {
                throw TaperError(
                    .badData, "a merge refers to a token outside the vocabulary", at: place,
                    found: "merge " + String(index))
            }
            var slot = Tokenizer.pairSlot(merge.left, merge.right, pairs.count)
            var isNew = true
            while pairs[slot] != 0 {
                let other = merges[Int(pairs[slot]) - 1]
                if other.left == merge.left && other.right == merge.right { isNew = false; break }
                slot = (slot + 1) & (pairs.count - 1)
            }
            if isNew { pairs[slot] = UInt32(index + 1) }
        }
        mergeSlots = pairs
    }

    /// Does text give a token with these flags through the model, not only by matching?
    static func isVocabulary(_ flags: UInt8) -> Bool {
        flags & (TokenFlag.added | TokenFlag.vocabulary) != TokenFlag.added
    }

    /// A power of two that leaves half the slots empty.
    private static func slotCount(_ count: Int) -> Int {
        var size = 16
        while size < count * 2 { size *= 2 }
        return size
    }

    private static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 { checksum(UnsafeRawBufferPointer(bytes)) }

    private static func pairSlot(_ left: UInt32, _ right: UInt32, _ count: Int) -> Int {
        var key = UInt64(left) << 32 | UInt64(right)
        key = (key ^ key >> 29) &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: key >> 20) & (count - 1)
    }

    /// The value of "<0xNN>".
    static func byteValue(_ token: UnsafeBufferPointer<UInt8>) -> UInt8? {
        guard token.count == 6, token[0] == 0x3c, token[1] == 0x30, token[2] == 0x78, token[5] == 0x3e else {
            return nil
        }
        func digit(_ byte: UInt8) -> UInt8? {
            switch byte {
            case 0x30...0x39: byte - 0x30
            case 0x41...0x46: byte - 0x37
            case 0x61...0x66: byte - 0x57
            default: nil
            }
        }
        guard let high = digit(token[3]), let low = digit(token[4]) else { return nil }
        return high << 4 | low
    }

    /// Id of the token of the model's vocabulary with exactly these bytes.
    func find(_ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        if bytes.isEmpty { return nil }
        var slot = Int(truncatingIfNeeded: Tokenizer.hash(bytes)) & (tokenSlots.count - 1)
        while tokenSlots[slot] != 0 {
            let id = Int(tokenSlots[slot]) - 1
            let start = Int(offsets[id])
            if Int(offsets[id + 1]) - start == bytes.count {
                var index = 0
                while index < bytes.count && blob[start + index] == bytes[index] { index += 1 }
                if index == bytes.count { return id }
            }
            slot = (slot + 1) & (tokenSlots.count - 1)
        }
        return nil
    }

    /// The merge of two neighbours, if there is one.
    func merge(_ left: UInt32, _ right: UInt32) -> Merge? {
        var slot = Tokenizer.pairSlot(left, right, mergeSlots.count)
        while mergeSlots[slot] != 0 {
            let candidate = merges[Int(mergeSlots[slot]) - 1]
            if candidate.left == left && candidate.right == right { return candidate }
            slot = (slot + 1) & (mergeSlots.count - 1)
        }
        return nil
    }

    public var vocabularySize: Int { flags.count }
    public var bosToken: Int? { settings.bos }
    public var eosToken: Int? { settings.eos }
    /// Ids that encoding with `addSpecial` puts before a text; often a beginning-of-sequence token. A model whose tokenizer has
    /// them knows no text without.
    public var startTokens: [Int] { settings.prefixTokens }
    /// Does encoding with `addSpecial` put a beginning-of-sequence token first?
    public var addsBos: Bool { settings.bos != nil && settings.prefixTokens.first == settings.bos }

    public func isSpecial(_ id: Int) -> Bool { flags.indices.contains(id) && flags[id] & TokenFlag.special != 0 }

    /// Is this special token also how the vocabulary spells a byte? Then it is text like any other.
    func standsForByte(_ id: Int) -> Bool {
        if settings.kind != .byteLevel { return flags.indices.contains(id) && flags[id] & TokenFlag.byte != 0 }
        let bytes = bytes(of: id)
        return bytes.count == 1 && byteTokens[Int(bytes[0])] == Int32(id)
    }

    /// Id of an added or ordinary token by its text; nil when there is none.
    public func id(ofToken text: String) -> Int? {
        let bytes = Array(text.utf8)
        if let token = added.first(where: { $0.content == bytes }) { return token.id }
        if let index = normalizedMatches.value(of: bytes[...]) { return added[index].id }
        if settings.kind == .unigram { return pieces.value(of: bytes[...]) }
        return bytes.withUnsafeBufferPointer { find($0) }
    }

    /// A token as decoders see it; nil for ids that the vocabulary leaves out.
    func spelling(of id: Int) -> [UInt8]? {
        guard flags.indices.contains(id), offsets[id + 1] > offsets[id] else { return nil }
        if !normalizedSpellings.isEmpty, let spelling = normalizedSpellings[id] { return spelling }
        return Array(blob[Int(offsets[id])..<Int(offsets[id + 1])])
    }

    /// The bytes a token stands for in text: U+2581 is a space, `<0xNN>` one byte. Unknown ids stand for nothing.
    public func bytes(of id: Int) -> [UInt8] {
        guard let raw = spelling(of: id) else { return [] }
        if settings.kind == .byteLevel { return raw }
        if flags[id] & TokenFlag.byte != 0, let value = raw.withUnsafeBufferPointer({ Tokenizer.byteValue($0) }) {
            return [value]
        }
        if flags[id] & TokenFlag.added != 0 { return raw }
        return NormalizerStep.replaced(raw, Mark.bytes, Mark.space)
    }

    /// The token as the vocabulary writes it, for display.
    public func piece(of id: Int) -> String { String(decoding: spelling(of: id) ?? [], as: UTF8.self) }

    /// Text of a sequence of ids; bytes that are not UTF-8 become U+FFFD.
    public func decode(_ ids: [Int], skipSpecial: Bool = false) -> String {
        var decoder = TokenDecoder(settings.decoders, atStart: true)
        for id in ids where !skipSpecial || !isSpecial(id) || standsForByte(id) {
            if let spelling = spelling(of: id) { decoder.feed(spelling) }
        }
        decoder.finish()
        return decoder.take()
    }
}
