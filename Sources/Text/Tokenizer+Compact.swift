public import Storage

// The tokenizer section of a bundle; formats/tokenizer.md is the specification.
extension Tokenizer {
    private static let magic: UInt32 = 0x4b54_5054  // "TPTK"
    private static let version: UInt32 = 1

    /// Flat bytes from which `init(compact:)` makes an equal tokenizer.
    public func compact() -> [UInt8] {
        var writer = ByteWriter()
        writer.u32(Tokenizer.magic)
        writer.u32(Tokenizer.version)
        writer.u8(settings.kind.rawValue)
        writer.u8(settings.prefix.rawValue)
        var bits: UInt8 = settings.normalizesNFC ? 1 : 0
        if settings.ignoresMerges { bits |= 2 }
        if settings.fusesUnknown { bits |= 4 }
        if settings.stripsLeadingSpace { bits |= 8 }
        writer.u8(bits)
        writer.u8(UInt8(settings.splitters.count))
        for splitter in settings.splitters { writer.u8(splitter.rawValue) }
        for token in [settings.bos, settings.eos, settings.unknown] {
            writer.u32(token.map { UInt32($0) } ?? UInt32.max)
        }
        for list in [settings.prefixTokens, settings.suffixTokens] {
            writer.u8(UInt8(list.count))
            for token in list { writer.u32(UInt32(token)) }
        }
        writer.u32(UInt32(flags.count))
        writer.u32(UInt32(merges.count))
        for id in flags.indices { writer.u16(UInt16(offsets[id + 1] - offsets[id])) }
        writer.raw(flags)
        writer.raw(blob)
        for merge in merges { writer.u32(merge.left) }
        for merge in merges { writer.u32(merge.right) }
        for merge in merges { writer.u32(merge.result) }
        for merge in merges { writer.u32(merge.rank) }
        return writer.bytes
    }

    /// - Throws: `badData` for anything that `compact()` would not write.
    public convenience init(compact bytes: [UInt8], place: String) throws(TaperError) {
        var settings = Settings()
        var offsets: [UInt32] = [0]
        var flags: [UInt8] = []
        var blob: [UInt8] = []
        var merges: [Merge] = []
        try bytes.withBytes { raw throws(TaperError) in
            var reader = ByteReader(raw, place: place)
            let (magic, version) = (try reader.u32("magic"), try reader.u32("version"))
            guard magic == Tokenizer.magic, version == Tokenizer.version else {
                throw reader.failure("not a tokenizer of a known version", remedy: "Use a newer version of taper")
            }
            let kind = Kind(rawValue: try reader.u8("kind"))
            let prefix = Prefix(rawValue: try reader.u8("prefix"))
            guard let kind, let prefix else { throw reader.failure("unknown kind or prefix") }
            settings.kind = kind
            settings.prefix = prefix
            let bits = try reader.u8("flags")
            guard bits < 16 else { throw reader.failure("unknown flags") }
            settings.normalizesNFC = bits & 1 != 0
            settings.ignoresMerges = bits & 2 != 0
            settings.fusesUnknown = bits & 4 != 0
            settings.stripsLeadingSpace = bits & 8 != 0
            for _ in 0..<Int(try reader.u8("splitter count")) {
                guard let splitter = Splitter(rawValue: try reader.u8("splitter")) else {
                    throw reader.failure("unknown splitter")
                }
                settings.splitters.append(splitter)
            }
            func optional(_ what: String) throws(TaperError) -> Int? {
                let value = try reader.u32(what)
                return value == UInt32.max ? nil : Int(value)
            }
            settings.bos = try optional("bos")
            settings.eos = try optional("eos")
            settings.unknown = try optional("unknown")
            for _ in 0..<Int(try reader.u8("prefix count")) {
                settings.prefixTokens.append(Int(try reader.u32("prefix token")))
            }
            for _ in 0..<Int(try reader.u8("suffix count")) {
                settings.suffixTokens.append(Int(try reader.u32("suffix token")))
            }
            let tokenCount = Int(try reader.u32("token count"))
            let mergeCount = Int(try reader.u32("merge count"))
            guard tokenCount <= 1 << 21, mergeCount <= 1 << 23 else {
                throw reader.failure("the tokenizer is too large")
            }
            let lengths = try reader.take(tokenCount * 2, "token lengths")
            offsets.reserveCapacity(tokenCount + 1)
            // At most 2^21 tokens of 2^16 bytes: no overflow of Int, but of UInt32.
            var end = 0
            for id in 0..<tokenCount {
                end += Int(UInt16(littleEndian: lengths.loadUnaligned(fromByteOffset: id * 2, as: UInt16.self)))
                guard let offset = UInt32(exactly: end) else { throw reader.failure("the tokens exceed 4 GB") }
                offsets.append(offset)
            }
            flags = Array(try reader.take(tokenCount, "token flags"))
            blob = Array(try reader.take(end, "token bytes"))
            var columns: [UnsafeRawBufferPointer] = []
            for _ in 0..<4 { columns.append(try reader.take(mergeCount * 4, "merges")) }
            func value(_ column: Int, _ index: Int) -> UInt32 {
                UInt32(littleEndian: columns[column].loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
            }
            merges.reserveCapacity(mergeCount)
            for index in 0..<mergeCount {
                merges.append(
                    Merge(left: value(0, index), right: value(1, index), result: value(2, index), rank: value(3, index))
                )
            }
            guard reader.remaining == 0 else { throw reader.failure("bytes follow the tokenizer") }
        }
        try self.init(settings: settings, offsets: offsets, blob: blob, flags: flags, merges: merges, place: place)
    }
}
