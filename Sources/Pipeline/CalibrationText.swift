import Foundation
import Storage
import Text

/// Text for statistics, cut into token sequences.
struct CalibrationText {
    /// Content of the file, for content keys and for the check that evaluation text is not calibration text.
    let bytes: [UInt8]
    let path: String
    private let text: String

    /// Plain text, or JSONL whose `text`, `prompt`, `reference` and message contents are joined line by line.
    init(path: String) throws(TaperError) {
        self.path = path
        bytes = try Files.read(path, limit: 1 << 30)
        let name = Files.name(of: path)
        guard let whole = try bytes.withBytes({ raw throws(TaperError) in strictString(raw) }) else {
            throw TaperError(.badData, "the calibration text is not UTF-8", at: path)
        }
        guard name.hasSuffix(".jsonl") || name.hasSuffix(".ndjson") else {
            text = whole
            return
        }
        var parts: [String] = []
        for (index, line) in whole.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
        where !line.allSatisfy(\.isWhitespace) {
            let place = path + ":" + String(index + 1)
            let json = try JSONValue.parse(Array(line.utf8), place: place)
            var found = ["text", "prompt", "dialogue", "summary", "reference"].compactMap { json[$0]?.string }
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

    /// `count` sequences of `length` tokens spread evenly over the text; fewer when the text is short.
    func sequences(_ tokenizer: Tokenizer, count: Int, length: Int) throws(TaperError) -> [[Int]] {
        let tokens = tokenizer.encode(text, addSpecial: false, parseSpecial: false)
        guard tokens.count >= 2 else {
            throw TaperError(
                .badData, "the calibration text is too short", at: path, expected: "at least 2 tokens",
                found: String(tokens.count))
        }
        if tokens.count <= length { return [tokens] }
        let available = tokens.count / length
        guard available > count else {
            return (0..<available).map { Array(tokens[$0 * length..<($0 + 1) * length]) }
        }
        return (0..<count).map { index in
            let start = count == 1 ? 0 : index * (tokens.count - length) / (count - 1)
            return Array(tokens[start..<start + length])
        }
    }
}
