import Evaluation
import Storage
import Text

/// Text for statistics, cut into token sequences.
struct CalibrationText {
    let source: SourceText

    /// Plain text, or JSONL (`SourceText`).
    init(path: String) throws(TaperError) { source = try SourceText(path: path) }

    /// Content of the file, for content keys.
    var bytes: [UInt8] { source.bytes }
    var path: String { source.path }

    /// `count` sequences of `length` tokens spread evenly over the text; fewer when the text is short.
    func sequences(_ tokenizer: Tokenizer, count: Int, length: Int) throws(TaperError) -> [[Int]] {
        let tokens = tokenizer.encode(source.text, addSpecial: false, parseSpecial: false)
        guard tokens.count >= 2 else {
            throw TaperError(
                .badData, "the calibration text is too short", at: source.path, expected: "at least 2 tokens",
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
