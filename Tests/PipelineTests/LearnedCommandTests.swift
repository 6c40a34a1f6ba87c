import Bundle
import Evaluation
import Model
import Runtime
import Storage
import Testing

import struct Foundation.UUID

/// `taper calibrate --learned` from start to end, on the project's own small checkpoint.
@Suite struct LearnedCommandTests {
    let sample: EvaluatedSample
    let text = TaperProgram.root + "/samples/tiny/calibration.txt"

    init() throws { sample = try EvaluatedSample.shared.get() }

    private func train(_ path: String, threads: Int, _ more: [String] = []) throws -> TaperProgram.Outcome {
        try TaperProgram.run(
            [
                "calibrate", path, "--learned", "--calibration", text, "--reference", sample.checkpoint, "--prompts",
                "12", "--max-new-tokens", "9", "-t", String(threads), "--json", "--quiet",
            ] + more)
    }

    private func copy() throws -> String {
        let path = sample.folder + "/learned-\(UUID().uuidString).taper"
        try AtomicFile.write(try Files.read(sample.bundle, limit: 1 << 30), to: path, replacing: false)
        return path
    }

    @Test func trainsStoresAndObeysTheScheduler() throws {
        let path = try copy()
        let outcome = try train(path, threads: 2)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let facts = try outcome.json
        // 4 bits are the highest, and the next are 2.
        #expect(facts["prefill_bits"]?.integer == 4 && facts["max_new_tokens"]?.integer == 9)
        let pair = try #require(facts["pairs"]?.array?.first)
        #expect(pair["high"]?.integer == 4 && pair["low"]?.integer == 2)
        let rows = try #require(pair["evidence"]?["comparison"]?.array)
        func row(_ name: String, _ key: String) throws -> Double {
            try #require(rows.first { $0["choice"]?.string == name }?[key]?.double)
        }
        #expect(rows.count == 7)
        #expect(try row("always high", "average_bits") == 4 && row("always low", "average_bits") == 2)
        #expect(try row("best possible", "regret_bits") == 0 && row("best possible", "difference") >= 0)
        let prior = try #require(pair["evidence"]?["class_prior"]?.array).compactMap(\.double)
        #expect(abs(prior.reduce(0, +) - 1) < 1e-5)

        let bundle = try Bundle(path: path)
        #expect(bundle.verify().isSound)
        let learned = try #require(try bundle.learnedScheduler())
        #expect(learned.json.text() == facts.text())
        #expect(try CalibrationTexts(bundle).sources.contains { $0.use == "learned" && $0.name == "calibration.txt" })
        #expect(try bundle.schedules().map(\.task) == ["answer"])

        let inspected = try TaperProgram.run(["inspect", path, "--schedules"])
        for part in ["learned", "4 to 2", "best possible", "regret bits"] {
            #expect(inspected.output.contains(part), "\(inspected.output)")
        }
        let answers = try TaperProgram.run([
            "eval", "generate", path, "--data", TaperProgram.root + "/samples/tasks/tiny.val.jsonl", "--examples", "3",
            "--max-new-tokens", "9", "--schedule", "learned", "-t", "2", "--json", "--quiet",
        ])
        #expect(answers.status == 0, "\(answers.errors)")
        let result = try #require(try answers.json["results"]?.array?.first)
        #expect(result["label"]?.string == "learned")
        let bits = try #require(result["average_bits"]?.double)
        #expect(bits >= 2 && bits <= 4)
        try expectChoicesAreSimulated(path, try #require(pair["evidence"]?["held_out_choices"]?.array))
    }

    /// `taper simulate` lets it choose as it did for prompts held out.
    private func expectChoicesAreSimulated(_ path: String, _ choices: [JSONValue]) throws {
        let outcome = try TaperProgram.run([
            "simulate", path, "--hardware", TaperProgram.root + "/samples/hardware/phone.json", "--schedule", "learned",
            "-n", "9", "--json",
        ])
        try #require(outcome.status == 0, "\(outcome.errors)")
        let row = try #require(try outcome.json["rows"]?.array?.last)
        #expect(row["label"]?.string == "learned")
        let shares = choices.compactMap(\.double)
        let traces = try #require(row["traces"]?.array)
        #expect(shares.count == 4 && traces.count == shares.filter { $0 > 0 }.count)
        // Classes are no, a third, two thirds and all of the nine steps at 4 bits, the others at 2.
        let expected = zip(shares, [2, 2 + 2.0 / 3, 2 + 4.0 / 3, 4]).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(abs(try #require(row["average_bits"]?.double) - expected) < 1e-3)
    }

    @Test func threadsDoNotChangeABit() throws {
        let (one, two) = (try copy(), try copy())
        #expect(try train(one, threads: 1).status == 0)
        #expect(try train(two, threads: 2).status == 0)
        #expect(try Files.read(one, limit: 1 << 30) == Files.read(two, limit: 1 << 30))
        // Training again changes nothing either, and another seed something.
        #expect(try train(two, threads: 2).status == 0)
        #expect(try Files.read(one, limit: 1 << 30) == Files.read(two, limit: 1 << 30))
        #expect(try train(two, threads: 2, ["--seed", "2"]).status == 0)
        #expect(try Files.read(one, limit: 1 << 30) != Files.read(two, limit: 1 << 30))
    }

    @Test func aRecipeTrainsTheSameScheduler() throws {
        let path = try copy()
        #expect(try train(path, threads: 2).status == 0)
        let recipe = sample.folder + "/learned-\(UUID().uuidString).json"
        var text = String(decoding: try Files.read(sample.folder + "/recipe.json", limit: 1 << 20), as: UTF8.self)
        text.removeLast()
        text +=
            ", \"learned\": {\"text\": \"\(self.text)\", \"precisions\": [4, 2], \"prompts\": 12, \"max_new_tokens\": 9}}"
        try AtomicFile.write(Array(text.utf8), to: recipe, replacing: false)
        let made = sample.folder + "/learned-\(UUID().uuidString).taper"
        for force in [[], ["--force"]] {
            // The work folder has all other stages; the second time this one as well.
            let outcome = try TaperProgram.run(
                [
                    "convert", sample.checkpoint, "-o", made, "--recipe", recipe, "--work", sample.folder + "/work",
                    "-t",
                    "2", "--quiet",
                ] + force)
            #expect(outcome.status == 0, "\(outcome.errors)")
            let learned = try #require(try Bundle(path: made).learnedScheduler())
            let expected = try #require(try Bundle(path: path).learnedScheduler())
            #expect(learned.json.text() == expected.json.text() && learned.weightBytes == expected.weightBytes)
        }
    }

    @Test func saysWhatIsMissing() throws {
        func errors(_ arguments: [String]) throws -> String {
            let outcome = try TaperProgram.run(["calibrate", sample.bundle] + arguments)
            #expect(outcome.status == 64)
            return outcome.errors
        }
        #expect(try errors([]).contains("--task, --adaptive, --rungs, --learned or --head-screen"))
        #expect(try errors(["--task", "x"]).contains("--data"))
        #expect(try errors(["--learned"]).contains("--reference"))
        #expect(try errors(["--learned", "--reference", sample.checkpoint]).contains("--calibration"))
        let with = ["--learned", "--reference", sample.checkpoint, "--calibration", text]
        #expect(try errors(with + ["--bits-high", "2"]).contains("step down to"))
        #expect(try errors(with + ["--steps", "4,3"]).contains("holds no 3-bit weights"))
        #expect(try errors(with + ["--prompts", "3"]).contains("from 10 to"))
        let perplexity = try TaperProgram.run([
            "eval", "perplexity", sample.bundle, "-f", text, "--schedule", "learned",
        ])
        #expect(perplexity.status == 64 && perplexity.errors.contains("before an answer is written"))
    }
}
