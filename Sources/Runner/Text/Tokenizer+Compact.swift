public import Storage

// The tokenizer section of a bundle; formats/tokenizer.md is the specification.
extension Tokenizer {
    static let compactMagic: UInt32 = 0x4b54_5054  // "TPTK"

    /// Flat bytes from which `init(compact:)` makes an equal tokenizer, in the lowest version that can hold it.
    public func compact() -> [UInt8] {
        if let first = FirstTokenizerVersion(self) { return compact(first) }
        return compactSecond()
    }

    /// - Throws: `badData` for anything that `compact()` would not write.
    public convenience init(compact bytes: [UInt8], place: String) throws(TaperError) {
        var parts = Parts()
        try bytes.withBytes { raw throws(TaperError) in
            var reader = ByteReader(raw, place: place)
            let (magic, version) = (try reader.u32("magic"), try reader.u32("version"))
            guard magic == Tokenizer.compactMagic, version == 1 || version == 2 else {
                throw reader.failure("not a tokenizer of a known version", remedy: "Use a newer version of taper")
            }
            parts = version == 1 ? try Parts(first: &reader) : try Parts(second: &reader)
            guard reader.remaining == 0 else { throw reader.failure("bytes follow the tokenizer") }
        }
        try self.init(parts, place: place)
    }

    func writeSpecial(to writer: inout ByteWriter) {
        for token in [settings.bos, settings.eos, settings.unknown] {
            writer.u32(token.map { UInt32($0) } ?? UInt32.max)
        }
        for list in [settings.prefixTokens, settings.suffixTokens] {
            writer.u8(UInt8(list.count))
            for token in list { writer.u32(UInt32(token)) }
        }
    }

    func writeTokens(to writer: inout ByteWriter, flags: [UInt8]) {
        for id in flags.indices { writer.u16(UInt16(offsets[id + 1] - offsets[id])) }
        writer.raw(flags)
        writer.raw(blob)
    }

    func writeMerges(to writer: inout ByteWriter) {
        for merge in merges { writer.u32(merge.left) }
        for merge in merges { writer.u32(merge.right) }
        for merge in merges { writer.u32(merge.result) }
        for merge in merges { writer.u32(merge.rank) }
    }
}

extension Tokenizer.Parts {
    mutating func readSpecial(_ reader: inout ByteReader) throws(TaperError) {
        func optional(_ what: String, _ reader: inout ByteReader) throws(TaperError) -> Int? {
            let value = try reader.u32(what)
            return value == UInt32.max ? nil : Int(value)
        }
        settings.bos = try optional("bos", &reader)
        settings.eos = try optional("eos", &reader)
        settings.unknown = try optional("unknown", &reader)
        for _ in 0..<Int(try reader.u8("prefix count")) {
            settings.prefixTokens.append(Int(try reader.u32("prefix token")))
        }
        for _ in 0..<Int(try reader.u8("suffix count")) {
            settings.suffixTokens.append(Int(try reader.u32("suffix token")))
        }
    }

    /// - Returns: how many merges follow.
    mutating func readCounts(_ reader: inout ByteReader) throws(TaperError) -> (tokens: Int, merges: Int) {
        let tokens = Int(try reader.u32("token count"))
        let merges = Int(try reader.u32("merge count"))
        guard tokens <= 1 << 21, merges <= 1 << 23 else { throw reader.failure("the tokenizer is too large") }
        return (tokens, merges)
    }

    mutating func readTokens(_ reader: inout ByteReader, count: Int) throws(TaperError) {
        let lengths = try reader.take(count * 2, "token lengths")
        offsets.reserveCapacity(count + 1)
        // At most 2^21 tokens of 2^16 bytes: no overflow of Int, but of UInt32.
        var end = 0
        for id in 0..<count {
            end += Int(UInt16(littleEndian: lengths.loadUnaligned(fromByteOffset: id * 2, as: UInt16.self)))
            guard let offset = UInt32(exactly: end) else { throw reader.failure("the tokens exceed 4 GB") }
            offsets.append(offset)
        }
        flags = Array(try reader.take(count, "token flags"))
        blob = Array(try reader.take(end, "token bytes"))
    }

    mutating func readMerges(_ reader: inout ByteReader, count: Int) throws(TaperError) {
        var columns: [UnsafeRawBufferPointer] = []
        for _ in 0..<4 { columns.append(try reader.take(count * 4, "merges")) }
        func value(_ column: Int, _ index: Int) -> UInt32 {
            UInt32(littleEndian: columns[column].loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
        }
        merges.reserveCapacity(count)
        for index in 0..<count {
            merges.append(
                Tokenizer.Merge(
                    left: value(0, index), right: value(1, index), result: value(2, index), rank: value(3, index)))
        }
    }
}
