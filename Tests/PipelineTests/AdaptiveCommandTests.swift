import Bundle
import Evaluation
import Runtime
import Storage
import Testing

import struct Foundation.UUID

/// `taper calibrate --adaptive` from start to end, on the project's own small checkpoint.
@Suite struct AdaptiveCommandTests {
    let sample: EvaluatedSample
    let data = TaperProgram.root + "/samples/tasks/tiny.val.jsonl"

    init() throws { sample = try EvaluatedSample.shared.get() }

    private func copy() throws -> String {
        let path = sample.folder + "/adaptive-\(UUID().uuidString).taper"
        try AtomicFile.write(try Files.read(sample.bundle, limit: 1 << 30), to: path, replacing: false)
        return path
    }

    private func find(_ path: String, threads: Int, _ more: [String] = []) throws -> TaperProgram.Outcome {
        try TaperProgram.run(
            [
                "calibrate", path, "--adaptive", "--data", data, "--examples", "6", "--max-new-tokens", "12", "-t",
                String(threads), "--json", "--quiet",
            ] + more)
    }

    @Test func findsStoresAndObeysTheRule() throws {
        let path = try copy()
        let outcome = try find(path, threads: 2, ["--tolerance", "0.05"])
        try #require(outcome.status == 0, "\(outcome.errors)")
        let facts = try outcome.json
        #expect(facts["low_bits"]?.integer == 2 && facts["high_bits"]?.integer == 4)
        let loss = try #require(facts["score"]?.double)
        let reference = try #require(facts["reference_score"]?.double)
        #expect(loss <= reference + 0.05 + 1e-6)
        let candidates = try #require(facts["evidence"]?["candidates"]?.array)
        // What was chosen costs the least of all rules within the tolerance, but for a hundredth.
        let chosen = try #require(facts["evidence"]?["cost"]?.integer)
        for candidate in candidates {
            guard let name = candidate["schedule"]?.string, name.hasPrefix("margin"),
                let score = candidate["score"]?.double, let cost = candidate["cost"]?.integer
            else { continue }
            #expect(score > reference + 0.05 - 1e-6 || Double(cost) >= 0.97 * Double(chosen), "\(name)")
        }
        let bundle = try Bundle(path: path)
        #expect(bundle.verify().isSound)
        #expect(try bundle.adaptiveSchedule()?.json.text() == facts.text())
        #expect(try CalibrationTexts(bundle).sources.contains { $0.use == "adaptive" && $0.name == "tiny.val.jsonl" })
        // Nothing else went.
        #expect(try bundle.schedules().map(\.task) == ["answer"])
        let inspected = try TaperProgram.run(["inspect", path, "--schedules"])
        for part in ["adaptive", "2 to 4 bits by need", "unsure below", "constant 2 bits"] {
            #expect(inspected.output.contains(part), "\(inspected.output)")
        }
        // Any number of threads finds the same.
        let again = try copy()
        #expect(try find(again, threads: 1, ["--tolerance", "0.05"]).json.text() == facts.text())
    }

    @Test func whatCannotBeIsRefused() throws {
        let path = try copy()
        let before = try Files.read(path, limit: 1 << 30)
        let none = try find(path, threads: 1, ["--tolerance", "0", "--bits-low", "4"])
        #expect(none.status == 64 && none.errors.contains("from a low to a higher precision"), "\(none.errors)")
        let lonely = try TaperProgram.run(["calibrate", path, "--adaptive", "--quiet"])
        #expect(lonely.status == 64 && lonely.errors.contains("--data"), "\(lonely.errors)")
        let missing = try TaperProgram.run([
            "eval", "generate", path, "--data", data, "--examples", "1", "--schedule", "adaptive", "--quiet",
        ])
        #expect(missing.status == 64 && missing.errors.contains("adaptive"), "\(missing.errors)")
        #expect(try Files.read(path, limit: 1 << 30) == before)
    }
}
