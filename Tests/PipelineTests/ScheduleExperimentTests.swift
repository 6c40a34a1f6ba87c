import Scoring
import Evaluation
import FoundationXML
import Storage
import Testing

import struct Foundation.Data
import struct Foundation.UUID

/// `taper eval schedules` from start to end, on the project's own small checkpoint.
@Suite struct ScheduleExperimentTests {
    let sample: EvaluatedSample
    let task = TaperProgram.root + "/samples/tasks/tiny.val.jsonl"

    init() throws { sample = try EvaluatedSample.shared.get() }

    private func run(_ more: [String]) throws -> TaperProgram.Outcome {
        try TaperProgram.run(
            [
                "eval", "schedules", sample.bundle, "--data", task, "--reference", sample.checkpoint,
                "--max-new-tokens", "12", "-t", "2", "--quiet",
            ] + more)
    }

    @Test func everyMethodHasItsRowAndItsFigures() throws {
        let folder = sample.folder + "/schedules-\(UUID().uuidString)"
        let outcome = try run([
            "--examples", "4", "--calibrate", task, "--calibration-examples", "3", "--tolerance", "0.3", "--metric",
            "rouge-l,rouge-1", "--json", "--report", folder,
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let json = try outcome.json
        #expect(json["schema"]?.string == "taper-schedules-1")
        let results = try #require(json["results"]?.array)
        let labels = results.compactMap { $0["label"]?.string }
        let kinds = results.compactMap { $0["kind"]?.string }
        #expect(
            Array(labels.prefix(11)) == [
                "full precision", "Baseline-H: 4 bits", "Baseline-L: 2 bits", "prefill 2, decode 2",
                "prefill 2, decode 4", "first half", "middle half", "last half", "alternate", "first quarter",
                "first three quarters",
            ])
        for label in ["4@0,2@4", "4@0,2@8", "static:answer", "random switch, uniform"] {
            #expect(labels.contains(label), "\(label)")
        }
        #expect(kinds.filter { $0 == "static" }.count == 2)
        #expect(kinds.contains("confidence") && kinds.contains("dense and sparse"))

        func row(_ label: String) throws -> JSONValue {
            try #require(results.first { $0["label"]?.string == label })
        }
        func scores(_ row: JSONValue, _ measure: String) throws -> [Double] {
            try #require(row["measures"]?[measure]?["scores"]?.array).compactMap(\.double)
        }
        // Scores are those of the answers, and differences those of the scores.
        let examples = try readTask(task, limit: 4)
        let full = try #require(try row("full precision")["answers"]?.array).compactMap(\.string)
        let high = try row("Baseline-H: 4 bits")
        for result in results where result["answers"]?.array?.isEmpty == false {
            let answers = try #require(result["answers"]?.array).compactMap(\.string)
            let label = result["label"]?.string ?? ""
            let expected = zip(examples, answers).map { example, answer in
                RougeScore.best(.subsequence, references: example.references, prediction: answer)
            }
            #expect(zip(try scores(result, "rouge-l"), expected).allSatisfy { abs($0 - $1) < 2e-6 }, "\(label)")
            if label == "full precision" { continue }
            let likeness = zip(full, answers).map { RougeScore.rougeL(target: $0, prediction: $1) }
            #expect(
                zip(try scores(result, "like full precision"), likeness).allSatisfy { abs($0 - $1) < 2e-6 })
            if label == "Baseline-H: 4 bits" { continue }
            let mean = zip(try scores(result, "KL"), try scores(high, "KL")).reduce(0) { $0 + $1.0 - $1.1 } / 4
            #expect(abs(try #require(result["minus_baseline_h"]?["KL"]?["value"]?.double) - mean) < 1e-5)
        }
        #expect(high["average_bits"]?.double == 4)
        #expect(try row("Baseline-L: 2 bits")["average_bits"]?.double == 2)
        let alternate = try #require(try row("alternate")["average_bits"]?.double)
        #expect(alternate > 2.9 && alternate < 3.4)
        #expect(try #require(try row("4@0,2@8")["tokens_per_second"]?.double) > 0)
        // Two bits for everything are worse than four, along the same texts.
        #expect(try #require(try row("Baseline-L: 2 bits")["minus_baseline_h"]?["KL"]?["value"]?.double) > 0)
        let opponent = try #require(try row("4@0,2@4")["constants_of_equal_bytes"])
        let bytes = try #require(try row("4@0,2@4")["bytes_per_token"]?.double)
        // Constants are drawn per prompt, and their answers differ in length: equal as expected, not in four prompts.
        let opponentBytes = try #require(opponent["bytes_per_token"]?.double)
        #expect(abs(opponentBytes / bytes - 1) < 0.1, "\(opponentBytes) of \(bytes)")
        #expect(try row("4@0,2@4")["best_constant_of_at_most_equal_bytes"]?["label"]?.string == "Baseline-L: 2 bits")

        let markdown = String(decoding: try Files.read(folder + "/schedules.md", limit: 1 << 20), as: UTF8.self)
        for label in labels { #expect(markdown.contains("| \(label) |"), "\(label)") }
        for plot in ["rouge-l-bits", "rouge-l-bytes", "likeness-bits", "likeness-bytes", "kl-bits", "kl-bytes"] {
            let svg = try Files.read(folder + "/schedules-\(plot).svg", limit: 1 << 20)
            #expect(XMLParser(data: Data(svg)).parse() && markdown.contains("schedules-\(plot).svg"))
        }
        #expect(outcome.errors.contains("evaluated on"))
    }

    @Test func theTerminalShowsTablesAndFindings() throws {
        let outcome = try run(["--examples", "2", "--without-dns", "--confidence", "0"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        for text in ["Baseline-H: 4 bits", "confidence, k = 0", "constants of equal bytes", "better"] {
            #expect(outcome.output.contains(text), "\(text)")
        }
        #expect(!outcome.output.contains("dense and sparse:"))
    }

    @Test func whatMakesNoSenseIsRefused() throws {
        let cases: [([String], String)] = [
            (["--high", "2", "--low", "4"], "exceed"), (["--high", "7"], "holds no 7-bit"),
            (["--metric", "kl"], "texts"),
            (["--high", "four"], "--high"), (["--dns", "2,x"], "numbers"), (["--examples", "0"], "--examples"),
        ]
        for (arguments, words) in cases {
            let outcome = try run(arguments)
            #expect(outcome.status == 64 && outcome.errors.contains(words), "\(words): \(outcome.errors)")
        }
        let other = try TaperProgram.run([
            "eval", "schedules", TaperProgram.root + "/formats/golden/valid/minimal.taper", "--data", task,
            "--reference", sample.checkpoint,
        ])
        #expect(other.status == 64 && other.errors.contains("reference"))
    }
}
