import Storage

/// Text to token ids and back: byte-level BPE (GPT-2, Llama 3, Qwen2, SmolLM) or SentencePiece-style BPE with byte
/// fallback (Llama 2). Immutable after init.
public final class Tokenizer: @unchecked Sendable {
    enum Kind: UInt8 {
        /// Tokens are byte strings; every byte has a token.
        case byteLevel = 0
        /// Tokens are text with U+2581 for spaces; unknown characters fall back to byte tokens or to the unknown token.
        case sentencePiece = 1
    }

    enum TokenFlag {
        static let special: UInt8 = 1
        /// Matched in the text before any splitting.
        static let added: UInt8 = 2
        /// Stands for one byte, `<0xNN>`.
        static let byte: UInt8 = 4
        static let stripLeft: UInt8 = 8
        static let stripRight: UInt8 = 16
    }

    /// How spaces at the start of text are treated by SentencePiece-style tokenizers.
    enum Prefix: UInt8 {
        case never = 0
        /// A space is put before every stretch of text between added tokens.
        case always = 1
        /// Only before the first stretch, and not where the text starts with a space already.
        case first = 2
        /// Before every stretch that does not start with a space already.
        case unlessSpace = 3
    }

    struct Settings: Equatable {
        var kind = Kind.byteLevel
        var splitters: [Splitter] = []
        var normalizesNFC = false
        var prefix = Prefix.never
        /// A word that is a token is taken whole, whatever the merges say.
        var ignoresMerges = false
        var fusesUnknown = false
        var stripsLeadingSpace = false
        var bos: Int?
        var eos: Int?
        var unknown: Int?
        /// Ids that `addSpecial` puts around the text.
        var prefixTokens: [Int] = []
        var suffixTokens: [Int] = []
    }

    struct Merge: Equatable {
        var left: UInt32
        var right: UInt32
        var result: UInt32
        /// Lower merges first.
        var rank: UInt32
    }

    let settings: Settings
    /// Bytes of token i at blob[offsets[i] ..< offsets[i + 1]].
    let offsets: [UInt32]
    let blob: [UInt8]
    let flags: [UInt8]
    let merges: [Merge]
    /// Open addressing, linear probing; slots hold index + 1, zero is empty.
    private let tokenSlots: [UInt32]
    private let mergeSlots: [UInt32]
    /// Token of every single byte, -1 where there is none.
    let byteTokens: [Int32]
    /// Added tokens by first byte, longest first.
    let addedByFirstByte: [[Int]]

    convenience init(
        settings: Settings, tokens: [[UInt8]], flags: [UInt8], merges: [Merge], place: String
    ) throws(TaperError) {
        var offsets: [UInt32] = [0]
        offsets.reserveCapacity(tokens.count + 1)
        var blob: [UInt8] = []
        for token in tokens {
            blob.append(contentsOf: token)
            guard let end = UInt32(exactly: blob.count) else {
                throw TaperError(.badData, "the vocabulary exceeds 4 GB", at: place)
            }
            offsets.append(end)
        }
        try self.init(settings: settings, offsets: offsets, blob: blob, flags: flags, merges: merges, place: place)
    }

