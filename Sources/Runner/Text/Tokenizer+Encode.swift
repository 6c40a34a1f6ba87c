public import Storage

extension Tokenizer {
    /// Token ids of a text, in time linear in its length (times a logarithm for very long words).
    ///
    /// - Parameters:
    ///   - addSpecial: put the tokenizer's own prefix and suffix around the text, such as a beginning-of-sequence token.
    ///   - parseSpecial: recognise special tokens written in the text; false for text that users wrote.
    /// - Throws: `badData` naming a character for which the vocabulary has no token, not even one for what is unknown.
    @inline(never)
    public func encode(
        _ text: String, addSpecial: Bool = true, parseSpecial: Bool = true
    ) throws(TaperError) -> [Int] {
        try encode(
            text, addSpecial: addSpecial, parseSpecial: parseSpecial, partSize: Settings.usualPartSize)
    }

    /// - Parameter partSize: bytes of the parts that are cut into words one after the other, at least: of the memory, no part of the
    ///   result.
    package func encode(
        _ text: String, addSpecial: Bool, parseSpecial: Bool, partSize: Int
    ) throws(TaperError) -> [Int] {
        var encoder = Encoder(
            tokenizer: self, ids: addSpecial ? settings.prefixTokens : [], partSize: partSize)
        for part in segments(Array(text.utf8), parseSpecial: parseSpecial) {
            switch part {
            case .token(let id): encoder.ids.append(id)
            case .text(let bytes, let isFirst): try encoder.append(bytes, isFirst: isFirst)
            }
        }
        if addSpecial { encoder.ids += settings.suffixTokens }
        return encoder.ids
    }
}

/// The way of one text through words to ids, with the memory it reuses.
private struct Encoder {
    let tokenizer: Tokenizer
    var ids: [Int]
    private let partSize: Int
    private var merger = BytePairMerger()
    private var symbols: [UInt32] = []

    init(tokenizer: Tokenizer, ids: [Int], partSize: Int) {
        self.tokenizer = tokenizer
        self.ids = ids
        self.partSize = partSize
    }

    /// Adds a stretch of normalized text between added tokens.
    /// - Parameter isFirst: it starts the whole text.
    mutating func append(_ bytes: [UInt8], isFirst: Bool) throws(TaperError) {
        if tokenizer.settings.preTokenizers.isEmpty {
            try append(word: bytes[...])
        } else {
            var start = 0
            for end in tokenizer.settings.partEnds(of: bytes, partSize: partSize) {
                // The classes of characters take many times the memory of the text.
                let text = ClassifiedText(start == 0 && end == bytes.count ? bytes : Array(bytes[start..<end]))
                try cut(text, 0..<text.scalars.count, isFirst: isFirst && start == 0, 0)
                start = end
            }
        }
    }

    /// Cuts scalars of a text by the steps from `level` on, and encodes the words.
    private mutating func cut(
        _ text: ClassifiedText, _ range: Range<Int>, isFirst: Bool, _ level: Int
    ) throws(TaperError) {
        if range.isEmpty { return }
        guard level < tokenizer.settings.preTokenizers.count else {
            return try append(word: text.bytes[text.offsets[range.lowerBound]..<text.offsets[range.upperBound]])
        }
        switch tokenizer.settings.preTokenizers[level] {
        case .splitter(let splitter):
            var at = range.lowerBound
            while at < range.upperBound {
                let next = text.end(splitter, from: at, range.upperBound)
                try cut(text, at..<next, isFirst: isFirst && at == range.lowerBound, level + 1)
                at = next
            }
        case .match(let pattern, let behavior, let inverted):
            for piece in text.pieces(pattern, behavior, inverted: inverted, range) {
                try cut(text, piece, isFirst: isFirst && piece.lowerBound == range.lowerBound, level + 1)
            }
        case .metaspace(let prefix):
            let mark: [UInt8] = Mark.bytes
            let raw = text.bytes[text.offsets[range.lowerBound]..<text.offsets[range.upperBound]]
            var bytes: [UInt8] = []
            bytes.reserveCapacity(raw.count + 3)
            let isWanted = prefix == .always || prefix == .first && isFirst
            if isWanted && raw.first != 0x20 && !raw.starts(with: mark) { bytes += mark }
            for byte in raw { if byte == 0x20 { bytes += mark } else { bytes.append(byte) } }
            try again(bytes, isFirst: isFirst, level)
        case .prefixSpace:
            let raw = text.bytes[text.offsets[range.lowerBound]..<text.offsets[range.upperBound]]
            if raw.first == 0x20 {
                try cut(text, range, isFirst: isFirst, level + 1)
            } else {
                try again(Mark.space + raw, isFirst: isFirst, level)
            }
        }
    }

