import Bundle
import Chat
import Evaluation
import Kernels
import Scoring
import Model
import Runtime
import Storage
import Testing

import struct Foundation.UUID

/// Schedules that are calibrated on general text, on the project's own small checkpoint.
@Suite struct GeneralScheduleTests {
    let sample: EvaluatedSample
    let text = TaperProgram.root + "/samples/tiny/calibration.txt"
    let task = TaperProgram.root + "/samples/tasks/tiny.val.jsonl"

    init() throws { sample = try EvaluatedSample.shared.get() }

    private func copy() throws -> String {
        let path = sample.folder + "/general-\(UUID().uuidString).taper"
        try AtomicFile.write(try Files.read(sample.bundle, limit: 1 << 30), to: path, replacing: false)
        return path
    }

    private func calibrate(_ path: String, _ more: [String]) throws -> TaperProgram.Outcome {
        try TaperProgram.run(
            [
                "calibrate", path, "--task", "default", "--examples", "4", "--max-new-tokens", "8", "--tolerance", "1",
                "-t", "2", "--json", "--quiet",
            ] + more)
    }

    private func file(_ content: String, _ ending: String) throws -> String {
        let path = sample.folder + "/general-\(UUID().uuidString).\(ending)"
        try AtomicFile.write(Array(content.utf8), to: path, replacing: false)
        return path
    }

    @Test func aTextCalibratesTheScheduleOfAllPrompts() throws {
        let path = try copy()
        let outcome = try calibrate(path, ["--data", text, "--reference", sample.checkpoint])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let json = try outcome.json
        #expect(json["task"]?.string == "default" && json["metric"]?.string == "kl")
        #expect(json["max_new_tokens"]?.integer == 8)
        let evidence = try #require(json["evidence"])
        #expect(evidence["data"]?.string == "passages" && evidence["examples"]?.integer == 4)
        #expect(evidence["max_new_tokens"]?.integer == 8)
        let longest = try #require(evidence["longest_answer"]?.integer)
        #expect(longest >= 1 && longest <= 8)
        #expect(try #require(json["reference_score"]?.double) > 0)

        let bundle = try Bundle(path: path)
        #expect(bundle.verify().isSound)
        #expect(try bundle.schedules().map(\.task) == ["answer", "default"])
        let choice = try ScheduleChoice(.unnamed, of: bundle)
        #expect(choice.name == "static:default" && choice.calibratedTokens == 8)
        #expect(try CalibrationTexts(bundle).sources.contains { $0.use == "task default" })
        let inspected = try TaperProgram.run(["inspect", path])
        #expect(inspected.output.contains("where none is named: static:default"), "\(inspected.output)")
        // The bundle it was made of has a task's schedule alone.
        #expect(try ScheduleChoice(.unnamed, of: try Bundle(path: sample.bundle)).name == "fixed")
    }

    @Test func withoutTheCheckpointTheHighestPrecisionIsComparedWith() throws {
        let path = try copy()
        let outcome = try calibrate(path, ["--data", text])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let json = try outcome.json
        #expect(json["metric"]?.string == "agreement" && json["reference_score"]?.double == 1)
        #expect(json["evidence"]?["compared_with"]?.string == "highest precision")
    }