    init(
        settings: Settings, offsets: [UInt32], blob: [UInt8], flags: [UInt8], merges: [Merge], place: String
    ) throws(TaperError) {
        let count = flags.count
        guard count > 0, count <= 1 << 21, offsets.count == count + 1 else {
            throw TaperError(.badData, "impossible size of the vocabulary", at: place, found: String(count))
        }
        // What the compact form can hold; real tokenizers stay far below.
        guard merges.count <= 1 << 23, settings.splitters.count <= 16, settings.prefixTokens.count <= 255,
            settings.suffixTokens.count <= 255
        else {
            throw TaperError(.unsupported, "too many merges, pre-tokenizers or special tokens", at: place)
        }
        for id in 0..<count where Int(offsets[id + 1]) - Int(offsets[id]) > 65535 {
            throw TaperError(.unsupported, "token " + String(id) + " exceeds 65535 bytes", at: place)
        }
        for token in settings.prefixTokens + settings.suffixTokens
            + [settings.bos, settings.eos, settings.unknown].compactMap({ $0 })
        where token < 0 || token >= count {
            throw TaperError(.badData, "a special token lies outside the vocabulary", at: place, found: String(token))
        }
        self.settings = settings
        self.offsets = offsets
        self.blob = blob
        self.flags = flags
        self.merges = merges

        // Earlier tokens win over later ones with the same bytes; added tokens are found by their own table.
        var slots = [UInt32](repeating: 0, count: Tokenizer.slotCount(count))
        var bytes = [Int32](repeating: -1, count: 256)
        var added = [[Int]](repeating: [], count: 256)
        blob.withUnsafeBufferPointer { blob in
            for id in 0..<count {
                let range = Int(offsets[id])..<Int(offsets[id + 1])
                let token = UnsafeBufferPointer(rebasing: blob[range])
                if flags[id] & TokenFlag.added != 0, let first = token.first { added[Int(first)].append(id) }
                if flags[id] & TokenFlag.byte != 0 {
                    if let value = Tokenizer.byteValue(token) { bytes[Int(value)] = Int32(id) }
                }
                if token.isEmpty { continue }
                var slot = Int(truncatingIfNeeded: Tokenizer.hash(token)) & (slots.count - 1)
                var isNew = true
                while slots[slot] != 0 {
                    let other = Int(slots[slot]) - 1
                    if blob[Int(offsets[other])..<Int(offsets[other + 1])].elementsEqual(token) { isNew = false; break }
                    slot = (slot + 1) & (slots.count - 1)
                }
                if isNew {
                    slots[slot] = UInt32(id + 1)
                    if settings.kind == .byteLevel, token.count == 1, flags[id] & TokenFlag.added == 0 {
                        bytes[Int(token[0])] = Int32(id)
                    }
                }
            }
        }
        for index in added.indices {
            added[index].sort { offsets[$0 + 1] - offsets[$0] > offsets[$1 + 1] - offsets[$1] }
        }
        tokenSlots = slots
        byteTokens = bytes
        addedByFirstByte = added

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

    /// Id of the token with exactly these bytes.
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
    /// Does encoding with `addSpecial` put a beginning-of-sequence token first?
    public var addsBos: Bool { settings.bos != nil && settings.prefixTokens.first == settings.bos }

    public func isSpecial(_ id: Int) -> Bool { flags.indices.contains(id) && flags[id] & TokenFlag.special != 0 }

    /// Id of an added or ordinary token by its text; nil when there is none.
    public func id(ofToken text: String) -> Int? {
        let bytes = Array(text.utf8)
        return bytes.withUnsafeBufferPointer { find($0) }
    }

    /// The bytes a token stands for in text: U+2581 is a space, `<0xNN>` one byte. Unknown ids stand for nothing.
    public func bytes(of id: Int) -> [UInt8] {
        guard flags.indices.contains(id) else { return [] }
        let raw = Array(blob[Int(offsets[id])..<Int(offsets[id + 1])])
        guard settings.kind == .sentencePiece else { return raw }
        if flags[id] & TokenFlag.byte != 0, let value = raw.withUnsafeBufferPointer({ Tokenizer.byteValue($0) }) {
            return [value]
        }
        if flags[id] & TokenFlag.added != 0 { return raw }
        return Tokenizer.spaced(raw)
    }

    /// The token as the vocabulary writes it, for display.
    public func piece(of id: Int) -> String {
        guard flags.indices.contains(id) else { return "" }
        return String(decoding: blob[Int(offsets[id])..<Int(offsets[id + 1])], as: UTF8.self)
    }

    /// U+2581 (E2 96 81) to spaces.
    private static func spaced(_ raw: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        var index = 0
        while index < raw.count {
            if raw[index] == 0xe2, index + 2 < raw.count, raw[index + 1] == 0x96, raw[index + 2] == 0x81 {
                out.append(0x20)
                index += 3
            } else {
                out.append(raw[index])
                index += 1
            }
        }
        return out
    }

    /// Text of a sequence of ids; bytes that are not UTF-8 become U+FFFD.
    public func decode(_ ids: [Int], skipSpecial: Bool = false) -> String {
        var bytes: [UInt8] = []
        var fallback: [UInt8] = []
        // Byte tokens count as text only when a whole run of them is UTF-8.
        func flush() {
            if fallback.isEmpty { return }
            let isText = fallback.withUnsafeBytes { strictString($0) } != nil
            if isText { bytes += fallback } else { for _ in fallback { bytes += [0xef, 0xbf, 0xbd] } }
            fallback = []
        }
        for id in ids {
            if skipSpecial && isSpecial(id) { continue }
            if settings.kind == .sentencePiece, flags.indices.contains(id), flags[id] & TokenFlag.byte != 0 {
                fallback += self.bytes(of: id)
            } else {
                flush()
                bytes += self.bytes(of: id)
            }
        }
        flush()
        if settings.stripsLeadingSpace, bytes.first == 0x20 { bytes.removeFirst() }
        return String(decoding: bytes, as: UTF8.self)
    }
}
