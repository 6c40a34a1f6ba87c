internal import Chat
internal import Runtime
internal import Storage
internal import Text

/// What an answer's text is.
public enum AnswerFormat: Hashable, Sendable {
    /// Whatever the model writes.
    case text
    /// A JSON object. The answer ends with it, and parses, unless something else ends it before: its greatest length, a stop
    /// text, the end of the context, a cancellation.
    ///
    /// The prompt should ask for JSON too: a model that is only kept from writing anything else writes poor JSON.
    case json
}

extension Worker {
    /// What an answer's tokens are held to; nil for text.
    func constraint(_ format: AnswerFormat) throws(ModuleError) -> JSONConstraint? {
        guard format == .json else { return nil }
        if let known = jsonVocabulary { return JSONConstraint(known) }
        guard tokenizer.joinsBytes else {
            throw ModuleError(
                .unsupported, "the tokenizer puts text between its tokens, so none can be kept from breaking JSON",
                at: "format")
        }
        let vocabulary = JSONVocabulary(
            tokenizer, count: engine.vocabularySize, ends: AnswerEnds(engine.config, tokenizer, template).tokens)
        guard vocabulary.tokens(after: JSONProgress()).contains(where: { $0 != 0 }) else {
            throw ModuleError(.unsupported, "the vocabulary cannot write JSON", at: "format")
        }
        jsonVocabulary = vocabulary
        return JSONConstraint(vocabulary)
    }
}
