public import Storage

/// A text file for statistics, calibration or evaluation: plain text, or JSONL whose text fields are joined.
public struct SourceText: Sendable {
    public let path: String
    /// Content of the file.
    public let bytes: [UInt8]
    /// What the model gets to read: without a byte order mark.
    public let text: String
    /// XXH64 of the file's content.
    public var checksum: UInt64 { Storage.checksum(bytes) }
    public var name: String { Files.name(of: path) }

    /// Keys of a JSONL object whose strings count, beside those of `references` and `translation` and the contents of `messages`.
    private static let keys = [
        "text", "prompt", "dialogue", "summary", "summary1", "summary2", "summary3", "reference", "article",
        "highlights",
    ]

    /// A plain text that is no file.
    /// - Parameter name: what it is called where a file's name would stand.
    public init(name: String, plain text: String) {
        path = name
        bytes = Array(text.utf8)
        self.text = text
    }

    /// - Throws: `badData` when the file is not UTF-8, or a line of JSONL holds no text.
    public init(path: String) throws(TaperError) {
        self.path = path
        bytes = try Files.read(path, limit: 1 << 30)
        let read = try Files.textBytes(bytes, place: path)
        guard SourceText.isLines(path) else {
            text = String(decoding: read, as: UTF8.self)
            return
        }
        var parts: [String] = []
        // By bytes: Swift takes CR LF for one character that is no line feed.
        for (index, line) in read.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated()
        where !line.allSatisfy({ $0 == 0x20 || $0 == 0x0d || $0 == 0x09 }) {
            let place = path + ":" + String(index + 1)
            let json = try JSONValue.parse(Array(line), place: place)
            var found = SourceText.keys.compactMap { json[$0]?.string }
            found += json["references"]?.array?.compactMap(\.string) ?? []
            found += json["translation"]?.members?.compactMap(\.value.string) ?? []
            for message in json["messages"]?.array ?? [] {
                if let content = message["content"]?.string { found.append(content) }
            }
            guard !found.isEmpty else {
                throw TaperError(
                    .badData, "the line holds no text", at: place,
                    expected: "\"text\", \"prompt\", \"reference\" or \"messages\"")
            }
            parts.append(found.joined(separator: "\n"))
        }
        text = parts.joined(separator: "\n\n")
    }

    /// JSON Lines, by name.
    public static func isLines(_ path: String) -> Bool { path.hasSuffix(".jsonl") || path.hasSuffix(".ndjson") }
}
