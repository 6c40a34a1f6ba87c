public import Scoring
public import Storage
public import Text

/// One example of a task: a prompt, and the texts a good answer resembles.
public struct TaskExample: Sendable {
    public enum Prompt: Sendable {
        case text(String)
        case messages([ChatMessage])
        /// Token ids, as they are.
        case tokens([Int])
    }
    public var prompt: Prompt
    /// At least one where the metric compares with references.
    public var references: [String]
    /// Of tasks that ask for a function.
    public var problem: CodeProblem?

    public init(prompt: Prompt, references: [String], problem: CodeProblem? = nil) {
        self.prompt = prompt
        self.references = references
        self.problem = problem
    }

    /// Token ids: messages go through the chat template, a bare prompt too when there is one, as the runner does.
    public func tokens(_ tokenizer: Tokenizer, _ template: ChatTemplate?) throws(TaperError) -> [Int] {
        switch (prompt, template) {
        case (.tokens(let tokens), _): return tokens
        case (.text(let text), nil): return try tokenizer.encode(text)
        case (.text(let text), let template?):
            return try template.encode(
                [ChatMessage(role: "user", content: text)], addGenerationPrompt: true, tokenizer: tokenizer)
        case (.messages(let messages), let template?):
            return try template.encode(messages, addGenerationPrompt: true, tokenizer: tokenizer)
        case (.messages, nil):
            throw TaperError(
                .badData, "the example has chat messages, but the model has no chat template", at: "task",
                remedy: "Convert with \(field("chat_template"))")
        }
    }
}

/// Reads a task, one JSON object a line:
///
/// - `{"prompt" or "messages", "reference" or "references"}`;
/// - DialogSum's `{"dialogue", "summary"}` or `"summary1"`, `"summary2"`, ..., and CNN/DailyMail's
///   `{"article", "highlights"}`: a request to summarise;
/// - HumanEval's `{"prompt", "test", "entry_point", "canonical_solution"}`; with `messages` they are what is asked, and the
///   prompt is only how the function begins;
/// - IWSLT's and WMT's `{"translation": {"fr", "en"}}`: a request to translate in the given direction.
///
/// - Parameters:
///   - direction: of translations, whose lines do not say it; refused for other tasks.
///   - needsReferences: whether a line without a reference is refused.
/// - Throws: `badData` naming file and line.
public func readTask(
    _ path: String, limit: Int = 100_000, direction: TranslationDirection? = nil, needsReferences: Bool = true
) throws(TaperError) -> [TaskExample] {
    let bytes = try Files.readText(path, limit: 1 << 30)
    var examples: [TaskExample] = []
    for (index, line) in bytes.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
        if line.allSatisfy({ $0 == 0x20 || $0 == 0x0d || $0 == 0x09 }) { continue }
        if examples.count == limit { break }
        let place = path + ":" + String(index + 1)
        let json = try JSONValue.parse(Array(line), place: place)
        examples.append(try TaskLine(json: json, place: place, needsReferences: needsReferences).example(direction))
    }
    guard !examples.isEmpty else { throw TaperError(.badData, "the task has no examples", at: path) }
    return examples
}
