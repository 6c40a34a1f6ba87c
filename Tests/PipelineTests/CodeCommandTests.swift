import Evaluation
import Kernels
import Storage
import Testing

import struct Foundation.UUID

/// `pass@1` from start to end: the small checkpoint writes no code, so one problem takes its answer as a comment.
@Suite struct CodeCommandTests {
    let sample: EvaluatedSample
    let task: String

    init() throws {
        sample = try EvaluatedSample.shared.get()
        task = sample.folder + "/code-\(UUID().uuidString).jsonl"
        let lines = [("def one():\n    return 1\n# ", "one"), ("def two():\n    return 1\n# ", "two")].map {
            prompt, name in
            JSONValue.object([
                .init("task_id", .string(name)), .init("prompt", .string(prompt)), .init("entry_point", .string(name)),
                .init(
                    "messages",
                    .array([.object([.init("role", .string("user")), .init("content", .string("Who was Noah?"))])])),
                .init("test", .string("def check(candidate):\n    assert candidate() == \(name == "one" ? 1 : 2)\n")),
            ]).text() + "\n"
        }
        try AtomicFile.write(Array(lines.joined().utf8), to: task, replacing: false)
    }

    @Test func answersAreRunOnlyWhenAllowed() throws {
        let plain = [
            ["eval", "generate", sample.bundle, "--data", task, "--metric", "pass@1"],
            [
                "eval", "schedules", sample.bundle, "--data", task, "--metric", "pass@1", "--reference",
                sample.checkpoint,
            ],
            ["eval", "code", task, "--data", task],
        ]
        for arguments in plain {
            let refused = try TaperProgram.run(arguments)
            #expect(refused.status == 64 && refused.errors.contains("--run-code"), "\(refused.errors)")
            #expect(refused.output.isEmpty)
        }
        let both = try TaperProgram.run(plain[0].dropLast() + ["rouge-l"])
        #expect(both.status == 65 && both.errors.contains("reference"), "\(both.errors)")
        let recipe = sample.folder + "/code-\(UUID().uuidString).json"
        let text = #"{"schema": "taper-recipe-1", "tasks": [{"name": "code", "data": null, "metric": "pass@1"}]}"#
        try AtomicFile.write(Array(text.utf8), to: recipe, replacing: false)
        let refused = try TaperProgram.run(["convert", sample.checkpoint, "-o", recipe + ".taper", "--recipe", recipe])
        #expect(refused.status == 65 && refused.errors.contains("metric"))
    }

    /// What the same judge says of the answers in the report.
    private func passes(_ answers: [String]) throws -> [Double] {
        let judge = try CodeJudge(
            try readTask(task, needsReferences: false), consent: true, pool: ThreadPool(threadCount: 1), place: task)
        return try judge.outcomes(answers.enumerated().map { ($0.offset, $0.element) }).map { $0 == .passed ? 1 : 0 }
    }

