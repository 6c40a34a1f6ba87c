public import Evaluation
public import Scoring
public import Storage
public import Text

/// What a schedule is calibrated on: examples of a task, or passages of a text that the model goes on with.
public struct CalibrationExamples: Sendable {
    public enum Kind: String, Sendable {
        case examples
        /// Beginnings of passages of a text, as they stand, without the chat template.
        case passages
    }
    public let kind: Kind
    public let examples: [TaskExample]

    /// Tokens of a passage that are read; the rest of it is the model's to write.
    private static let passageLengths = 32...256

    /// Reads JSON Lines of prompts, whose references may be missing where the metric needs none, or a text: any other file, or
    /// lines that hold nothing but "text".
    ///
    /// - Parameters:
    ///   - limit: at most this many examples.
    ///   - room: positions of the context that answers leave to prompts.
    /// - Throws: `usage` for a text and a metric that compares with references; `badData` naming file and line.
    public init(
        _ path: String, limit: Int, direction: TranslationDirection?, metric: TaskMetric, tokenizer: Tokenizer,
        room: Int
    ) throws(TaperError) {
        guard try !CalibrationExamples.isTask(path) else {
            kind = .examples
            examples = try readTask(
                path, limit: limit, direction: direction, needsReferences: metric.comparesTexts)
            try metric.check(examples, place: path)
            return
        }
        guard !metric.comparesTexts else {
            throw TaperError(
                .usage, "a text has no reference answers for \(metric.rawValue)", at: path,
                remedy: "Use the metric kl or agreement, or JSON Lines with \"prompt\" and \"reference\"")
        }
        let text = try SourceText(path: path)
        let count = try tokenizer.encode(text.text, addSpecial: false, parseSpecial: false).count
        let lengths = CalibrationExamples.passageLengths
        let prompts = try TextPrompts(
            text, tokenizer: tokenizer, count: max(1, min(limit, count / (2 * lengths.lowerBound))),
            lengths: lengths
                .lowerBound...max(
                    lengths.lowerBound, min(lengths.upperBound, room - tokenizer.startTokens.count)), seed: 1
        ).prompts
        kind = .passages
        examples = prompts.map { TaskExample(prompt: .tokens($0), references: []) }
    }

    /// Whether a file's first line is an example with a prompt, whatever the file is called.
    private static func isTask(_ path: String) throws(TaperError) -> Bool {
        let bytes = try Files.read(path, limit: 1 << 30)
        let blank: [UInt8] = [0x20, 0x0d, 0x09]
        guard let line = bytes.split(separator: 0x0a).first(where: { !$0.allSatisfy(blank.contains) }) else {
            throw TaperError(.badData, "there are no examples", at: path)
        }
        guard let json = try? JSONValue.parse(Array(line), place: path), json.members != nil else {
            return SourceText.isLines(path)
        }
        return !(json["text"]?.string != nil && json["prompt"] == nil && json["messages"] == nil)
    }
}
