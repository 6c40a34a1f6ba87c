public import Evaluation
public import Storage
public import Text

/// Prompts for general training: the beginnings of passages spread evenly over a text.
public struct TextPrompts: Sendable {
    /// Token ids.
    public let prompts: [[Int]]

    /// Every prompt has its own part of the text, and a length drawn evenly from a range.
    ///
    /// - Throws: `badData` for a text too short for so many.
    public init(
        _ text: SourceText, tokenizer: Tokenizer, count: Int, lengths: ClosedRange<Int>, seed: UInt64
    ) throws(TaperError) {
        let tokens = try tokenizer.encode(text.text, addSpecial: false, parseSpecial: false)
        let room = tokens.count / max(1, count)
        guard count > 0, room >= lengths.lowerBound else {
            throw TaperError(
                .badData, "the text is too short for so many prompts", at: text.path,
                expected: "\(count * lengths.lowerBound) tokens for \(count) prompts", found: "\(tokens.count)",
                remedy: "Use a longer text, or fewer prompts")
        }
        let start = tokenizer.startTokens
        var generator = RandomGenerator(seed: seed)
        let longest = min(lengths.upperBound, room)
        prompts = (0..<count).map { index in
            let length = lengths.lowerBound + Int(generator.next() % UInt64(longest - lengths.lowerBound + 1))
            return Array(start + tokens[index * room..<index * room + length])
        }
    }
}
