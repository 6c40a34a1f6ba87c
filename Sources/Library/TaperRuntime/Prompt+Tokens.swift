internal import Chat
internal import Runtime
internal import Storage
internal import Text

extension Prompt {
    /// Whether the chat format, where there is one, has a say in it.
    var isChat: Bool { if case .messages = self { true } else { false } }
}

extension Request {
    /// Tokens of a prompt outside a conversation.
    func tokens(_ template: ChatTemplate?, room: ContextRoom, _ tokenizer: Text.Tokenizer) throws(ModuleError) -> [Int]
    {
        var tokens: [Int]
        switch prompt {
        case .tokens(let given): tokens = given
        case .text(let text): tokens = try completed(text, tokenizer)
        case .messages(let messages):
            if let template {
                tokens = try template.encode(
                    messages.map { ChatMessage(role: $0.role.rawValue, content: $0.text) }, addGenerationPrompt: true,
                    tokenizer: tokenizer)
                try room.check(tokens)
                return tokens
            }
            guard messages.count == 1, messages[0].role == .user else {
                throw ModuleError(
                    .unsupported, "the bundle has no chat format for these messages", at: "prompt",
                    expected: "one user's message", found: String(messages.count) + " messages")
            }
            tokens = try completed(messages[0].text, tokenizer)
        }
        guard !tokens.isEmpty else { throw ModuleError(.badData, "the prompt is empty", at: "prompt") }
        _ = try room.fit(&tokens, startToken: tokenizer.bosToken)
        return tokens
    }

    private func completed(_ text: String, _ tokenizer: Text.Tokenizer) throws(ModuleError) -> [Int] {
        let tokens = try tokenizer.encode(text, addSpecial: true, parseSpecial: true)
        if tokens.isEmpty, let start = tokenizer.bosToken { return [start] }
        return tokens
    }
}

extension Seat {
    /// Adds the message: the sequence, and what is to be read into it.
    func ask(
        _ prompt: Prompt, maxNewTokens: Int, on worker: isolated Worker
    ) throws(ModuleError) -> (TokenSequence, [Int]) {
        guard case .messages(let messages) = prompt, let message = messages.last, let template = worker.template else {
            preconditionFailure("conversations are made where there is a chat format, of messages")
        }
        let conversation: Chat.Conversation
        if let begun = self.conversation {
            conversation = begun
        } else {
            let sequence = try worker.engine.makeSequence()
            conversation = Chat.Conversation(
                template, worker.tokenizer, system: system, in: sequence,
                room: ContextRoom(
                    capacity: sequence.capacity, maxNewTokens: maxNewTokens, dropsOldest: dropsOldest,
                    remedy: "Start over with clear, open the model with a larger contextLength, or let the "
                        + "conversation drop its oldest messages"))
            self.conversation = conversation
        }
        return (conversation.sequence, try conversation.ask(message.text))
    }
}

extension Worker {
    nonisolated func room(_ options: AnswerOptions, capacity: Int) -> ContextRoom {
        ContextRoom(
            capacity: capacity, maxNewTokens: options.maxTokens ?? -1, dropsOldest: options.dropsOldest,
            remedy: "Open the model with a larger contextLength, or shorten the text")
    }
}
