import Evaluation
import Foundation
import Scoring
import Storage
import Text
import Testing

@Suite struct TaskDataTests {
    private func read(_ lines: String, limit: Int = 100, direction: String? = nil) throws -> [TaskExample] {
        let path = NSTemporaryDirectory() + "taper-task-\(UUID().uuidString).jsonl"
        try AtomicFile.write(Array(lines.utf8), to: path, replacing: false)
        defer { Files.remove(path) }
        return try readTask(
            path, limit: limit, direction: try direction.map { try TranslationDirection(parsing: $0, place: "test") })
    }

    private func text(_ example: TaskExample?) throws -> String {
        guard case .text(let text) = try #require(example).prompt else { return "" }
        return text
    }

    @Test func promptsAndMessagesComeWithOneReferenceOrSeveral() throws {
        let examples = try read(
            """
            {"prompt": "p", "reference": "r"}

            {"messages": [{"role": "user", "content": "hi"}], "references": ["a", "b"]}
            """ + "\r\n")
        #expect(examples.map(\.references) == [["r"], ["a", "b"]])
        #expect(try text(examples.first) == "p")
        guard case .messages(let messages) = examples[1].prompt else {
            Issue.record("no messages")
            return
        }
        #expect(messages.map(\.content) == ["hi"])
        #expect(try read("{\"prompt\": \"p\", \"reference\": \"r\"}\nnot json", limit: 1).count == 1)
    }

    @Test func dialogSumHasOneSummaryOrThree() throws {
        let examples = try read(
            """
            {"fname": "dev_0", "dialogue": "#Person1#: Hi", "summary": "A greeting.", "topic": "t"}
            {"dialogue": "#Person1#: Bye", "summary1": "x", "topic1": "t", "summary2": "y", "summary3": "z"}
            """)
        #expect(examples.map(\.references) == [["A greeting."], ["x", "y", "z"]])
        #expect(try text(examples.first).hasSuffix("\n\n#Person1#: Hi"))
        #expect(try text(examples.first).hasPrefix("Summarize the following dialogue"))
    }

    @Test func newsHaveHighlights() throws {
        let examples = try read(#"{"article": "It rained.", "highlights": "Rain .\nMore rain .", "id": "7"}"#)
        #expect(examples[0].references == ["Rain .\nMore rain ."])
        #expect(try text(examples.first) == "Summarize the following news article in a few sentences.\n\nIt rained.")
    }

    @Test func humanEvalHasTestsAndASolution() throws {
        let line =
            #"{"task_id": "t/0", "prompt": "def f():\n", "entry_point": "f", "canonical_solution": "    return 1", "test": "def check(c): c()""#
        let bare = try read(line + "}")[0]
        #expect(try text(bare) == "def f():\n" && bare.references == ["    return 1"])
        #expect(bare.problem?.entryPoint == "f" && bare.problem?.identifier == "t/0")
        // What is asked is one thing, how the function begins another.
        let asked = try read(line + #", "messages": [{"role": "user", "content": "Write f."}]}"#)[0]
        guard case .messages(let messages) = asked.prompt else {
            Issue.record("no messages")
            return
        }
        #expect(messages[0].content == "Write f." && asked.problem == bare.problem)
    }

    @Test func translationsGoInTheDirectionAsked() throws {
        let line = #"{"translation": {"en": "Thank you.", "fr": "Merci."}}"#
        let french = try read(line, direction: "fr-en")
        #expect(french[0].references == ["Thank you."])
        #expect(try text(french.first).contains("from French to English"))
        #expect(try text(french.first).hasSuffix("\n\nMerci."))
        #expect(try read(line, direction: "en-fr")[0].references == ["Merci."])
        for wrong in ["fr", "fr-fr", "fr-en-de", "french-english", "fr-xx", ""] {
            #expect(throws: TaperError(.usage, "")) { try TranslationDirection(parsing: wrong, place: "test") }
        }
    }

    @Test(arguments: [
        (#"{"prompt": "p"}"#, "reference"), (#"{"prompt": 3, "reference": "r"}"#, "prompt"),
        (#"{"reference": "r"}"#, "no prompt"), (#"{"prompt": "p", "references": []}"#, "reference"),
        (#"{"prompt": "p", "references": ["a", 2]}"#, "references"),
        (#"{"prompt": "p", "references": "a"}"#, "reference"),
        (#"{"dialogue": "d", "summary": ["s"]}"#, "summary"),
        (#"{"dialogue": "d", "summary1": "s", "summary2": null}"#, "summary2"),
        (#"{"article": "a"}"#, "highlights"), (#"{"article": null, "highlights": "h"}"#, "article"),
        (#"{"translation": {"fr": "a", "en": "b"}}"#, "fr-en"), (#"{"translation": "a"}"#, "direction"),
        (#"{"messages": [{"role": "user"}], "reference": "r"}"#, "content"),
        (#"{"prompt": "p", "test": "t", "canonical_solution": "s"}"#, "entry_point"),
        (#"{"prompt": "p", "entry_point": "f", "canonical_solution": "s"}"#, "test"),
        (#"{"prompt": "p", "test": "t", "entry_point": "f.g", "canonical_solution": "s"}"#, "f.g"),
        (#"{"prompt": "p", "test": "t", "entry_point": "f"}"#, "reference"),
        ("[1]", "no object"), ("{", ":2"),
    ])
    func badLinesAreNamed(line: String, words: String) throws {
        let error = #expect(throws: TaperError.self) {
            try read("{\"prompt\": \"p\", \"reference\": \"r\"}\n" + line)
        }
        #expect(error?.code == .badData)
        #expect(error?.message.contains(".jsonl:2") == true, "\(error?.message ?? "")")
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [
        (#"{"translation": {"fr": "a"}}"#, "en"), (#"{"translation": {"fr": "a", "en": 1}}"#, "en"),
        (#"{"prompt": "p", "reference": "r"}"#, "no translation"),
    ])
    func badTranslationsAreNamed(line: String, words: String) throws {
        let error = #expect(throws: TaperError.self) { try read(line, direction: "fr-en") }
        #expect(error?.code == .badData && error?.message.contains(".jsonl:1") == true)
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }
}