    @Test func generatedAnswersAreRun() throws {
        let outcome = try TaperProgram.run([
            "eval", "generate", sample.bundle, "--data", task, "--reference", sample.checkpoint, "--max-new-tokens",
            "24", "--metric", "pass@1", "--run-code", "-t", "2", "--json", "--quiet",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let results = try #require(try outcome.json["results"]?.array)
        #expect(results.map { $0["label"]?.string } == ["full precision", "4 bits", "2 bits", "static:answer"])
        for result in results {
            let answers = try #require(result["answers"]?.array).compactMap(\.string)
            let scores = try #require(result["scores"]?.array).compactMap(\.double)
            #expect(scores == (try passes(answers)) && scores.last == 0)
            #expect(result["outcomes"]?.array?.last?.string == "failed: AssertionError")
            #expect(result["references"]?["score"]?.double == (scores[0] + scores[1]) / 2)
            #expect(result["full_precision"]?["score"] == nil)
        }
        #expect(results[0]["outcomes"]?.array?.first?.string == "passed")
    }

    @Test func schedulesAreJudgedByPassRate() throws {
        let outcome = try TaperProgram.run([
            "eval", "schedules", sample.bundle, "--data", task, "--reference", sample.checkpoint, "--calibrate", task,
            "--metric", "pass@1", "--run-code", "--max-new-tokens", "12", "--tolerance", "1", "--without-dns", "-t",
            "2", "--json", "--quiet",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let json = try outcome.json
        #expect(json["metrics"]?.array?.compactMap(\.string) == ["pass@1"])
        let results = try #require(json["results"]?.array)
        for result in results where result["kind"]?.string != "random" && result["kind"]?.string != "shuffled" {
            let answers = try #require(result["answers"]?.array).compactMap(\.string)
            let scores = try #require(result["measures"]?["pass@1"]?["scores"]?.array).compactMap(\.double)
            #expect(scores == (try passes(answers)), "\(result["label"]?.string ?? "")")
        }
        // What a right answer costs follows from the costs of all and from the right ones.
        let high = try #require(results.first { $0["label"]?.string == "Baseline-H: 4 bits" })
        let rights = try #require(high["measures"]?["pass@1"]?["scores"]?.array).compactMap(\.double).reduce(0, +)
        let bytes = try #require(high["cost"]?["bytes"]?.array).compactMap(\.double).reduce(0, +)
        let each = try #require(high["right_answers"]?["bytes"]?["value"]?.double)
        #expect(rights > 0 && abs(each * rights / bytes - 1) < 1e-6)
        #expect(results.contains { $0["right_answers"]?["seconds_over_best_constant"]?["verdict"]?.string != nil })
        // Everything is allowed to fail, so the lowest precision will do throughout.
        #expect(results.contains { $0["label"]?.string == "static, 4 and 2: 2@0" })
        let low = try #require(results.first { $0["label"]?.string == "Baseline-L: 2 bits" })
        #expect(low["minus_baseline_h"]?["pass@1"]?["value"]?.double != nil)
    }

    @Test func schedulesAreJudgedBySamples() throws {
        func run(threads: String) throws -> JSONValue {
            let json = try TaperProgram.run([
                "eval", "schedules", sample.bundle, "--data", task, "--reference", sample.checkpoint, "--metric",
                "pass@1", "--run-code", "--max-new-tokens", "12", "--samples", "3", "--temperature", "2", "-t", threads,
                "--json", "--quiet",
            ]).json
            #expect(json["samples"]?.integer == 3 && json["temperature"]?.double == 2)
            return json
        }
        let one = try run(threads: "1")
        let two = try run(threads: "2")
        let results = try #require(one["results"]?.array)
        #expect(!results.contains { $0["kind"]?.string == "dense and sparse" })
        for (result, twin) in zip(results, try #require(two["results"]?.array)) {
            let scores = try #require(result["measures"]?["pass@1"]?["scores"]?.array).compactMap(\.double)
            // Two problems, whose second nothing passes.
            #expect(scores.count == 2 && scores[1] == 0)
            #expect(result["answers"]?.text() == twin["answers"]?.text())
            #expect(result["measures"]?["pass@1"]?.text() == twin["measures"]?["pass@1"]?.text())
            if ["random", "shuffled"].contains(result["kind"]?.string) { continue }
            #expect([0, 0.333333, 0.666667, 1].contains { abs($0 - scores[0]) < 1e-6 }, "\(scores)")
        }
    }

    @Test func schedulesAreJudgedOnTranslations() throws {
        let talks = sample.folder + "/talks-\(UUID().uuidString).jsonl"
        let line = #"{"translation": {"fr": "Le chat dort.", "en": "The cat sleeps."}}"# + "\n"
        try AtomicFile.write(Array((line + line).utf8), to: talks, replacing: false)
        let arguments = [
            "eval", "schedules", sample.bundle, "--data", talks, "--reference", sample.checkpoint, "--metric",
            "sacrebleu", "--max-new-tokens", "6", "--without-dns", "-t", "2", "--quiet",
        ]
        let outcome = try TaperProgram.run(arguments + ["--direction", "fr-en"])
        #expect(outcome.status == 0 && outcome.output.contains("sacrebleu"), "\(outcome.errors)")
        #expect(try TaperProgram.run(arguments).status == 65)
    }

    @Test func samplesOfAnyProgramAreJudged() throws {
        let answers = sample.folder + "/samples-\(UUID().uuidString).jsonl"
        let lines = """
            {"task_id": "two", "completion": "```python\\ndef two():\\n    return 2\\n```"}
            {"task_id": "one", "completion": "a comment"}
            {"task_id": "one", "completion": "\\ndef one(): return 0"}
            """
        try AtomicFile.write(Array(lines.utf8), to: answers, replacing: false)
        let arguments = ["eval", "code", answers, "--data", task, "--run-code", "--quiet"]
        let outcome = try TaperProgram.run(arguments)
        #expect(
            outcome.status == 0
                && outcome.output.contains("pass@1 0.7500") && outcome.output.contains("2 problems, 3 answers")
                && outcome.output.contains("passed 2, AssertionError 1"), "\(outcome.output)\(outcome.errors)")
        let json = try TaperProgram.run(arguments + ["--json"]).json
        #expect(json["schema"]?.string == "taper-code-1" && json["score"]?.double == 0.75)
        #expect(
            json["problems"]?.array?.map { $0["outcomes"]?.array?.compactMap(\.string) } == [
                ["passed", "failed: AssertionError"], ["passed"],
            ])
        let missing = try TaperProgram.run(["eval", "code", "/nowhere", "--data", task, "--run-code"])
        #expect(missing.status == 66, "\(missing.errors)")
    }
}
