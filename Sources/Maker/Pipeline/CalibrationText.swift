import Evaluation
import Storage
import Text

/// Token sequences for statistics, cut from a text.
struct CalibrationText {
    /// nil: everything is the model's own text.
    let source: SourceText?

    init(_ source: SourceText?) { self.source = source }

    /// Of the text's file; nil without a text.
    var checksum: UInt64? { source?.checksum }
    /// For people.
    var name: String { source?.name ?? "the model's own text" }

    /// All tokens of the text.
    func tokens(_ tokenizer: Tokenizer) throws(TaperError) -> [Int] {
        guard let source else { return [] }
        return try tokenizer.encode(source.text, addSpecial: false, parseSpecial: false)
    }

    /// `count` sequences of `length` tokens spread evenly over the text's tokens, fewer when the text is short.
    func sequences(of tokens: [Int], count: Int, length: Int) throws(TaperError) -> [[Int]] {
        guard let source else { return [] }
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
