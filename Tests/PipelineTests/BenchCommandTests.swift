import Foundation
import Storage
import Testing

/// `taper bench` in every form of output: which rows there are and that figures agree with each other, not how large they are.
@Suite struct BenchCommandTests {
    private func bench(_ options: [String]) throws -> TaperProgram.Outcome {
        let bundle = try EvaluatedSample.shared.get().bundle
        return try TaperProgram.run(["bench", bundle, "-p", "8", "-n", "4", "-r", "2"] + options)
    }

    @Test func everyPrecisionAndScheduleHasARowPerThreadCount() throws {
        let outcome = try bench(["-t", "1,2", "--schedule", "4@0,2@2", "-o", "json"])
        try #require(outcome.status == 0, "\(outcome.errors)")
        let json = try outcome.json
        #expect(json["schema"]?.string == "taper-bench-2")
        let rows = try #require(json["rows"]?.array)
        let labels = rows.map { "\($0["label"]?.string ?? "") \($0["threads"]?.integer ?? 0)" }
        #expect(labels == ["4 bits 1", "2 bits 1", "4@0,2@2 1", "4 bits 2", "2 bits 2", "4@0,2@2 2"])
        for row in rows {
            for key in ["prefill_tokens_per_second", "decode_tokens_per_second"] {
                let runs = try #require(row[key]?.array)
                #expect(runs.count == 2 && runs.allSatisfy { ($0.double ?? 0) > 0 })
            }
        }
        // Bytes are counted, not timed: the schedule's lie between those of its precisions.
        let bytes = rows.compactMap { $0["bytes_per_token"]?.integer }
        #expect(bytes.count == 6 && bytes[1] < bytes[2] && bytes[2] < bytes[0] && bytes[0] == bytes[3])
    }

    @Test func tablesHoldTheSameRows() throws {
        let csv = try bench(["-t", "1", "--bits", "2,4", "-o", "csv"])
        let lines = csv.output.split(separator: "\n")
        #expect(csv.status == 0 && lines.count == 3 && lines[0].hasPrefix("label,threads,"))
        #expect(lines.allSatisfy { $0.split(separator: ",").count == 9 })
        let table = try bench(["-t", "1", "--bits", "2,4"])
        #expect(table.output.contains("| 4 bits | 1 |") && table.output.contains("| 2 bits | 1 |"))
    }

    @Test func kernelsAreComparedWithSixteenBits() throws {
        let outcome = try TaperProgram.run([
            "bench", "--kernels", "--shapes", "phi-1.5", "--pass-megabytes", "1", "-r", "1", "-t", "1",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        for part in ["attention", "mlp"] {
            #expect(outcome.output.contains("| phi-1.5 | \(part) | 1 | 16 bits |"))
            #expect(outcome.output.contains("| phi-1.5 | \(part) | 1 | 2 bits |"))
        }
    }

    @Test func aSyntheticBundleIsMeasuredAndKept() throws {
        let path = NSTemporaryDirectory() + "taper-synthetic-\(UUID().uuidString).taper"
        defer { Files.remove(path) }
        let outcome = try TaperProgram.run([
            "bench", "--synthetic", "hidden=128,layers=2,heads=4,kv-heads=2,ffn=256,vocab=512", "--keep", path, "-p",
            "4",
            "-n", "2", "-r", "1", "-t", "1", "-o", "csv",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try TaperProgram.run(["inspect", path, "--verify"]).status == 0)
    }

    @Test(arguments: [["-t", "0"], ["-r", "0"], ["--bits", "7"], ["--schedule", "2@0,4@1"], ["-o", "xml"]])
    func whatMakesNoSenseIsRefused(options: [String]) throws {
        let outcome = try bench(options)
        #expect(outcome.status == 64 && outcome.output.isEmpty, "\(outcome.errors)")
    }
}
