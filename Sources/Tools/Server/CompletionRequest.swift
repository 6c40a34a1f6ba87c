internal import Storage
internal import TaperRuntime

/// A request for `/v1/completions`.
struct CompletionRequest: Sendable {
    let prompts: [Prompt]
    let parameters: AnswerParameters

    private static let promptLimit = 16
    /// Where a request names no limit, as OpenAI's documentation has it.
    private static let usualMaxTokens = 16

    init(
        _ fields: consuming RequestFields, facts: LanguageModel.Facts, precision: PrecisionChoice
    ) throws(APIError) {
        guard let prompt = fields.value("prompt") else {
            throw .invalid("prompt", "missing", expected: "a text, token ids, or an array of either")
        }
        prompts = try CompletionRequest.prompts(prompt, facts)
        try fields.refuse(["echo"], "the prompt is not repeated")
        if let suffix = fields.value("suffix"), suffix.string != "" {
            throw .unsupported("suffix", "models here write on, they do not fill in")
        }
        if let best = try fields.integer("best_of", in: 1...Int.max), best != 1 {
            throw .unsupported("best_of", "all answers are returned", remedy: "Use n")
        }
        let alternatives = try fields.integer("logprobs", in: 0...5)
        var parameters = try AnswerParameters(
            &fields, facts: facts, precision: precision, maxTokens: CompletionRequest.usualMaxTokens)
        parameters.options.logProbabilities = alternatives
        self.parameters = parameters
        try fields.end()
    }

    /// A text, its tokens, or several of either.
    private static func prompts(
        _ value: JSONValue, _ facts: LanguageModel.Facts
    ) throws(APIError) -> [Prompt] {
        if let text = value.string { return [.text(text)] }
        guard let list = value.array, !list.isEmpty else {
            throw .invalid(
                "prompt", "not a usable value", expected: "a text, token ids, or an array of either",
                found: value.array == nil ? value.kind : "an empty array")
        }
        if list[0].double != nil { return [try tokens(value, "prompt", facts)] }
        guard list.count <= promptLimit else {
            throw .invalid("prompt", "too many prompts", expected: "at most \(promptLimit)", found: String(list.count))
        }
        var prompts: [Prompt] = []
        for (index, value) in list.enumerated() {
            if let text = value.string {
                prompts.append(.text(text))
            } else {
                prompts.append(try tokens(value, "prompt[\(index)]", facts))
            }
        }
        return prompts
    }

    private static func tokens(
        _ value: JSONValue, _ place: String, _ facts: LanguageModel.Facts
    ) throws(APIError) -> Prompt {
        .tokens(try tokenList(value, place, facts))
    }

    /// Ids of the vocabulary.
    static func tokenList(
        _ value: JSONValue, _ place: String, _ facts: LanguageModel.Facts
    ) throws(APIError) -> [Int] {
        guard let list = value.array, !list.isEmpty else {
            throw .invalid(place, "not a usable value", expected: "an array of token ids", found: value.kind)
        }
        return try list.enumerated().map { element throws(APIError) in
            guard let token = element.element.integer, (0..<facts.vocabularySize).contains(token) else {
                throw .invalid(
                    "\(place)[\(element.offset)]", "no token's id", expected: "0 to \(facts.vocabularySize - 1)")
            }
            return token
        }
    }
}
