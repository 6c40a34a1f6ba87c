public import Text

extension Checkpoint {
    /// llama.cpp, whose format it is, puts the start token in front of a GGUF's prompts when the file asks for it; the
    /// transformers library leaves it to the template.
    private var addsBos: Bool { format == CheckpointFormat.gguf.rawValue }
    private var place: String { path + ": chat template" }

    /// The declarative form of the checkpoint's own chat template.
    public func chatDerivation(_ tokenizer: Tokenizer) -> ChatDerivation {
        ChatDerivation(chatTemplates, tokenizer: tokenizer, addsBos: addsBos, place: place)
    }

    /// How a form chosen by its name differs from the checkpoint's own template; nil when it does not, or there is none.
    public func chatDifference(of form: ChatTemplate, _ tokenizer: Tokenizer) -> String? {
        ChatDerivation.difference(of: form, from: chatTemplates, tokenizer: tokenizer, addsBos: addsBos, place: place)
    }
}
