public import Model
public import Text

/// What ends a model's answers: the one rule for programs that run a bundle and for the stage that packs it.
public struct AnswerEnds: Sendable {
    /// The model's end tokens, the tokenizer's, and the chat format's stops that are tokens; in no order.
    public let tokens: [Int]
    /// The chat format's stops that are no tokens.
    public let texts: [String]

    /// - Parameter template: nil where prompts are completed as they stand.
    public init(_ model: ModelConfig, _ tokenizer: Tokenizer, _ template: ChatTemplate?) {
        var tokens = model.eosTokens
        var texts: [String] = []
        if let end = tokenizer.eosToken, !tokens.contains(end) { tokens.append(end) }
        for stop in template?.stops ?? [] {
            guard let id = tokenizer.id(ofToken: stop), id < model.vocabularySize else {
                texts.append(stop)
                continue
            }
            if !tokens.contains(id) { tokens.append(id) }
        }
        self.tokens = tokens
        self.texts = texts
    }
}
