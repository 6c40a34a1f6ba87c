internal import Storage
internal import TaperRuntime

/// A request for `/v1/chat/completions`.
struct ChatRequest: Sendable {
    let messages: [Message]
    let parameters: AnswerParameters

    /// Far more than any context holds.
    private static let messageLimit = 4096

    init(
        _ fields: consuming RequestFields, facts: LanguageModel.Facts, precision: PrecisionChoice
    ) throws(APIError) {
        try ChatRequest.refuseOthers(&fields)
        messages = try ChatRequest.messages(&fields, facts)
        let newest = try fields.integer("max_completion_tokens", in: 1...Int(Int32.max))
        let isAsked = try fields.bool("logprobs") ?? false
        let alternatives = try fields.integer("top_logprobs", in: 0...20)
        guard isAsked || alternatives == nil else {
            throw .invalid("top_logprobs", "only where logprobs is set", remedy: "Set logprobs to true")
        }
        var parameters = try AnswerParameters(&fields, facts: facts, precision: precision, maxTokens: newest)
        parameters.options.logProbabilities = isAsked ? alternatives ?? 0 : nil
        // Two words for one limit: who gives both means both.
        if let newest { parameters.options.maxTokens = min(newest, parameters.options.maxTokens ?? newest) }
        self.parameters = parameters
        try fields.end()
    }

    /// What OpenAI's API knows, would change the answer, and is not done here.
    private static func refuseOthers(_ fields: inout RequestFields) throws(APIError) {
        if let choice = fields.value("tool_choice"), choice.string != "none", choice.string != "auto" {
            throw .unsupported("tool_choice", "the server calls no tools")
        }
        fields.ignore(["parallel_tool_calls"])
        try fields.refuse(["tools", "functions", "function_call"], "the server calls no tools")
        if let modes = fields.value("modalities") {
            guard let modes = modes.array, modes.count == 1, modes[0].string == "text" else {
                throw .unsupported("modalities", "answers are text", remedy: "Ask for [\"text\"]")
            }
        }
        try fields.refuse(["audio"], "answers are text")
        try fields.refuse(["web_search_options"], "the server reaches for no network")
        try fields.refuse(["prediction", "reasoning_effort", "verbosity"], "not supported")
    }

    private static func messages(
        _ fields: inout RequestFields, _ facts: LanguageModel.Facts
    ) throws(APIError) -> [Message] {
        guard let list = try fields.array("messages", limit: messageLimit) else {
            throw .invalid("messages", "missing", expected: "an array of messages")
        }
        guard !list.isEmpty else { throw .invalid("messages", "there is no message") }
        guard facts.hasChatFormat else {
            throw .unsupported(
                "messages", "the bundle has no chat format", remedy: "Complete text with /v1/completions")
        }
        var messages: [Message] = []
        for (index, value) in list.enumerated() {
            let place = "messages[\(index)]"
            let message = try message(RequestFields(value, at: place), place)
            if message.role == .system, !facts.readsSystemMessages {
                throw .unsupported(
                    place + ".role", "the model's chat format has no place for system messages",
                    remedy: "Put the text into the user's message")
            }
            messages.append(message)
        }
        return messages
    }

    private static func message(
        _ fields: consuming RequestFields, _ place: String
    ) throws(APIError) -> Message {
        let role: Message.Role
        switch try fields.string("role") {
        case "system", "developer": role = .system
        case "user": role = .user
        case "assistant": role = .assistant
        case "tool", "function": throw .unsupported(place + ".role", "the server calls no tools")
        case let other:
            throw .invalid(
                place + ".role", other == nil ? "missing" : "no such role",
                expected: "system, developer, user or assistant", found: other.map { "\"" + printable($0) + "\"" } ?? ""
            )
        }
        guard let content = fields.value("content") else {
            throw .invalid(place + ".content", "missing", expected: "a string")
        }
        let text = try text(content, place + ".content")
        try fields.refuse(["name"], "the chat format has no names")
        try fields.refuse(["tool_calls", "function_call", "tool_call_id"], "the server calls no tools")
        try fields.refuse(["audio", "refusal"], "messages are text")
        fields.ignore(["annotations"])
        try fields.end()
        return Message(role, text)
    }

    /// A string, or parts of text that follow each other.
    private static func text(_ content: JSONValue, _ place: String) throws(APIError) -> String {
        if let text = content.string { return text }
        guard let parts = content.array, !parts.isEmpty else {
            throw .invalid(place, "not a usable value", expected: "a string or parts of text", found: content.kind)
        }
        var text = ""
        for (index, part) in parts.enumerated() {
            let place = "\(place)[\(index)]"
            var fields = try RequestFields(part, at: place)
            let type = try fields.string("type")
            guard type == "text" else {
                throw .unsupported(
                    place + ".type", "the model reads text only, found \"" + printable(type ?? "nothing") + "\"",
                    remedy: "Send parts of the type \"text\"")
            }
            guard let piece = try fields.string("text") else { throw .invalid(place + ".text", "missing") }
            try fields.end()
            text += piece
        }
        return text
    }
}
