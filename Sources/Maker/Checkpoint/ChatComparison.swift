internal import Storage
internal import Text

/// Compares a declarative form with the template on one conversation.
struct ChatComparison {
    let published: PublishedTemplate
    let tokenizer: Tokenizer
    let addsBos: Bool

    init(_ published: PublishedTemplate, tokenizer: Tokenizer, addsBos: Bool) {
        self.published = published
        self.tokenizer = tokenizer
        self.addsBos = addsBos
    }

    /// nil when text and tokens are equal, or when the form refuses the conversation: then nothing wrong is written.
    func difference(
        _ form: ChatTemplate, _ conversation: HeldConversations.Conversation
    ) throws(TaperError) -> String? {
        let (messages, generation) = (conversation.messages, conversation.generation)
        guard let text = try? form.render(messages, addGenerationPrompt: generation) else { return nil }
        let what = "for " + ChatComparison.described(messages) + (generation ? "" : " without an answer to come")
        switch try published.outcome(messages, generation: generation) {
        case .refused(let why): return what + ", which it refuses (" + printable(why, limit: 200) + ")"
        case .text(let expected):
            guard Array(text.utf8) == Array(expected.utf8) else {
                return what + " it writes " + ChatComparison.quoted(expected) + ", not " + ChatComparison.quoted(text)
            }
            if conversation.spellsTokens { return nil }
            var ids = try tokenizer.encode(expected, addSpecial: false, parseSpecial: true)
            if addsBos, tokenizer.addsBos, let bos = tokenizer.bosToken, ids.first != bos { ids.insert(bos, at: 0) }
            let own = try form.encode(messages, addGenerationPrompt: generation, tokenizer: tokenizer)
            guard own == ids else {
                let at = zip(own, ids).enumerated().first { $1.0 != $1.1 }?.offset ?? min(own.count, ids.count)
                return what + " token " + String(at) + " is " + (at < ids.count ? String(ids[at]) : "none") + ", not "
                    + (at < own.count ? String(own[at]) : "none")
            }
            return nil
        }
    }

    static func described(_ messages: [ChatMessage]) -> String {
        let parts = messages.prefix(3).map { $0.role + " \"" + printable($0.content, limit: 24) + "\"" }
        return parts.joined(separator: ", ") + (messages.count > 3 ? ", ..." : "")
    }

    static func quoted(_ text: String) -> String {
        var out = ""
        for scalar in printable(text, limit: 240).unicodeScalars { out.unicodeScalars.append(scalar) }
        return "\"" + out + "\""
    }
}
