import Storage

// Version 2 of the tokenizer section: any sequence of the steps that Taper knows, and added tokens with all their rules.
extension Tokenizer {
    func compactSecond() -> [UInt8] {
        var writer = ByteWriter()
        writer.u32(Tokenizer.compactMagic)
        writer.u32(2)
        writer.u8(settings.kind.rawValue)
        writer.u8((settings.ignoresMerges ? 1 : 0) | (settings.fusesUnknown ? 2 : 0))
        writer.u8(UInt8(settings.normalizers.count))
        for step in settings.normalizers { step.write(to: &writer) }
        writer.u8(UInt8(settings.preTokenizers.count))
        for step in settings.preTokenizers { step.write(to: &writer) }
        writer.u8(UInt8(settings.decoders.count))
        for step in settings.decoders { step.write(to: &writer) }
        writeSpecial(to: &writer)
        writer.u32(UInt32(flags.count))
        writer.u32(UInt32(merges.count))
        writer.u32(UInt32(added.count))
        writeTokens(to: &writer, flags: flags)
        for score in scores { writer.u64(score.bitPattern) }
        writeMerges(to: &writer)
        for token in added {
            writer.u32(UInt32(token.id))
            writer.u8(token.flags)
            writer.counted(token.content)
        }
        return writer.bytes
    }
}

extension Tokenizer.Parts {
    /// What follows the version number of version 2.
    init(second reader: inout ByteReader) throws(TaperError) {
        guard let kind = Tokenizer.Kind(rawValue: try reader.u8("kind")) else { throw reader.failure("unknown kind") }
        settings.kind = kind
        let bits = try reader.u8("settings")
        guard bits < 4 else { throw reader.failure("unknown settings") }
        settings.ignoresMerges = bits & 1 != 0
        settings.fusesUnknown = bits & 2 != 0
        for _ in 0..<Int(try reader.u8("normalizer count")) { settings.normalizers.append(try NormalizerStep(&reader)) }
        for _ in 0..<Int(try reader.u8("pre-tokenizer count")) {
            settings.preTokenizers.append(try PreTokenizerStep(&reader))
        }
        settings.decoders = []
        for _ in 0..<Int(try reader.u8("decoder count")) { settings.decoders.append(try DecoderStep(&reader)) }
        try readSpecial(&reader)
        let counts = try readCounts(&reader)
        let addedCount = Int(try reader.u32("added count"))
        guard addedCount <= 1 << 21 else { throw reader.failure("the tokenizer is too large") }
        try readTokens(&reader, count: counts.tokens)
        for index in flags.indices where flags[index] >= 64 {
            throw reader.failure("unknown token flags", found: "token " + String(index))
        }
        if kind == .unigram {
            let column = try reader.take(counts.tokens * 8, "scores")
            for id in 0..<counts.tokens {
                let score = Double(
                    bitPattern: UInt64(littleEndian: column.loadUnaligned(fromByteOffset: id * 8, as: UInt64.self)))
                guard score.isFinite else {
                    throw reader.failure("a score is not finite", found: "token " + String(id))
                }
                scores.append(score)
            }
        }
        try readMerges(&reader, count: counts.merges)
        for _ in 0..<addedCount {
            let id = Int(try reader.u32("added token"))
            let flags = try reader.u8("flags of an added token")
            let content = try reader.counted("an added token")
            guard flags & ~AddedToken.all == 0, !content.isEmpty else { throw reader.failure("unusable added token") }
            added.append(AddedToken(id: id, flags: flags, content: content))
        }
    }
}

extension ByteWriter {
    /// A length in two bytes, and the bytes.
    fileprivate mutating func counted(_ bytes: [UInt8]) {
        u16(UInt16(bytes.count))
        raw(bytes)
    }
}

extension ByteReader {
    /// Bytes of text after their length in two bytes.
    fileprivate mutating func counted(_ what: String) throws(TaperError) -> [UInt8] {
        let bytes = Array(try take(Int(try u16(what)), what))
        guard String(validating: bytes, as: UTF8.self) != nil else { throw failure(what + " is not UTF-8") }
        return bytes
    }

    /// The same, at least one byte.
    fileprivate mutating func pattern(_ what: String) throws(TaperError) -> [UInt8] {
        let bytes = try counted(what)
        guard !bytes.isEmpty else { throw failure(what + " is empty") }
        return bytes
    }
}

extension NormalizerStep {
    fileprivate func write(to writer: inout ByteWriter) {
        switch self {
        case .prepend(let text):
            writer.u8(0)
            writer.counted(text)
        case .replace(let pattern, let content):
            writer.u8(1)
            writer.counted(pattern)
            writer.counted(content)
        case .collapseSpaces(let content):
            writer.u8(2)
            writer.counted(content)
        case .compose: writer.u8(3)
        case .decompose: writer.u8(4)
        case .map(let map):
            writer.u8(5)
            writer.u32(UInt32(map.scalars.count))
            for scalar in map.scalars { writer.u32(scalar) }
            for index in map.scalars.indices { writer.u8(UInt8(map.offsets[index + 1] - map.offsets[index])) }
            writer.raw(map.text)
        case .charsmap(let map):
            let bytes = map.bytes
            writer.u8(6)
            writer.u32(UInt32(bytes.count))
            writer.raw(bytes)
        case .strip(let left, let right):
            writer.u8(7)
            writer.u8((left ? 1 : 0) | (right ? 2 : 0))
        }
    }

