import Storage

/// The settings of version 1 of the tokenizer section, which holds the common kinds of BPE.
struct FirstTokenizerVersion {
    /// A space before the text, as version 1 numbers it.
    enum Prefix: UInt8 {
        case never = 0
        case always = 1
        case first = 2
        case unlessSpace = 3
    }

    var prefix = Prefix.never
    var normalizes = false
    var stripsLeadingSpace = false
    var splitters: [Splitter] = []
    /// With the flags that version 1 writes.
    var flags: [UInt8] = []

    static var spaceToMark: NormalizerStep { .replace(Mark.space, Mark.bytes) }
    static func decoders(stripsLeadingSpace: Bool) -> [DecoderStep] {
        let common: [DecoderStep] = [.replace(Mark.bytes, Mark.space), .byteFallback, .fuse]
        return stripsLeadingSpace ? common + [.strip(Mark.space, start: 1, stop: 0)] : common
    }

    /// Nil for a tokenizer that version 1 cannot hold.
    init?(_ tokenizer: Tokenizer) {
        let settings = tokenizer.settings
        var normalizers = settings.normalizers[...]
        var steps = settings.preTokenizers[...]
        if normalizers.first == .compose {
            normalizes = true
            normalizers = normalizers.dropFirst()
        }
        switch settings.kind {
        case .byteLevel:
            guard normalizers.isEmpty, settings.decoders == [.bytes] else { return nil }
        case .sentencePiece:
            if normalizers.elementsEqual([.prepend(Mark.bytes), Self.spaceToMark]) {
                prefix = .always
            } else if normalizers.isEmpty, case .metaspace(let rule) = steps.first {
                prefix = rule == .never ? .never : rule == .first ? .first : .unlessSpace
                steps = steps.dropFirst()
            } else if !normalizers.elementsEqual([Self.spaceToMark]) {
                return nil
            }
            if settings.decoders == Self.decoders(stripsLeadingSpace: true) {
                stripsLeadingSpace = true
            } else if settings.decoders != Self.decoders(stripsLeadingSpace: false) {
                return nil
            }
        case .unigram: return nil
        }
        for step in steps {
            guard case .splitter(let splitter) = step else { return nil }
            splitters.append(splitter)
        }
        guard matchesAdded(tokenizer) else { return nil }
    }

    /// Version 1 has no table of added tokens: they are matched by their bytes in the text as it is, once each.
    private mutating func matchesAdded(_ tokenizer: Tokenizer) -> Bool {
        flags = tokenizer.flags
        var isListed = [Bool](repeating: false, count: flags.count)
        for token in tokenizer.added {
            if isListed[token.id] || token.has(AddedToken.normalized | AddedToken.singleWord) { return false }
            isListed[token.id] = true
            guard tokenizer.spelling(of: token.id) == token.content,
                token.flags == Self.addedFlags(flags[token.id])
            else { return false }
        }
        for id in flags.indices where (flags[id] & Tokenizer.TokenFlag.added != 0) != isListed[id] { return false }
        guard tokenizer.settings.kind == .sentencePiece else {
            // Merges name tokens by id: only bytes and whole words are looked up by what they spell.
            if tokenizer.settings.ignoresMerges { return true }
            for token in tokenizer.added where token.content.count > 1 {
                flags[token.id] &= ~Tokenizer.TokenFlag.vocabulary
            }
            return true
        }
        // To version 1 every added token of this kind is in the vocabulary.
        if tokenizer.settings.ignoresMerges && !tokenizer.added.isEmpty { return false }
        for token in tokenizer.added where flags[token.id] & Tokenizer.TokenFlag.vocabulary == 0 {
            if token.content.count <= characterWidth(token.content[0]) { return false }
        }
        for id in flags.indices { flags[id] &= ~Tokenizer.TokenFlag.vocabulary }
        return true
    }

    /// Flags of an added token by those of version 1.
    static func addedFlags(_ flags: UInt8) -> UInt8 {
        var result: UInt8 = 0
        if flags & Tokenizer.TokenFlag.special != 0 { result |= AddedToken.special }
        if flags & Tokenizer.TokenFlag.stripLeft != 0 { result |= AddedToken.stripLeft }
        if flags & Tokenizer.TokenFlag.stripRight != 0 { result |= AddedToken.stripRight }
        return result
    }
}

extension Tokenizer {
    func compact(_ first: FirstTokenizerVersion) -> [UInt8] {
        var writer = ByteWriter()
        writer.u32(Tokenizer.compactMagic)
        writer.u32(1)
        writer.u8(settings.kind.rawValue)
        writer.u8(first.prefix.rawValue)
        var bits: UInt8 = first.normalizes ? 1 : 0
        if settings.ignoresMerges { bits |= 2 }
        if settings.fusesUnknown { bits |= 4 }
        if first.stripsLeadingSpace { bits |= 8 }
        writer.u8(bits)
        writer.u8(UInt8(first.splitters.count))
        for splitter in first.splitters { writer.u8(splitter.rawValue) }
        writeSpecial(to: &writer)
        writer.u32(UInt32(flags.count))
        writer.u32(UInt32(merges.count))
        writeTokens(to: &writer, flags: first.flags)
        writeMerges(to: &writer)
        return writer.bytes
    }
}

extension Tokenizer.Parts {
    /// What follows the version number of version 1.
    init(first reader: inout ByteReader) throws(TaperError) {
        let kind = Tokenizer.Kind(rawValue: try reader.u8("kind"))
        let prefix = FirstTokenizerVersion.Prefix(rawValue: try reader.u8("prefix"))
        guard let kind, let prefix, kind != .unigram else { throw reader.failure("unknown kind or prefix") }
        settings.kind = kind
        let bits = try reader.u8("flags")
        guard bits < 16 else { throw reader.failure("unknown flags") }
        settings.ignoresMerges = bits & 2 != 0
        settings.fusesUnknown = bits & 4 != 0
        if bits & 1 != 0 { settings.normalizers.append(.compose) }
        if kind == .sentencePiece {
            switch prefix {
            case .always:
                settings.normalizers += [.prepend(Mark.bytes), FirstTokenizerVersion.spaceToMark]
            case .never: settings.normalizers.append(FirstTokenizerVersion.spaceToMark)
            case .first: settings.preTokenizers.append(.metaspace(.first))
            case .unlessSpace: settings.preTokenizers.append(.metaspace(.always))
            }
            settings.decoders = FirstTokenizerVersion.decoders(stripsLeadingSpace: bits & 8 != 0)
        }
        for _ in 0..<Int(try reader.u8("splitter count")) {
            guard let splitter = Splitter(rawValue: try reader.u8("splitter")) else {
                throw reader.failure("unknown splitter")
            }
            settings.preTokenizers.append(.splitter(splitter))
        }
        try readSpecial(&reader)
        let counts = try readCounts(&reader)
        try readTokens(&reader, count: counts.tokens)
        try readMerges(&reader, count: counts.merges)
        for id in flags.indices where flags[id] & Tokenizer.TokenFlag.added != 0 {
            let content = Array(blob[Int(offsets[id])..<Int(offsets[id + 1])])
            if content.isEmpty { continue }
            added.append(
                AddedToken(id: id, flags: FirstTokenizerVersion.addedFlags(flags[id]), content: content))
            if kind == .sentencePiece { flags[id] |= Tokenizer.TokenFlag.vocabulary }
        }
    }
}
