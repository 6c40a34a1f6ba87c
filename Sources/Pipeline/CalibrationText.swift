import Evaluation
import Storage
import Text

/// Token sequences for statistics: cut from a text, sampled from the model itself, or both.
struct CalibrationText {
    /// nil: everything is the model's own text.
    let source: SourceText?
    /// What the model wrote (`Converter.writeOwnText`), once it is there.
    var own: OwnText?

    /// Plain text, or JSONL (`SourceText`).
    /// - Parameter path: nil when there is only the model's own text.
    init(path: String?) throws(TaperError) {
        source = try path.map { path throws(TaperError) in try SourceText(path: path) }
    }

    /// What content keys are made of: the text's bytes, and the key of the model's own text where there is one.
    var bytes: [UInt8] { (source?.bytes ?? []) + Array((own?.key.text ?? "").utf8) }
    /// Of the text's file; nil without a text.
    var checksum: UInt64? { source?.checksum }
    /// For people.
    var name: String { source?.name ?? "the model's own text" }

    /// `count` sequences of `length` tokens spread evenly over the text, fewer when the text is short; then at most `ownLimit` of
    /// the model's own, cut to that length.
    func sequences(
        _ tokenizer: Tokenizer, count: Int, length: Int, ownLimit: Int = .max
    ) throws(TaperError) -> [[Int]] {
        try textSequences(tokenizer, count: count, length: length)
            + (own?.sequences ?? []).prefix(ownLimit).map { Array($0.prefix(length)) }
    }

    /// All tokens of the text.
    func tokens(_ tokenizer: Tokenizer) -> [Int] {
        source.map { tokenizer.encode($0.text, addSpecial: false, parseSpecial: false) } ?? []
    }

    private func textSequences(_ tokenizer: Tokenizer, count: Int, length: Int) throws(TaperError) -> [[Int]] {
        guard let source else { return [] }
        let tokens = tokens(tokenizer)
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
