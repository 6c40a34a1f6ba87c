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
            Array(labels.prefix(10)) == [
                "full precision", "Baseline-H: 4 bits", "Baseline-L: 2 bits", "prefill 2, decode 2",
                "prefill 2, decode 4", "first half", "first half, shuffled", "middle half", "last half", "alternate",
            ])
        // The last half is the first half reversed, and all halves have the same bits.
        for label in [
            "first half, reversed", "last half, shuffled", "alternate, shuffled", "Baseline-H: 4 bits, shuffled",
        ] {
            #expect(!labels.contains(label), "\(label)")
        }
        for label in [
            "4@0,2@4", "4@0,2@8", "static:answer", "random switch, uniform", "4@0,2@4, reversed", "4@0,2@4, shuffled",
            "first half, shuffled", "first quarter, reversed", "speculation: 4 verifies 2",
        ] {
            #expect(labels.contains(label), "\(label)")
        }
        #expect(kinds.filter { $0 == "static" }.count == 2)
        #expect(kinds.contains("confidence") && kinds.contains("dense and sparse"))

        func row(_ label: String) throws -> JSONValue {
            try #require(results.first { $0["label"]?.string == label })
        }
        func text(_ label: String, _ part: String) throws -> String? { try row(label)[part]?.text() }
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

        // Controls of order have the bits of what they control, exactly along the full-precision answers.
        for label in ["first quarter", "first three quarters", "4@0,2@4"] {
            let own = try #require(try row(label)["average_bits"]?.double)
            for control in ["reversed", "shuffled"] where labels.contains("\(label), \(control)") {
                let bits = try #require(try row("\(label), \(control)")["average_bits"]?.double)
                #expect(abs(bits - own) < 0.4, "\(label), \(control): \(bits) of \(own)")
                let (mine, controlled) = (try text("\(label), \(control)", "measures"), try text(label, "measures"))
                #expect(mine != controlled, "\(label), \(control)")
            }
        }
        #expect(
            try row("first half, shuffled")["note"]?.string
                == "3 deals; the same bits as middle half; last half; alternate")
        for (label, other) in [
            ("4@0,2@4", "4@0,2@4, shuffled"), ("last half", "first half, shuffled"), ("first half", "last half"),
        ] {
            let key = other.hasSuffix("shuffled") ? "minus_shuffled" : "minus_reversed"
            let found = try #require(try row(label)[key])
            #expect(found["label"]?.string == other)
            let scores = (try scores(try row(label), "KL"), try scores(try row(other), "KL"))
            let mean = zip(scores.0, scores.1).reduce(0) { $0 + $1.0 - $1.1 } / 4
            #expect(abs(try #require(found["differences"]?["KL"]?["value"]?.double) - mean) < 1e-5, "\(label)")
        }
        #expect(high["cut_answers"]?.double != nil)
        // The drafted text is the constant's, for other bytes.
        let drafted = try row("speculation: 4 verifies 2")
        for part in ["answers", "measures"] {
            let (mine, plain) = (
                try text("speculation: 4 verifies 2", part), try text("Baseline-H: 4 bits", part)
            )
            #expect(mine == plain, "\(part)")
        }
        #expect(drafted["average_bits"]?.double == 4 && drafted["note"]?.string?.contains("drafted") == true)
        let draftedBytes = try #require(drafted["bytes_per_token"]?.double)
        #expect(draftedBytes > 0 && draftedBytes != high["bytes_per_token"]?.double)
        // No metric of these tells right answers.
        #expect(try text("Baseline-H: 4 bits", "right_answers") == "null" && high["cost"]?["bytes"]?.array?.count == 4)

        let markdown = String(decoding: try Files.read(folder + "/schedules.md", limit: 1 << 20), as: UTF8.self)
        #expect(markdown.contains("## Against the same bits in other orders"))
        for label in labels { #expect(markdown.contains("| \(label) |"), "\(label)") }
        for plot in ["rouge-l-bits", "rouge-l-bytes", "likeness-bits", "likeness-bytes", "kl-bits", "kl-bytes"] {
            let svg = try Files.read(folder + "/schedules-\(plot).svg", limit: 1 << 20)
            #expect(XMLParser(data: Data(svg)).parse() && markdown.contains("schedules-\(plot).svg"))
        }
        #expect(outcome.errors.contains("evaluated on"))
    }

    /// The sample writes no numbers: it pays for its answers and gets none that is right.
    @Test func rightAnswersHaveACost() throws {
        let data = sample.folder + "/numbers-\(UUID().uuidString).jsonl"
        func write(_ references: [String]) throws {
            let lines = references.enumerated().map { index, reference in
                "{\"prompt\": \"What is \(index) + 1?\", \"reference\": \"\(reference)\"}\n"
            }
            try AtomicFile.write(Array(lines.joined().utf8), to: data, replacing: true)
        }
        let folder = sample.folder + "/numbers-\(UUID().uuidString)"
        let arguments = [
            "eval", "schedules", sample.bundle, "--data", data, "--reference", sample.checkpoint, "--max-new-tokens",
            "12", "-t", "2", "--quiet", "--metric", "exact-number", "--without-dns", "--deals", "1", "--confidence",
            "0", "--json", "--report", folder,
        ]
        try write(["1", "2", "3"])
        let outcome = try TaperProgram.run(arguments)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let results = try #require(try outcome.json["results"]?.array)
        let high = try #require(results.first { $0["label"]?.string == "Baseline-H: 4 bits" })
        let low = try #require(results.first { $0["label"]?.string == "Baseline-L: 2 bits" })
        #expect(high["measures"]?["exact-number"]?["value"]?.double == 0)
        for row in [high, low] {
            for unit in ["bytes", "seconds"] {
                let costs = try #require(row["cost"]?[unit]?.array).compactMap(\.double)
                #expect(costs.count == 3 && costs.allSatisfy { $0 > 0 }, "\(unit)")
                #expect(row["right_answers"]?[unit]?["value"]?.text() == "null")
            }
        }
        let markdown = String(decoding: try Files.read(folder + "/schedules.md", limit: 1 << 20), as: UTF8.self)
        #expect(markdown.contains("## Cost of a right answer") && markdown.contains("| never | never |"))
        #expect(markdown.contains("schedules-exact-number-seconds.svg"))

        try write(["1", "none", "3"])
        let refused = try TaperProgram.run(arguments)
        #expect(refused.status == 65 && refused.errors.contains("example 2") && refused.errors.contains("none"))
    }

    /// Controls and drafts of answers that are drawn.
    @Test func samplesHaveControlsToo() throws {
        let outcome = try run([
            "--examples", "2", "--without-dns", "--confidence", "0", "--samples", "2", "--temperature", "0.8",
            "--deals", "2",
            "--json",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let results = try #require(try outcome.json["results"]?.array)
        func row(_ label: String) throws -> JSONValue { try #require(results.first { $0["label"]?.string == label }) }
        #expect(try row("4@0,2@4, shuffled")["note"]?.string?.hasPrefix("2 deals") == true)
        #expect(try row("4@0,2@4, reversed")["kind"]?.string == "reversed")
        let (drafted, plain) = (
            try row("speculation: 4 verifies 2")["measures"]?.text(), try row("Baseline-H: 4 bits")["measures"]?.text()
        )
        #expect(drafted == plain)
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
            (["--high", "four"], "--high"), (["--dns", "2,x"], "numbers"),
            (["--deals", "64"], "--deals"), (["--draft-bits", "4"], "fewer bits"),
            (["--draft-bits", "x"], "--draft-bits"),
            (["--draft-bits", "2", "--without-drafts"], "contradict"), (["--examples", "0"], "--examples"),
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
