public import Storage
public import Text

/// One example of a task: a prompt, and the texts a good answer resembles.
public struct TaskExample: Sendable {
    public enum Prompt: Sendable {
        case text(String)
        case messages([ChatMessage])
    }
    public var prompt: Prompt
    /// At least one.
    public var references: [String]

    /// Token ids: messages go through the chat template, a bare prompt too when there is one, as the runner does.
    public func tokens(_ tokenizer: Tokenizer, _ template: ChatTemplate?) throws(TaperError) -> [Int] {
        switch (prompt, template) {
        case (.text(let text), nil): return tokenizer.encode(text)
        case (.text(let text), let template?):
            return try template.encode(
                [ChatMessage(role: "user", content: text)], addGenerationPrompt: true, tokenizer: tokenizer)
        case (.messages(let messages), let template?):
            return try template.encode(messages, addGenerationPrompt: true, tokenizer: tokenizer)
        case (.messages, nil):
            throw TaperError(
                .badData, "the example has chat messages, but the model has no chat template", at: "task",
                remedy: "Convert with --chat-template")
        }
    }
}

/// Reads a task: one JSON object a line, `{"prompt" or "messages", "reference" or "references"}`; the layout of DialogSum,
/// `{"dialogue", "summary"}` or `"summary1"`, `"summary2"`, ..., becomes a request to summarise.
///
/// - Throws: `badData` naming file and line.
public func readTask(_ path: String, limit: Int = 100_000) throws(TaperError) -> [TaskExample] {
    let bytes = try Files.read(path, limit: 1 << 30)
    var examples: [TaskExample] = []
    for (index, line) in bytes.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
        if line.allSatisfy({ $0 == 0x20 || $0 == 0x0d || $0 == 0x09 }) { continue }
        if examples.count == limit { break }
        let place = path + ":" + String(index + 1)
        let json = try JSONValue.parse(Array(line), place: place)
        examples.append(TaskExample(prompt: try prompt(json, place), references: try references(json, place)))
    }
    guard !examples.isEmpty else { throw TaperError(.badData, "the task has no examples", at: path) }
    return examples
}

private func references(_ json: JSONValue, _ place: String) throws(TaperError) -> [String] {
    if let text = (json["reference"] ?? json["summary"])?.string { return [text] }
    var found: [String] = []
    if let list = json["references"]?.array {
        for item in list {
            guard let text = item.string else {
                throw TaperError(
                    .badData, "a reference is no text", at: place, expected: "strings in \"references\"",
                    found: item.kind)
            }
            found.append(text)
        }
    } else {
        while let text = json["summary" + String(found.count + 1)]?.string { found.append(text) }
    }
    guard !found.isEmpty else {
        throw TaperError(
            .badData, "\"reference\" is missing", at: place, expected: "a string, or an array \"references\" of some")
    }
    return found
}

private func prompt(_ json: JSONValue, _ place: String) throws(TaperError) -> TaskExample.Prompt {
    if let text = json["prompt"]?.string { return .text(text) }
    if let list = json["messages"]?.array, !list.isEmpty {
        var messages: [ChatMessage] = []
        for item in list {
            guard let role = item["role"]?.string, let content = item["content"]?.string else {
                throw TaperError(.badData, "a message needs \"role\" and \"content\"", at: place)
            }
            messages.append(ChatMessage(role: role, content: content))
        }
        return .messages(messages)
    }
    if let dialogue = json["dialogue"]?.string {
        return .text("Summarize the following dialogue in one or two sentences.\n\n" + dialogue)
    }
    throw TaperError(.badData, "the example has no prompt", at: place, expected: "\"prompt\" or \"messages\"")
}
