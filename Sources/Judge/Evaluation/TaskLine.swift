import Scoring
import Storage
import Text

/// One line of a task file, in any of the layouts that `readTask` knows.
struct TaskLine {
    let json: JSONValue
    /// "file:line".
    let place: String
    var needsReferences = true

    func example(_ direction: TranslationDirection?) throws(TaperError) -> TaskExample {
        guard json.members != nil else {
            throw TaperError(.badData, "the line is no object", at: place, found: json.kind)
        }
        if let pair = json["translation"] { return try translation(pair, direction) }
        if let direction {
            throw TaperError(
                .badData, "the line is no translation", at: place,
                expected: "\"translation\": {\"\(direction.source)\", \"\(direction.target)\"}",
                remedy: "Leave the direction out")
        }
        if json["prompt"] == nil, json["messages"] == nil, let article = json["article"] {
            return TaskExample(
                prompt: .text(
                    "Summarize the following news article in a few sentences.\n\n" + (try text(article, "article"))),
                references: [try text(json["highlights"], "highlights")])
        }
        if json["test"] != nil || json["entry_point"] != nil { return try code() }
        return TaskExample(prompt: try prompt(), references: try references())
    }

    private func text(_ value: JSONValue?, _ key: String) throws(TaperError) -> String {
        guard let text = value?.string else {
            throw TaperError(
                .badData, "\"\(key)\" has no usable value", at: place, expected: "a string",
                found: value?.kind ?? "nothing")
        }
        return text
    }

    private func translation(_ pair: JSONValue, _ direction: TranslationDirection?) throws(TaperError) -> TaskExample {
        guard let direction else {
            let languages = pair.members?.map { printable($0.key) }.joined(separator: "-") ?? pair.kind
            throw TaperError(
                .badData, "a translation needs a direction", at: place, found: languages,
                remedy: "Give \(field("direction")), such as fr-en, or \"direction\" in the recipe")
        }
        return TaskExample(
            prompt: .text(direction.prompt(try text(pair[direction.source], direction.source))),
            references: [try text(pair[direction.target], direction.target)])
    }

    private func code() throws(TaperError) -> TaskExample {
        let problem = try CodeProblem(
            prompt: try text(json["prompt"], "prompt"), tests: try text(json["test"], "test"),
            entryPoint: try text(json["entry_point"], "entry_point"), identifier: json["task_id"]?.string, place: place)
        let solution = json["canonical_solution"]
        let references = solution == nil ? try references() : [try text(solution, "canonical_solution")]
        var prompt = TaskExample.Prompt.text(problem.prompt)
        if let messages = try messages() { prompt = .messages(messages) }
        return TaskExample(prompt: prompt, references: references, problem: problem)
    }

    private func references() throws(TaperError) -> [String] {
        if let value = json["reference"] ?? json["summary"] {
            return [try text(value, json["reference"] == nil ? "summary" : "reference")]
        }
        var found: [String] = []
        if let list = json["references"] {
            for item in list.array ?? [] { found.append(try text(item, "references")) }
        } else {
            // Several people's summaries of one dialogue.
            while let value = json["summary" + String(found.count + 1)] {
                found.append(try text(value, "summary" + String(found.count + 1)))
            }
        }
        guard !found.isEmpty || !needsReferences else {
            throw TaperError(
                .badData, "\"reference\" is missing", at: place,
                expected: "a string, or an array \"references\" of some")
        }
        return found
    }

    /// nil where there are none.
    private func messages() throws(TaperError) -> [ChatMessage]? {
        guard let list = json["messages"]?.array, !list.isEmpty else { return nil }
        var messages: [ChatMessage] = []
        for item in list {
            guard let role = item["role"]?.string, let content = item["content"]?.string else {
                throw TaperError(.badData, "a message needs \"role\" and \"content\"", at: place)
            }
            messages.append(ChatMessage(role: role, content: content))
        }
        return messages
    }

    private func prompt() throws(TaperError) -> TaskExample.Prompt {
        if let value = json["prompt"] { return .text(try text(value, "prompt")) }
        if let messages = try messages() { return .messages(messages) }
        if let value = json["dialogue"] {
            return .text(
                "Summarize the following dialogue in one or two sentences.\n\n" + (try text(value, "dialogue")))
        }
        throw TaperError(
            .badData, "the example has no prompt", at: place,
            expected: "\"prompt\", \"messages\", \"dialogue\", \"article\" or \"translation\"")
    }
}