    /// Goes on after a step that changed the text.
    private mutating func again(_ bytes: [UInt8], isFirst: Bool, _ level: Int) throws(TaperError) {
        guard level + 1 < tokenizer.settings.preTokenizers.count else { return try append(word: bytes[...]) }
        let changed = ClassifiedText(bytes)
        try cut(changed, 0..<changed.scalars.count, isFirst: isFirst, level + 1)
    }

    private mutating func append(word: ArraySlice<UInt8>) throws(TaperError) {
        let settings = tokenizer.settings
        if settings.kind == .unigram { return try tokenizer.appendBest(word, to: &ids) }
        if settings.ignoresMerges, let whole = word.withUnsafeBufferPointer({ tokenizer.find($0) }) {
            ids.append(whole)
            return
        }
        symbols.removeAll(keepingCapacity: true)
        var unknown = PendingUnknown(tokenizer: tokenizer)
        switch settings.kind {
        case .byteLevel:
            for index in word.indices {
                let token = tokenizer.byteTokens[Int(word[index])]
                if token >= 0 {
                    unknown.flush(into: &symbols)
                    symbols.append(UInt32(token))
                } else {
                    try unknown.add(word[index...index], in: word, into: &symbols)
                }
            }
        default: try characters(of: word, &unknown)
        }
        unknown.flush(into: &symbols)
        merger.merge(&symbols, with: tokenizer)
        for symbol in symbols { ids.append(Int(symbol)) }
    }

    /// One symbol per character, byte tokens for characters the vocabulary lacks, or the unknown token.
    private mutating func characters(
        of word: ArraySlice<UInt8>, _ unknown: inout PendingUnknown
    ) throws(TaperError) {
        var at = word.startIndex
        while at < word.endIndex {
            let end = min(at + characterWidth(word[at]), word.endIndex)
            let character = word[at..<end]
            if let id = character.withUnsafeBufferPointer({ tokenizer.find($0) }) {
                unknown.flush(into: &symbols)
                symbols.append(UInt32(id))
            } else if character.allSatisfy({ tokenizer.byteTokens[Int($0)] >= 0 }) {
                for byte in character { symbols.append(UInt32(tokenizer.byteTokens[Int(byte)])) }
            } else {
                try unknown.add(character, in: word, into: &symbols)
            }
            at = end
        }
    }
}

/// Bytes of the UTF-8 character that starts with this byte.
func characterWidth(_ lead: UInt8) -> Int { lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4 }

/// Unknown tokens of a word, written late: as in the `tokenizers` library, byte tokens that follow come before them.
private struct PendingUnknown {
    let tokenizer: Tokenizer
    private var isPending = false

    init(tokenizer: Tokenizer) { self.tokenizer = tokenizer }

    mutating func add(
        _ part: ArraySlice<UInt8>, in word: ArraySlice<UInt8>, into symbols: inout [UInt32]
    ) throws(TaperError) {
        guard tokenizer.settings.unknown != nil else { throw Tokenizer.missing(part, in: word) }
        if isPending && !tokenizer.settings.fusesUnknown { flush(into: &symbols) }
        isPending = true
    }

    mutating func flush(into symbols: inout [UInt32]) {
        if isPending, let unknown = tokenizer.settings.unknown { symbols.append(UInt32(unknown)) }
        isPending = false
    }
}

extension Tokenizer {
    /// The error for text that no token stands for.
    static func missing(_ part: ArraySlice<UInt8>, in word: ArraySlice<UInt8>) -> TaperError {
        // A byte is named with the character it belongs to.
        var start = part.startIndex
        while start > word.startIndex && word[start] & 0xc0 == 0x80 { start -= 1 }
        let end = min(max(start + characterWidth(word[start]), part.endIndex), word.endIndex)
        let character = String(decoding: word[start..<end], as: UTF8.self)
        let value = character.unicodeScalars.first.map { $0.value } ?? 0
        return TaperError(
            .badData, "the tokenizer has no token for a character of the text", at: "",
            found: "U+" + hexadecimal(value) + " '" + printable(character) + "'",
            remedy: "Leave the character out: the model never saw it")
    }

    private static func hexadecimal(_ value: UInt32) -> String {
        let digits = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
    }
}
