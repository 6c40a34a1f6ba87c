import Storage

/// A GGUF file, version 2 or 3: metadata, tensor descriptions, then the tensors' bytes, each at an aligned offset.
struct GGUFFile {
    static let stringLimit = 16_000_000
    static let arrayLimit = 16_000_000
    static let keyLimit = 65535
    static let entryLimit = HeaderMemory.limit / HeaderMemory.entryByteCount
    static let nameLimit = 63
    static let alignmentLimit = 1 << 20
    static let magic = Array("GGUF".utf8)

    let file: SourceFile
    let version: UInt32
    /// Metadata keys in file order.
    private(set) var keys: [String] = []
    private(set) var values: [String: GGUFValue] = [:]
    /// In file order, which is the order of their data.
    private(set) var tensors: [StoredTensor] = []
    private var memory = HeaderMemory()

    init(path: String) throws(TaperError) {
        file = try SourceFile(path: path)
        var reader = ByteReader(file.bytes, place: path)
        version = try GGUFFile.version(&reader)
        // The least a tensor description and a metadata entry can take bounds their counts before anything is kept.
        let tensorCount = try reader.count(
            "the tensor count", limit: min(GGUFFile.entryLimit, reader.remaining / 33))
        let keyCount = try reader.count(
            "the metadata count", limit: min(GGUFFile.entryLimit, reader.remaining / 14))
        for _ in 0..<keyCount { try readEntry(&reader) }
        try readTensors(&reader, count: tensorCount)
    }

    private static func version(_ reader: inout ByteReader) throws(TaperError) -> UInt32 {
        let bytes = reader.bytes
        if let foreign = ForeignFile.recognise(bytes), !bytes.prefix(4).elementsEqual(magic) {
            throw TaperError(
                .badData, "not a GGUF file", at: reader.place, found: foreign.kind, remedy: foreign.remedy)
        }
        guard bytes.count >= 8, bytes.prefix(4).elementsEqual(magic) else {
            throw TaperError(
                .badData, "not a GGUF file", at: reader.place + ": byte 0", expected: "the letters GGUF and a version",
                found: bytes.isEmpty
                    ? "an empty file"
                    : bytes.count < 8
                        ? String(bytes.count) + " bytes"
                        : "'" + printable(String(decoding: bytes.prefix(4), as: UTF8.self)) + "'")
        }
        _ = try reader.take(4, "the magic")
        let version = try reader.u32("the version")
        guard version == 2 || version == 3 else {
            let swapped = (1...3).contains(version.byteSwapped)
            throw TaperError(
                swapped ? .unsupported : version == 0 ? .badData : .unsupported,
                swapped ? "a big-endian GGUF file" : "an unknown GGUF version", at: reader.place + ": byte 4",
                expected: "version 2 or 3, little-endian",
                found: swapped ? "version " + String(version.byteSwapped) + " byte-swapped" : String(version),
                remedy: "Convert the file again with current tools")
        }
        return version
    }

