import Storage

/// One safetensors file: an eight-byte header length, a JSON header, then the tensors' bytes without holes.
struct SafetensorsFile {
    /// The format's own cap on the header.
    static let headerLimit = 100_000_000
    static let nameLimit = 1024
    static let rankLimit = 8

    let file: SourceFile
    /// In the order of their data.
    let tensors: [StoredTensor]
    /// The `__metadata__` strings, in file order.
    let metadata: [JSONValue.Member]

    /// - Parameter memory: of all files of the checkpoint.
    init(path: String, memory: inout HeaderMemory) throws(TaperError) {
        let file = try SourceFile(path: path)
        let header = try SafetensorsFile.header(of: file)
        let dataByteCount = file.bytes.count - 8 - header.count
        let place = path + ": header"
        var scanner = JSONMemberScanner(header, place: place, baseOffset: 8)
        var tensors: [StoredTensor] = []
        var metadata: [JSONValue.Member]?
        var names: Set<String> = []
        while let member = try scanner.next(keyLimit: SafetensorsFile.nameLimit) {
            if member.key == "__metadata__" {
                guard metadata == nil else { throw TaperError(.badData, "__metadata__ appears twice", at: place) }
                metadata = try SafetensorsFile.metadata(member.value, &memory, place: place + ": __metadata__")
                continue
            }
            try memory.keep(member.key.utf8.count, place: place)
            guard names.insert(member.key).inserted else {
                throw TaperError(
                    .badData, "the tensor appears twice", at: place + ": tensor '" + printable(member.key) + "'")
            }
            let entry = try SafetensorsEntry(member, headerPlace: place, dataByteCount: dataByteCount)
            let dataStart = 8 + header.count
            tensors.append(
                StoredTensor(
                    name: member.key, shape: entry.shape, encoding: entry.encoding, file: file,
                    bytes: dataStart + entry.begin..<dataStart + entry.end))
        }
        tensors.sort { ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound) }
        try SafetensorsFile.checkContiguous(tensors, start: 8 + header.count, end: file.bytes.count, place: place)
        self.file = file
        self.tensors = tensors
        self.metadata = metadata ?? []
    }

    private static func header(of file: SourceFile) throws(TaperError) -> UnsafeRawBufferPointer {
        let bytes = file.bytes
        // A header length can begin with any bytes, so foreign kinds count only where no header stands.
        if !(bytes.count > 8 && bytes[8] == 0x7b), let foreign = ForeignFile.recognise(bytes) {
            throw TaperError(
                .badData, "not a safetensors file", at: file.path, found: foreign.kind, remedy: foreign.remedy)
        }
        guard bytes.count >= 8 else {
            throw TaperError(
                .badData, "too short for a safetensors file", at: file.path, expected: "an 8-byte header length",
                found: bytes.isEmpty ? "an empty file" : String(bytes.count) + " bytes",
                remedy: "Download the file again")
        }
        let declared = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard declared >= 2, declared <= UInt64(headerLimit), let byteCount = Int(exactly: declared) else {
            throw TaperError(
                .badData, "the header length is out of range", at: file.path + ": byte 0",
                expected: "2 to " + String(headerLimit), found: String(declared),
                remedy: "This is no safetensors file, or it is damaged")
        }
        guard byteCount <= bytes.count - 8 else {
            throw TaperError(
                .badData, "the header runs past the end of the file", at: file.path + ": byte 0",
                expected: String(byteCount) + " bytes", found: String(bytes.count - 8) + " bytes left",
                remedy: "The file is truncated; download it again")
        }
        let header = UnsafeRawBufferPointer(rebasing: bytes[8..<8 + byteCount])
        guard header[0] == 0x7b else {
            throw TaperError(
                .badData, "the header does not begin with '{'", at: file.path + ": byte 8", expected: "byte 0x7b",
                found: "byte 0x" + String(header[0], radix: 16))
        }
        return header
    }

    private static func metadata(
        _ value: UnsafeRawBufferPointer, _ memory: inout HeaderMemory, place: String
    ) throws(TaperError) -> [JSONValue.Member] {
        var scanner = JSONMemberScanner(value, place: place)
        var members: [JSONValue.Member] = []
        var seen: Set<String> = []
        while let member = try scanner.next() {
            try memory.keep(member.key.utf8.count, place: place)
            guard seen.insert(member.key).inserted else {
                throw TaperError(.badData, "the key '" + printable(member.key) + "' appears twice", at: place)
            }
            guard member.value.first == 0x22 else {
                throw TaperError(
                    .badData, "'" + printable(member.key) + "' is not a string", at: place, expected: "a string")
            }
            // Facts worth showing are short; a long one (an embedded licence, a training log) is not kept.
            if member.value.count <= 4096 && members.count < 100 {
                members.append(.init(member.key, try JSONValue.parse(member.value, place: place)))
            }
        }
        return members
    }

    private static func checkContiguous(
        _ tensors: [StoredTensor], start: Int, end: Int, place: String
    ) throws(TaperError) {
        var expected = start
        for tensor in tensors {
            guard tensor.bytes.lowerBound == expected else {
                let overlaps = tensor.bytes.lowerBound < expected
                throw TaperError(
                    .badData, overlaps ? "the tensor overlaps the one before" : "unused bytes before the tensor",
                    at: place + ": tensor '" + printable(tensor.name) + "'",
                    expected: "data offset " + String(expected - start),
                    found: String(tensor.bytes.lowerBound - start))
            }
            expected = tensor.bytes.upperBound
        }
        guard expected == end else {
            throw TaperError(
                .badData, "bytes after the last tensor", at: place, expected: byteText(expected),
                found: byteText(end))
        }
    }
}

/// "[2048, 576]".
func shapeText(_ shape: [Int]) -> String { "[" + shape.map { String($0) }.joined(separator: ", ") + "]" }