    fileprivate init(_ reader: inout ByteReader) throws(TaperError) {
        switch try reader.u8("normalizer") {
        case 0: self = .prepend(try reader.counted("a normalizer's text"))
        case 1: self = .replace(try reader.pattern("a normalizer's pattern"), try reader.counted("a normalizer's text"))
        case 2: self = .collapseSpaces(try reader.counted("a normalizer's text"))
        case 3: self = .compose
        case 4: self = .decompose
        case 5: self = .map(try CharacterMap(&reader))
        case 6:
            let bytes = Array(try reader.take(Int(try reader.u32("replacement table")), "replacement table"))
            guard let map = Charsmap(bytes) else { throw reader.failure("unusable replacement table") }
            self = .charsmap(map)
        case 7:
            let bits = try reader.u8("sides to strip")
            guard bits < 4 else { throw reader.failure("unknown sides to strip") }
            self = .strip(left: bits & 1 != 0, right: bits & 2 != 0)
        default: throw reader.failure("unknown normalizer", remedy: "Use a newer version of taper")
        }
    }
}

extension CharacterMap {
    fileprivate init(_ reader: inout ByteReader) throws(TaperError) {
        let count = Int(try reader.u32("character map"))
        guard count <= 0x110000 else { throw reader.failure("a character map is too large") }
        let column = try reader.take(count * 4, "characters of a map")
        var scalars: [UInt32] = []
        for index in 0..<count {
            let scalar = UInt32(littleEndian: column.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
            guard scalars.last.map({ $0 < scalar }) ?? true else {
                throw reader.failure("a character map is not sorted")
            }
            scalars.append(scalar)
        }
        var offsets: [UInt32] = [0]
        var end: UInt32 = 0
        for length in try reader.take(count, "lengths of a character map") {
            end += UInt32(length)
            offsets.append(end)
        }
        let text = Array(try reader.take(Int(end), "strings of a character map"))
        guard String(validating: text, as: UTF8.self) != nil else {
            throw reader.failure("a character map is not UTF-8")
        }
        for start in offsets where start < end && text[Int(start)] & 0xc0 == 0x80 {
            throw reader.failure("a string of a character map is not UTF-8", found: "at byte " + String(start))
        }
        self.init(scalars: scalars, offsets: offsets, text: text)
    }
}

extension PreTokenizerStep {
    fileprivate func write(to writer: inout ByteWriter) {
        switch self {
        case .splitter(let splitter): writer.u8(splitter.rawValue)
        case .metaspace(let prefix):
            writer.u8(16)
            writer.u8(prefix.rawValue)
        case .prefixSpace: writer.u8(17)
        case .match(let pattern, let behavior, let inverted):
            writer.u8(18)
            writer.u8(behavior.rawValue)
            writer.u8(inverted ? 1 : 0)
            switch pattern {
            case .literal(let text):
                writer.u8(0)
                writer.counted(text)
            case .punctuation: writer.u8(1)
            case .whiteSpace: writer.u8(2)
            case .words: writer.u8(3)
            case .numbers: writer.u8(4)
            }
        }
    }

    fileprivate init(_ reader: inout ByteReader) throws(TaperError) {
        let code = try reader.u8("pre-tokenizer")
        if let splitter = Splitter(rawValue: code) {
            self = .splitter(splitter)
            return
        }
        switch code {
        case 16:
            guard let prefix = MetaspacePrefix(rawValue: try reader.u8("space before text")) else {
                throw reader.failure("unknown rule for a space before text")
            }
            self = .metaspace(prefix)
        case 17: self = .prefixSpace
        case 18:
            let behavior = SplitBehavior(rawValue: try reader.u8("behaviour of a split"))
            let inverted = try reader.u8("inversion of a split")
            guard let behavior, inverted < 2 else { throw reader.failure("unknown behaviour of a split") }
            let pattern: MatchPattern
            switch try reader.u8("pattern of a split") {
            case 0: pattern = .literal(try reader.pattern("a pattern"))
            case 1: pattern = .punctuation
            case 2: pattern = .whiteSpace
            case 3: pattern = .words
            case 4: pattern = .numbers
            default: throw reader.failure("unknown pattern of a split", remedy: "Use a newer version of taper")
            }
            self = .match(pattern, behavior, inverted: inverted == 1)
        default: throw reader.failure("unknown pre-tokenizer", remedy: "Use a newer version of taper")
        }
    }
}

extension DecoderStep {
    fileprivate func write(to writer: inout ByteWriter) {
        switch self {
        case .replace(let pattern, let content):
            writer.u8(0)
            writer.counted(pattern)
            writer.counted(content)
        case .byteFallback: writer.u8(1)
        case .fuse: writer.u8(2)
        case .strip(let content, let start, let stop):
            writer.u8(3)
            writer.counted(content)
            writer.u16(UInt16(start))
            writer.u16(UInt16(stop))
        case .metaspace(let stripsFirst):
            writer.u8(4)
            writer.u8(stripsFirst ? 1 : 0)
        case .bytes: writer.u8(5)
        case .spaces: writer.u8(6)
        }
    }

    fileprivate init(_ reader: inout ByteReader) throws(TaperError) {
        switch try reader.u8("decoder") {
        case 0: self = .replace(try reader.pattern("a decoder's pattern"), try reader.counted("a decoder's text"))
        case 1: self = .byteFallback
        case 2: self = .fuse
        case 3:
            self = .strip(
                try reader.pattern("a decoder's character"), start: Int(try reader.u16("characters to strip")),
                stop: Int(try reader.u16("characters to strip")))
        case 4:
            let strips = try reader.u8("stripping")
            guard strips < 2 else { throw reader.failure("unknown way of stripping") }
            self = .metaspace(stripsFirst: strips == 1)
        case 5: self = .bytes
        case 6: self = .spaces
        default: throw reader.failure("unknown decoder", remedy: "Use a newer version of taper")
        }
    }
}
