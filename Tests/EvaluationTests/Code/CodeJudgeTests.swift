import Evaluation
import Foundation
import Kernels
import Scoring
import Storage
import Text
import Testing

@Suite struct CodeJudgeTests {
    static let task =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path + "/samples/tasks/code.jsonl"
    let examples: [TaskExample]
    let pool: ThreadPool

    init() throws {
        examples = try readTask(Self.task)
        pool = try ThreadPool(threadCount: 2)
    }

    private func judge() throws -> CodeJudge {
        try CodeJudge(examples, consent: true, pool: pool, place: Self.task)
    }

    @Test func nothingIsRunWithoutConsent() throws {
        let error = #expect(throws: TaperError.self) {
            try CodeJudge(examples, consent: false, pool: pool, place: Self.task)
        }
        #expect(error?.code == .usage)
    }

    @Test func examplesWithoutTestsAreRefused() throws {
        let plain = TaskExample(prompt: .text("p"), references: ["r"])
        let error = #expect(throws: TaperError.self) {
            try CodeJudge([examples[0], plain], consent: true, pool: pool, place: "file")
        }
        #expect(error?.code == .badData && error?.message.contains("file: example 2") == true)
    }

    @Test func rightAnswersPassAndWrongOnesDoNot() throws {
        let right = examples.map { $0.references[0] }
        let fenced = "```python\ndef without_vowels(text):\n    return ''.join(c for c in text if not is_vowel(c))\n```"
        let outcomes = try judge().outcomes(
            right.enumerated().map { ($0.offset, $0.element) } + [
                (0, "    return 3\n"), (1, fenced), (1, "I do not know."), (2, ""),
            ])
        #expect(outcomes.prefix(3).allSatisfy { $0 == .passed }, "\(outcomes)")
        #expect(outcomes[3] == .failed("AssertionError") && outcomes[4] == .passed)
        #expect(outcomes[5].text.hasPrefix("failed: SyntaxError") && outcomes[6] == .failed("AssertionError"))
    }

    @Test func tasksTakeTheTestsAndTheRequest() throws {
        guard case .messages(let messages) = examples[0].prompt else {
            Issue.record("no messages")
            return
        }
        #expect(messages[0].content.contains("```python\nfrom typing"))
        let tallies = try TaskMetric.passAt1.tallies(
            ["    return 0", "    return ''", examples[2].references[0]], references: [], code: judge())
        #expect(tallies.map(\.score) == [0, 0, 1])
    }

    @Test func samplesCountByProblem() throws {
        let path = NSTemporaryDirectory() + "taper-samples-\(UUID().uuidString).jsonl"
        defer { Files.remove(path) }
        func write(_ answers: [(String, String)]) throws -> CodeSamples {
            let lines = answers.map { name, text in
                JSONValue.object([.init("task_id", .string(name)), .init("completion", .string(text))]).text() + "\n\n"
            }
            try AtomicFile.write(Array(lines.joined().utf8), to: path, replacing: true)
            return try CodeSamples(path: path, of: examples)
        }
        let right = examples.map { $0.references[0] }
        let samples = try write([
            ("taper/2", right[2]), ("taper/0", right[0]), ("taper/1", "    return text\n"),
            ("taper/0", "    return 0\n"),
            ("taper/0", "    return x\n"), ("taper/0", "    return 1\n"),
        ])
        let results = try CodeSampleResults(samples, judge: judge())
        #expect(results.scores.tallies.map(\.score) == [0.25, 0, 1])
        #expect(abs(results.scores.value - 1.25 / 3) < 1e-12)
        #expect(results.summary.map(\.ending) == ["AssertionError", "passed", "NameError"])
        #expect(results.summary.map(\.count) == [3, 2, 1])
        for wrong in [[("taper/9", "x")], [("taper/0", "x")]] {
            #expect(throws: TaperError(.badData, "")) { try write(wrong) }
        }
    }
}