    @Test func promptsNeedNoReferences() throws {
        let prompts = try file("{\"prompt\": \"Who was Noah?\"}\n{\"prompt\": \"Who was Adam?\"}\n", "jsonl")
        let outcome = try calibrate(try copy(), ["--data", prompts, "--metric", "agreement"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let evidence = try #require(try outcome.json["evidence"])
        #expect(evidence["data"]?.string == "examples" && evidence["examples"]?.integer == 2)
        let rouge = try calibrate(try copy(), ["--data", prompts, "--metric", "rouge-l"])
        #expect(rouge.status == 65 && rouge.errors.contains(":1") && rouge.errors.contains("reference"))
    }

    @Test func linesOfTextAreAText() throws {
        let sentence = "Noah built a great ship of wood and took two of every kind of animal with him. "
        let lines = try file(
            "\n{\"text\": \"\(String(repeating: sentence, count: 12))\"}\n", "jsonl")
        let outcome = try calibrate(try copy(), ["--data", lines])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try outcome.json["evidence"]?["data"]?.string == "passages")
    }

    @Test func aTextIsRefusedWhereAnswersAreComparedWithReferences() throws {
        let outcome = try calibrate(try copy(), ["--data", text, "--metric", "rouge-l"])
        #expect(outcome.status == 64 && outcome.errors.contains("kl or agreement"), "\(outcome.errors)")
        // What a file holds decides, not its name, and a file that is not there is said to be missing.
        let lines = try file("{\"prompt\": \"Who was Noah?\", \"reference\": \"Noah built an ark.\"}\n", "txt")
        #expect(try calibrate(try copy(), ["--data", lines, "--metric", "rouge-l"]).status == 0)
        #expect(try calibrate(try copy(), ["--data", sample.folder + "/nothing", "--metric", "rouge-l"]).status == 66)
        let short = try calibrate(try copy(), ["--data", try file("Too short.", "txt")])
        #expect(short.status == 65 && short.errors.contains("too short"), "\(short.errors)")
    }

    @Test func defaultByATasksMetricIsWarnedOf() throws {
        let path = try copy()
        let outcome = try calibrate(path, ["--data", task, "--metric", "rouge-l"])
        #expect(outcome.status == 0 && outcome.errors.contains("applies to every prompt"), "\(outcome.errors)")
    }

    @Test func evaluationAndBenchmarkGoByTheSameRule() throws {
        let path = try copy()
        #expect(try calibrate(path, ["--data", text]).status == 0)
        func answers(_ schedule: String, _ count: String) throws -> TaperProgram.Outcome {
            try TaperProgram.run([
                "eval", "generate", path, "--data", task, "--examples", "1", "--max-new-tokens", count, "--schedule",
                schedule, "-t", "2", "--json", "--quiet",
            ])
        }
        let general = try answers("static", "8")
        #expect(try general.json["results"]?.array?.first?["label"]?.string == "static:default")
        #expect(!general.errors.contains("calibrated on answers"))
        #expect(try answers("static", "9").errors.contains("calibrated on answers of at most 8 tokens"))
        let named = try answers("static:answer", "8")
        #expect(try named.json["results"]?.array?.first?["label"]?.string == "static:answer")
        #expect(try answers("staticx:answer", "8").status == 64)
        #expect(try answers("static:poetry", "8").errors.contains("answer, default"))
        let bench = try TaperProgram.run([
            "bench", path, "-p", "0", "-n", "4", "-r", "1", "-t", "1", "--bits", "4", "--schedule", "static:answer",
            "-o", "json",
        ])
        #expect(try bench.json["rows"]?.array?.map { $0["label"]?.string } == ["4 bits", "static:answer"])
        let none = try TaperProgram.run(["bench", path, "-p", "0", "-n", "4", "-r", "1", "--schedule", "static:poetry"])
        #expect(none.status == 64 && none.errors.contains("answer, default"), "\(none.errors)")
    }

    /// A bundle of version 0.1.0, whose runner took its only schedule for every prompt.
    @Test func anOldBundlesTaskScheduleIsNotForAllPromptsEither() throws {
        let old = TaperProgram.root + "/formats/golden/written/0.1.0-tiny.taper"
        let schedules = try Bundle(path: old).schedules()
        #expect(schedules.map(\.task) == ["answer"])
        let unnamed = try TaperProgram.runRunner(["-m", old, "-p", "Who was Noah?", "-n", "20", "--json"]).json
        #expect(unnamed["schedule"]?.string == "fixed")
        #expect(try #require(unnamed["bits_per_step"]?.array).allSatisfy { $0.integer == 6 })
        let named = try TaperProgram.runRunner([
            "-m", old, "-p", "Who was Noah?", "-n", "20", "--json", "--schedule", "static:answer",
        ]).json
        #expect(named["schedule"]?.string == "static:answer")
        #expect(named["bits_per_step"]?.array?.first?.integer == schedules[0].schedule.steps[0].bits.wholeBits)
    }

    @Test func aRecipeCalibratesIt() throws {
        var recipe = String(decoding: try Files.read(sample.folder + "/recipe.json", limit: 1 << 20), as: UTF8.self)
        let start = try #require(recipe.firstRange(of: "\"tasks\": ["))
        recipe.insert(
            contentsOf: "{\"name\": \"default\", \"data\": \"\(text)\", \"max_new_tokens\": 8, \"examples\": 4}, ",
            at: start.upperBound)
        let path = try file(recipe, "json")
        let made = sample.folder + "/general-\(UUID().uuidString).taper"
        let outcome = try TaperProgram.run([
            "convert", sample.checkpoint, "-o", made, "--recipe", path, "--work", sample.folder + "/work", "-t", "2",
            "--quiet",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let schedules = try Bundle(path: made).schedules()
        #expect(schedules.map(\.task) == ["default", "answer"] && schedules[0].metric == "kl")
    }
}