    private mutating func readEntry(_ reader: inout ByteReader) throws(TaperError) {
        let keyByteCount = try reader.count("the length of a metadata key", limit: GGUFFile.keyLimit)
        let key = try reader.string(keyByteCount, "a metadata key")
        guard !key.isEmpty, !key.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) else {
            throw reader.failure("a metadata key is empty or has control characters", found: printable(key))
        }
        let place = file.path + ": metadata '" + printable(key) + "'"
        let type = try GGUFFile.type(&reader, place)
        let value = try GGUFFile.value(&reader, type, place)
        var textByteCount = keyByteCount
        if case .string(let text) = value { textByteCount += text.utf8.count }
        try memory.keep(textByteCount, place: place)
        guard values.updateValue(value, forKey: key) == nil else {
            throw TaperError(.badData, "the key appears twice", at: place)
        }
        keys.append(key)
    }

    private static func type(_ reader: inout ByteReader, _ place: String) throws(TaperError) -> GGUFType {
        let raw = try reader.u32("a value type")
        guard let type = GGUFType(rawValue: raw) else {
            throw TaperError(.badData, "unknown value type", at: place, expected: "0 to 12", found: String(raw))
        }
        return type
    }

    private static func value(
        _ reader: inout ByteReader, _ type: GGUFType, _ place: String
    ) throws(TaperError) -> GGUFValue {
        switch type {
        case .uint8: return .unsigned(UInt64(try reader.u8(place)))
        case .int8: return .signed(Int64(try reader.integer(Int8.self, place)))
        case .uint16: return .unsigned(UInt64(try reader.u16(place)))
        case .int16: return .signed(Int64(try reader.integer(Int16.self, place)))
        case .uint32: return .unsigned(UInt64(try reader.u32(place)))
        case .int32: return .signed(Int64(try reader.integer(Int32.self, place)))
        case .uint64: return .unsigned(try reader.u64(place))
        case .int64: return .signed(try reader.integer(Int64.self, place))
        case .float32: return .float32(try reader.f32(place))
        case .float64: return .float64(Double(bitPattern: try reader.u64(place)))
        case .bool:
            let byte = try reader.u8(place)
            guard byte <= 1 else {
                throw TaperError(.badData, "no boolean", at: place, expected: "0 or 1", found: String(byte))
            }
            return .bool(byte == 1)
        case .string:
            let byteCount = try reader.count(place + ": the string's length", limit: stringLimit)
            return .string(try reader.string(byteCount, place))
        case .array: return .array(try array(&reader, place))
        }
    }

    private static func array(_ reader: inout ByteReader, _ place: String) throws(TaperError) -> GGUFArray {
        let type = try type(&reader, place)
        guard type != .array else {
            throw TaperError(.unsupported, "arrays of arrays are not supported", at: place)
        }
        let count = try reader.count(place + ": the array's length", limit: arrayLimit)
        let start = reader.offset
        if let byteCount = type.byteCount {
            // Both factors are bounded: at most 16 million times 8.
            _ = try reader.take(count * byteCount, place)
        } else {
            guard count <= reader.remaining / 8 else {
                throw TaperError(
                    .badData, "the array runs past the end of the file", at: place,
                    expected: String(count) + " strings", found: String(reader.remaining) + " bytes left",
                    remedy: "The file is truncated or damaged")
            }
            for _ in 0..<count {
                let byteCount = try reader.count(place + ": a string's length", limit: stringLimit)
                _ = try reader.take(byteCount, place + ": a string")
            }
        }
        let bytes = UnsafeRawBufferPointer(rebasing: reader.bytes[start..<reader.offset])
        return GGUFArray(type: type, count: count, bytes: bytes, place: place)
    }

    private mutating func readTensors(_ reader: inout ByteReader, count: Int) throws(TaperError) {
        let alignment = try alignment()
        var pending: [GGUFTensorDescription] = []
        pending.reserveCapacity(min(count, 65536))
        var names: Set<String> = []
        for _ in 0..<count {
            let description = try GGUFTensorDescription(&reader)
            try memory.keep(description.name.utf8.count, place: reader.place)
            guard names.insert(description.name).inserted else {
                throw TaperError(.badData, "the tensor appears twice", at: place(of: description))
            }
            pending.append(description)
        }
        let dataStart = roundedUp(reader.offset, to: alignment)
        let dataByteCount = max(0, file.bytes.count - dataStart)
        var expected = 0
        for tensor in pending {
            // ggml writes and demands one tensor after the other, each padded to the alignment.
            guard tensor.offset == UInt64(expected) else {
                throw TaperError(
                    .badData, "the tensor is not where it must be: offsets are unaligned, overlap or leave holes",
                    at: place(of: tensor), expected: "offset " + String(expected), found: String(tensor.offset))
            }
            guard expected <= dataByteCount, tensor.byteCount <= dataByteCount - expected else {
                throw TaperError(
                    .badData, "the tensor runs past the end of the file", at: place(of: tensor),
                    expected: String(tensor.byteCount) + " bytes at offset " + String(expected),
                    found: String(max(0, dataByteCount - expected)) + " bytes left",
                    remedy: "The file is truncated; download it again")
            }
            let start = dataStart + expected
            tensors.append(
                StoredTensor(
                    name: tensor.name, shape: tensor.shape, encoding: tensor.encoding, file: file,
                    bytes: start..<start + tensor.byteCount))
            expected = roundedUp(expected + tensor.byteCount, to: alignment)
        }
        guard expected >= dataByteCount else {
            throw TaperError(
                .badData, "bytes after the last tensor", at: file.path, expected: byteText(dataStart + expected),
                found: byteText(file.bytes.count),
                remedy: "Parts of a split model cannot be joined by concatenation: merge them with gguf-split")
        }
    }

    private func place(of tensor: GGUFTensorDescription) -> String {
        file.path + ": tensor '" + printable(tensor.name) + "'"
    }

    private func alignment() throws(TaperError) -> Int {
        guard let value = values["general.alignment"] else { return 32 }
        guard let alignment = value.integer, alignment > 0, alignment <= GGUFFile.alignmentLimit,
            alignment & (alignment - 1) == 0
        else {
            throw TaperError(
                .badData, "no usable alignment", at: file.path + ": metadata 'general.alignment'",
                expected: "a power of two up to " + String(GGUFFile.alignmentLimit),
                found: value.integer.map { String($0) } ?? value.kind)
        }
        return alignment
    }
}
