package import Evaluation
package import Storage
package import Text

/// Token sequences for statistics, cut from a text.
package struct CalibrationText {
    /// nil: everything is the model's own text.
    let source: SourceText?

    package init(_ source: SourceText?) { self.source = source }

    /// Of the text's file; nil without a text.
    var checksum: UInt64? { source?.checksum }
    /// For people.
    var name: String { source?.name ?? "the model's own text" }

    /// All tokens of the text.
    package func tokens(_ tokenizer: Tokenizer) throws(TaperError) -> [Int] {
        guard let source else { return [] }
        return try tokenizer.encode(source.text, addSpecial: false, parseSpecial: false)
    }

    /// `count` sequences of `length` tokens spread evenly over the text's tokens, fewer when the text is short.
    ///
    /// - Parameter start: tokens with which every sequence begins, the tokenizer's `startTokens`.
    package func sequences(
        of tokens: [Int], start: [Int], count: Int, length: Int
    ) throws(TaperError) -> [[Int]] {
        guard let source else { return [] }
        let length = length - start.count
        guard length >= 1 else {
            throw TaperError(
                .usage, "calibration sequences have no room for text", at: field("calibration_length"),
                expected: "more than the \(start.count) tokens with which the tokenizer begins every text",
                found: String(length + start.count))
        }
        guard tokens.count >= 2 else {
            throw TaperError(
                .badData, "the calibration text is too short", at: source.path, expected: "at least 2 tokens",
                found: String(tokens.count))
        }
        if tokens.count <= length { return [start + tokens] }
        let available = tokens.count / length
        return (0..<min(count, available)).map { index in
            let first =
                available <= count ? index * length : count == 1 ? 0 : index * (tokens.count - length) / (count - 1)
            return start + tokens[first..<first + length]
        }
    }
}
