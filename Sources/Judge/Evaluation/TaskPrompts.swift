import Model
public import Storage
public import Text

/// The examples of a task as token ids for one model: the same rendering for calibration, generation and likelihoods.
public struct TaskPrompts {
    public let tokenizer: Tokenizer
    public let prompts: [[Int]]
    /// Reference texts of every example; none where the metric needs none.
    public let references: [[String]]
    /// Tokens that end an answer: the model's, the tokenizer's and the chat template's, ascending.
    public let stopTokens: [Int]

    /// - Throws: `badData` naming the example that cannot be rendered.
    public init(_ model: AnyModel, examples: [TaskExample], place: String) throws(TaperError) {
        tokenizer = try model.tokenizer()
        let template = try model.chatTemplate()
        var prompts: [[Int]] = []
        for (index, example) in examples.enumerated() {
            do throws(TaperError) {
                prompts.append(try example.tokens(tokenizer, template))
            } catch {
                throw error.at(place + ": example \(index + 1)")
            }
        }
        self.prompts = prompts
        references = examples.map(\.references)
        stopTokens = TaskPrompts.stopTokens(model, tokenizer, template)
    }

    /// Prompts that are token ids already, without references.
    public init(_ model: AnyModel, prompts: [[Int]]) throws(TaperError) {
        tokenizer = try model.tokenizer()
        self.prompts = prompts
        references = prompts.map { _ in [] }
        stopTokens = TaskPrompts.stopTokens(model, tokenizer, try model.chatTemplate())
    }

    private static func stopTokens(_ model: AnyModel, _ tokenizer: Tokenizer, _ template: ChatTemplate?) -> [Int] {
        var stops = Set(model.config.eosTokens)
        for stop in template?.stops ?? [] { if let id = tokenizer.id(ofToken: stop) { stops.insert(id) } }
        if let end = tokenizer.eosToken { stops.insert(end) }
        return stops.sorted()
    }

    public var longestPrompt: Int { prompts.map(\.count).max() ?? 0 }

    /// Prompt and reference answer of every example as a window in which only the answer's tokens are predicted. The end
    /// of the turn is not counted, and the answer, the first of several references, is tokenized by itself, as it would be written.
    ///
    /// - Throws: `badData` for an example without answer, or longer than the context: nothing is cut in silence.
    public func completions(contextLength: Int, place: String) throws(TaperError) -> [PerplexityProtocol.Window] {
        var windows: [PerplexityProtocol.Window] = []
        for (index, prompt) in prompts.enumerated() {
            let here = place + ": example \(index + 1)"
            let answer = try tokenizer.encode(references[index].first ?? "", addSpecial: false, parseSpecial: false)
            guard !answer.isEmpty, !prompt.isEmpty else {
                throw TaperError(.badData, "the example has no text to predict, or no prompt", at: here)
            }
            guard prompt.count + answer.count <= contextLength else {
                throw TaperError(
                    .badData, "prompt and answer exceed the model's context", at: here,
                    expected: "at most \(contextLength) tokens", found: "\(prompt.count) + \(answer.count)",
                    remedy: "Shorten the example, or stop before it with \(field("examples")) \(index)")
            }
            windows.append(
                PerplexityProtocol.Window(
                    tokens: prompt + answer, firstPredicted: prompt.count, promptCount: prompt.count))
        }
        return windows
    }
}
