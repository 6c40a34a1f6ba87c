import Foundation
import Simulation
import Storage
import Testing

/// `taper simulate`, and that what `taper bench` counts is what it counts.
@Suite struct SimulateCommandTests {
    private let shape = TaperProgram.root + "/samples/shapes/smollm2-135m.json"
    private let hardware = TaperProgram.root + "/samples/hardware/edge-npu-2tops.json"
    private let bundle = TaperProgram.root + "/formats/golden/written/0.1.0-tiny.taper"

    private func simulate(_ model: String, _ options: [String]) throws -> TaperProgram.Outcome {
        try TaperProgram.run(["simulate", model, "--hardware", hardware, "-p", "8", "-n", "6"] + options)
    }

    @Test func schedulesStandBesideTheirBaselines() throws {
        let outcome = try simulate(
            shape, ["--schedule", "4@0,2@3", "--learned", "4,2:0.25,0.25,0.25,0.25", "--bits", "3", "--json"])
        try #require(outcome.status == 0, "\(outcome.errors)")
        let rows = try #require(try outcome.json["rows"]?.array)
        #expect(
            rows.compactMap { $0["label"]?.string } == [
                "16 bits", "Baseline-H: 4 bits", "3 bits", "4@0,2@3", "learned 4, 2",
            ])
        #expect(rows[0]["speedup_over_16_bits"]?.double == 1)
        let faster = try #require(rows[3]["speedup_over_baseline_h"]?.double)
        #expect(faster > 1 && rows[3]["average_bits"]?.double == 3)
    }

    @Test func aReportHoldsTablesAndPlots() throws {
        let folder = NSTemporaryDirectory() + "taper-simulate-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let outcome = try simulate(bundle, ["--report", folder])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("over Baseline-H"))
        let files = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        #expect(
            files == [
                "simulate-roofline.svg", "simulate-time.svg", "simulate-timeline.svg", "simulate.json", "simulate.md",
            ])
        for file in files {
            let text = try String(contentsOfFile: folder + "/" + file, encoding: .utf8)
            if file.hasSuffix(".svg") {
                #expect(text.hasSuffix("</svg>\n") && !text.contains("nan"))
            } else if file.hasSuffix(".md") {
                #expect(text.contains("| Baseline-H:") && text.contains("(simulate-roofline.svg)"))
            }
        }
    }

    @Test func axesAreSwept() throws {
        let outcome = try simulate(shape, ["--sweep", "bandwidth=12800,25600", "--sweep", "bits=2,4", "--json"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try outcome.json["rows"]?.array?.count == 4)
    }

    /// What the runner did is simulated step by step: one generation, and several with equal shares.
    @Test func recordedGenerationsAreFollowed() throws {
        let folder = NSTemporaryDirectory() + "taper-simulate-\(UUID().uuidString)"
        try Files.createDirectory(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func recorded(_ schedule: String) throws -> JSONValue {
            let outcome = try TaperProgram.runRunner([
                "-m", bundle, "-p", "Who was Noah?", "-n", "12", "--switch", schedule, "--json", "--ignore-eos",
            ])
            try #require(outcome.status == 0, "\(outcome.errors)")
            return try outcome.json
        }
        func simulated(_ trace: JSONValue, _ name: String) throws -> JSONValue {
            let path = folder + "/" + name
            try trace.text().write(toFile: path, atomically: true, encoding: .utf8)
            let outcome = try simulate(bundle, ["--trace", path, "--json"])
            try #require(outcome.status == 0, "\(outcome.errors)")
            return try #require(try outcome.json["rows"]?.array?.last)
        }
        let (falling, low) = (try recorded("6@0,4@3,2@7"), try recorded("2@0"))
        let steps = try #require(falling["bits_per_step"]?.array).compactMap(\.double)
        try #require(steps.count > 7 && Set(steps).count == 3)
        let one = try simulated(falling, "one.json")
        #expect(one["label"]?.string == "one.json")
        let average = steps.reduce(0, +) / Double(steps.count)
        #expect(abs(try #require(one["average_bits"]?.double) - average) < 1e-9)
        let runs = try #require(one["traces"]?.array?.first?["steps"]?.array)
        #expect(runs.compactMap { $0["bits"]?.integer } == [6, 4, 2])
        #expect(runs.compactMap { $0["from_step"]?.integer } == [0, 3, 7])

        let both = try simulated(.array([falling, low]), "both.json")
        let shares = try #require(both["traces"]?.array).compactMap { $0["share"]?.double }
        #expect(shares == [0.5, 0.5])
        let less = try #require(both["seconds_per_token"]?.double)
        #expect(try less < #require(one["seconds_per_token"]?.double))
    }

    @Test func filesThatRecordNothingAreRefused() throws {
        let outcome = try simulate(bundle, ["--trace", shape])
        #expect(outcome.status == 65 && outcome.errors.contains("not a recorded generation"), "\(outcome.errors)")
    }

    @Test func withoutALearnedSchedulerThereIsNoneToFollow() throws {
        let outcome = try simulate(
            TaperProgram.root + "/formats/golden/valid/minimal.taper", ["--schedule", "learned"])
        #expect(outcome.status == 64 && outcome.errors.contains("no learned scheduler"), "\(outcome.errors)")
        #expect(outcome.errors.contains("--learned"))
    }

    /// One command measures, describes and counts; the other one simulates what was described, and must count the same.
    @Test func aBenchmarkIsSimulated() throws {
        let folder = NSTemporaryDirectory() + "taper-simulate-\(UUID().uuidString)"
        try Files.createDirectory(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let bench = try TaperProgram.run([
            "bench", bundle, "-p", "0", "-n", "6", "-d", "3", "-r", "1", "-t", "1", "--bits", "2,4", "--schedule",
            "4@0,2@2", "-o",
            "json",
            "--describe", folder + "/this.json",
        ])
        try #require(bench.status == 0, "\(bench.errors)")
        try bench.output.write(toFile: folder + "/bench.json", atomically: true, encoding: .utf8)
        let outcome = try TaperProgram.run([
            "simulate", bundle, "--hardware", folder + "/this.json", "--measured", folder + "/bench.json", "--json",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let rows = try #require(try outcome.json["rows"]?.array)
        #expect(rows.count == 3 && rows.allSatisfy { $0["counts_agree"]?.bool == true })
        // Of the precisions measured, of the head's bytes, and of attention.
        let described = try JSONValue.parse(try Files.read(folder + "/this.json", limit: 1 << 20), place: "this.json")
        let multipliers = try #require(described["multipliers"]?.array)
        #expect(multipliers.compactMap { $0["bits"]?.integer } == [2, 4, 8, 16])
        #expect(multipliers.allSatisfy { $0["per_cycle"]?.integer ?? 0 > 0 })
        // Of another model the counts differ, and that is an error.
        let other = try TaperProgram.run([
            "simulate", shape, "--hardware", folder + "/this.json", "--measured", folder + "/bench.json",
        ])
        #expect(other.status == 2 && other.errors.contains("counts other bytes"))
    }

    /// A prompt longer than the engine's block, counted by one command and simulated by the other.
    @Test func aLongPromptCountsTheSame() throws {
        let folder = NSTemporaryDirectory() + "taper-simulate-\(UUID().uuidString)"
        try Files.createDirectory(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let bench = try TaperProgram.run([
            "bench", "--synthetic", "hidden=64,layers=2,heads=2,kv-heads=1,ffn=96,vocab=96,context=2048", "--keep",
            folder + "/model.taper", "-p", "1100", "-n", "4", "-r", "1", "-t", "1", "--bits", "2,4", "-o", "json",
            "--describe", folder + "/this.json",
        ])
        try #require(bench.status == 0, "\(bench.errors)")
        try bench.output.write(toFile: folder + "/bench.json", atomically: true, encoding: .utf8)
        let described = try HardwareDescription(path: folder + "/this.json")
        #expect(described.prefillRows == 512)
        func compare() throws -> TaperProgram.Outcome {
            try TaperProgram.run([
                "simulate", folder + "/model.taper", "--hardware", folder + "/this.json", "--measured",
                folder + "/bench.json", "--json",
            ])
        }
        let outcome = try compare()
        #expect(outcome.status == 0, "\(outcome.errors)")
        for row in try #require(try outcome.json["rows"]?.array) {
            #expect(row["counts_agree"]?.bool == true)
            let counted = try #require(row["prompt_counted"])
            #expect(counted.text() == row["prompt_simulated"]?.text())
            #expect(counted["weight_bytes"]?.integer ?? 0 > 0)
        }
        // In other blocks the weights are read another number of times.
        let text = try String(contentsOfFile: folder + "/this.json", encoding: .utf8)
        try text.replacingOccurrences(of: "\"prefill_rows\": 512", with: "\"prefill_rows\": 256").write(
            toFile: folder + "/this.json", atomically: true, encoding: .utf8)
        #expect(try compare().status == 2)
    }

    @Test(arguments: [
        (["--schedule", "2@0,4@3"], 64, "only step down"), (["--schedule", "static:mail"], 64, "--schedule"),
        (["--learned", "4,2"], 64, "--learned"), (["--bits", "9-10"], 64, "the shape holds no 10-bit"),
        (["-n", "0"], 64, "-n"),
        (["--trace", "/no/such.json"], 66, "/no/such.json"), (["--sweep", "colour=1"], 64, "--sweep"),
    ])
    func wrongRequestsAreRefused(_ options: [String], _ status: Int, _ words: String) throws {
        let outcome = try TaperProgram.run(["simulate", shape, "--hardware", hardware] + options)
        #expect(outcome.status == Int32(status) && outcome.errors.contains(words), "\(outcome.errors)")
    }

    @Test func aWrongDescriptionIsExplained() throws {
        let path = NSTemporaryDirectory() + "taper-board-\(UUID().uuidString).json"
        defer { Files.remove(path) }
        let text = try String(contentsOfFile: hardware, encoding: .utf8)
        try text.replacingOccurrences(of: "latency_nanoseconds", with: "latency").write(
            toFile: path, atomically: true, encoding: .utf8)
        let outcome = try TaperProgram.run(["simulate", shape, "--hardware", path])
        #expect(outcome.status == 65)
        #expect(outcome.errors.contains("memory: an unknown key") && outcome.errors.contains("\"latency\""))
    }
}
