import Scoring
import Bundle
import Checkpoint
import Evaluation
import FoundationXML
import Kernels
import Model
import Reference
import Runtime
import Storage
import Testing
import Text

import struct Foundation.Data
import struct Foundation.UUID
import func Foundation.exp
import func Foundation.log

/// `taper eval` from start to end, on the project's own small checkpoint.
@Suite struct EvaluationCommandTests {
    let sample: EvaluatedSample
    let heldout = TaperProgram.root + "/samples/tiny/heldout.txt"
    let task = TaperProgram.root + "/samples/tasks/tiny.val.jsonl"

    init() throws { sample = try EvaluatedSample.shared.get() }

    private func scratch(_ name: String) -> String { sample.folder + "/\(name)-\(UUID().uuidString)" }

    @Test func filesOfAllKindsStandSideBySide() throws {
        let report = scratch("report")
        let outcome = try TaperProgram.run([
            "eval", "compare", sample.gguf, sample.bundle, sample.checkpoint, "-f", heldout, "--window", "128",
            "--windows", "2", "-t", "2", "--json", "--report", report, "--quiet",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let json = try outcome.json
        #expect(json["schema"]?.string == "taper-compare-1")
        #expect(json["protocol"]?["predicted_tokens"]?.integer == 254)
        let files = try #require(json["files"]?.array)
        #expect(files.map { $0["kind"]?.string } == ["gguf", "bundle", "safetensors"])
        // Without --reference the safetensors checkpoint judges, wherever it stands.
        #expect(files.map { $0["is_reference"]?.bool } == [false, false, true])
        func rows(_ index: Int) throws -> [JSONValue] { try #require(files[index]["results"]?.array) }
        let full = try #require(try rows(2).first?["perplexity"]?.double)

        let q8 = try #require(try rows(0).first)
        // 34 bytes for 32 weights, tied embedding read as head, one row of it as embedding, and 9 norms of 192 floats.
        let checkpoint = try Checkpoint.open(sample.checkpoint)
        let weights = checkpoint.config.tensorRequirements().filter { $0.shape.count == 2 }.reduce(0) {
            $0 + $1.shape.reduce(1, *)
        }
        #expect(q8["bytes_per_token"]?.integer == (weights + 192) / 32 * 34 + 9 * 192 * 4)
        let divergence = try #require(q8["kl_mean"]?.double)
        #expect(divergence > 0 && divergence < 0.001)
        #expect(abs(try #require(q8["perplexity"]?.double) / full - 1) < 0.01)

        let four = try #require(try rows(1).first { $0["bits"]?.integer == 4 })
        let two = try #require(try rows(1).first { $0["bits"]?.integer == 2 })
        let bundle = try Bundle(path: sample.bundle)
        #expect(four["bytes_per_token"]?.integer == (try TransformerWeights(bundle)).bytesPerToken(bits: 4))
        #expect(try #require(two["kl_mean"]?.double) > 3 * #require(four["kl_mean"]?.double))
        #expect(try #require(four["kl_mean"]?.double) > 10 * divergence)
        let ratio = try #require(four["over_full"]?.double)
        #expect(abs(ratio * full - (try #require(four["perplexity"]?.double))) < 1e-3 * full)
        #expect(try rows(1).contains { $0["label"]?.string == "static:answer" })

        // The single-file command measures the same.
        let alone = try TaperProgram.run([
            "eval", "kl", sample.bundle, "--reference", sample.checkpoint, "-f", heldout, "--window", "128",
            "--windows",
            "2", "-t", "1", "--json", "--quiet",
        ])
        let same = try alone.json["results"]?.array?.first { $0["bits"]?.integer == 2 }
        #expect(same?.text() == two.text())

        let markdown = String(decoding: try Files.read(report + "/compare.md", limit: 1 << 20), as: UTF8.self)
        #expect(markdown.contains("| tiny.taper | 4 bits |") && markdown.contains("compare.svg"))
        let stored = try JSONValue.parse(try Files.read(report + "/compare.json", limit: 1 << 20), place: "report")
        #expect(stored.text() == json.text())
        let svg = try Files.read(report + "/compare.svg", limit: 1 << 20)
        #expect(XMLParser(data: Data(svg)).parse())
    }

    @Test func otherTokensMeanNoDivergence() throws {
        let path = scratch("other") + ".gguf"
        try TinyGGUF.write(sample.checkpoint, to: path, mergeCount: 900)
        let outcome = try TaperProgram.run([
            "eval", "compare", path, sample.bundle, "--reference", sample.checkpoint, "--bits", "4", "-f", heldout,
            "--window", "128", "--windows", "1", "-t", "2", "--json", "--quiet",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let files = try #require(try outcome.json["files"]?.array)
        // A reference that is not among the files comes first.
        #expect(files.count == 3 && files[0]["is_reference"]?.bool == true)
        let row = try #require(files[1]["results"]?.array?.first)
        #expect(row["kl_mean"]?.isNull == true && row["over_full"]?.isNull == true)
        #expect(try #require(row["perplexity"]?.double) > 1)
        #expect(files[1]["notes"]?.array?.count == 1 && files[2]["notes"]?.array?.isEmpty == true)
        #expect(files[2]["results"]?.array?.count == 1)
        #expect(outcome.errors.contains("other tokens"))
    }

    @Test func whatCannotBeComparedIsRefused() throws {
        let other = TaperProgram.root + "/formats/golden/valid/minimal.taper"
        let cases: [([String], Int32, String)] = [
            ([sample.checkpoint, other], 64, "vocabular"),
            ([sample.bundle, sample.bundle], 64, "twice"),
            ([sample.bundle, "--reference", sample.bundle], 64, "cannot be the reference"),
            ([sample.checkpoint, "--window", "100000"], 64, "context"),
            ([sample.checkpoint, sample.folder + "/nothing"], 66, "no such file"),
        ]
        for (arguments, status, words) in cases {
            let outcome = try TaperProgram.run(["eval", "compare"] + arguments + ["-f", heldout])
            #expect(outcome.status == status && outcome.errors.contains(words), "\(words): \(outcome.errors)")
            #expect(outcome.output.isEmpty)
        }
    }

    @Test func onlyTheAnswersTokensCount() throws {
        let outcome = try TaperProgram.run([
            "eval", "perplexity", sample.checkpoint, "--completion", "--examples", "2", "--data", task, "--json",
            "--quiet",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let json = try outcome.json
        // By hand: the mean negative log-likelihood of the answers' tokens behind the rendered prompts.
        let checkpoint = try Checkpoint.open(sample.checkpoint)
        let examples = try readTask(task, limit: 2)
        let prompts = try TaskPrompts(.checkpoint(checkpoint), examples: examples, place: "task")
        let reference = try ReferenceModel(checkpoint, residency: .resident, threads: 1)
        let tokenizer = prompts.tokenizer
        let size = checkpoint.config.vocabularySize
        var sum = 0.0
        var count = 0
        for (prompt, text) in zip(prompts.prompts, prompts.references.map { $0[0] }) {
            #expect(tokenizer.decode(prompt).hasSuffix("<|im_start|>assistant\n"))
            let answer = try tokenizer.encode(text, addSpecial: false, parseSpecial: false)
            let logits = try reference.logits(prompt + answer)
            for (index, token) in answer.enumerated() {
                let row = logits[(prompt.count + index - 1) * size..<(prompt.count + index) * size].map { Double($0) }
                let top = row.max() ?? 0
                sum -= row[token] - top - log(row.reduce(0) { $0 + exp($1 - top) })
                count += 1
            }
        }
        let row = try #require(json["results"]?.array?.first)
        #expect(abs(try #require(row["perplexity"]?.double) - exp(sum / Double(count))) < 1e-3)
        #expect(json["protocol"]?["predicted_tokens"]?.integer == count)
        #expect(json["protocol"]?["kind"]?.string == "completion")
    }

    @Test func promptsAreReadAtTheHighestPrecisionUnlessAsked() throws {
        func divergence(_ more: [String]) throws -> Double {
            let outcome = try TaperProgram.run(
                [
                    "eval", "kl", sample.bundle, "--reference", sample.checkpoint, "--completion", "--examples", "4",
                    "--data", task, "--bits", "2", "--json", "--quiet",
                ] + more)
            let row = try outcome.json["results"]?.array?.first { $0["bits"]?.integer == 2 }
            return try #require(row?["kl_mean"]?.double)
        }
        let high = try divergence([])
        #expect(try divergence(["--bits-prefill", "4"]) == high)
        #expect(try divergence(["--bits-prefill", "2"]) > high)
    }

    @Test func answersAreScoredWithStandardErrors() throws {
        let outcome = try TaperProgram.run([
            "eval", "generate", sample.bundle, "--data", task, "--reference", sample.checkpoint, "--examples", "3",
            "--max-new-tokens", "16", "-t", "2", "--json", "--quiet",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let results = try #require(try outcome.json["results"]?.array)
        #expect(results.map { $0["label"]?.string } == ["full precision", "4 bits", "2 bits", "static:answer"])
        let examples = try readTask(task, limit: 3)
        for result in results {
            let answers = try #require(result["answers"]?.array).compactMap(\.string)
            let scores = zip(examples, answers).map { RougeScore.rougeL(target: $0.references[0], prediction: $1) }
            let mean = scores.reduce(0, +) / 3
            // Of means of three drawn from three: the standard deviation of the three themselves over the root of three.
            let spread = (scores.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 9).squareRoot()
            #expect(abs(try #require(result["references"]?["score"]?.double) - mean) < 1e-5)
            #expect(abs(try #require(result["references"]?["standard_error"]?.double) - spread) < 0.08 * spread + 1e-5)
            #expect(try #require(result["references"]?["low"]?.double) <= mean + 1e-5)
            #expect(try #require(result["references"]?["high"]?.double) >= mean - 1e-5)
        }
        let full = try #require(results[0]["answers"]?.array).compactMap(\.string)
        let low = try #require(results[2]["answers"]?.array).compactMap(\.string)
        let likeness = zip(full, low).map { RougeScore.rougeL(target: $0, prediction: $1) }.reduce(0, +) / 3
        #expect(abs(try #require(results[2]["full_precision"]?["score"]?.double) - likeness) < 1e-5)
        #expect(results[1]["average_bits"]?.double == 4 && results[2]["average_bits"]?.double == 2)
        // The examples were calibration data.
        #expect(outcome.errors.contains("task answer"))
        let refused = try TaperProgram.run(["eval", "generate", sample.bundle, "--data", task, "--metric", "agreement"])
        #expect(refused.status == 64 && refused.errors.contains("--reference"))
    }

    /// By hand: float logits along the float model's own answer, against the bundle's on the same tokens, prompt at 4 bits.
    @Test func divergencesAreAlongTheFullModelsAnswers() throws {
        let outcome = try TaperProgram.run([
            "eval", "generate", sample.bundle, "--data", task, "--reference", sample.checkpoint, "--examples", "2",
            "--max-new-tokens", "6", "--metric", "kl", "--bits", "2,4", "-t", "2", "--json", "--quiet",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let results = try #require(try outcome.json["results"]?.array)
        #expect(results.map { $0["label"]?.string } == ["full precision", "4 bits", "2 bits"])
        let checkpoint = try Checkpoint.open(sample.checkpoint)
        let reference = try ReferenceModel(checkpoint, residency: .resident, threads: 1)
        let prompts = try TaskPrompts(
            .checkpoint(checkpoint), examples: try readTask(task, limit: 2), place: "task")
        let size = checkpoint.config.vocabularySize
        func distribution(_ row: some Sequence<Float>) -> [Double] {
            let row = row.map { Double($0) }
            let top = row.max() ?? 0
            let sum = row.reduce(0) { $0 + exp($1 - top) }
            return row.map { $0 - top - log(sum) }
        }
        for (bits, result) in [(4, results[1]), (2, results[2])] {
            let engine = try Engine(
                try TransformerWeights(try Bundle(path: sample.bundle)), contextLength: 512,
                pool: try ThreadPool(threadCount: 1))
            let sequence = try engine.makeSequence()
            var means: [Double] = []
            for prompt in prompts.prompts {
                let answer = try reference.greedy(prompt, maxNewTokens: 6, stop: prompts.stopTokens)
                #expect(answer.count == 6)
                let full = try reference.logits(prompt + answer)
                sequence.truncate(to: 0)
                var rows: [[Float]] = [Array(try engine.read(prompt, into: sequence, bits: 4))]
                for token in answer.dropLast() {
                    rows.append(Array(try engine.read([token], into: sequence, bits: Precision(bits: bits))))
                }
                var sum = 0.0
                for (index, row) in rows.enumerated() {
                    let start = (prompt.count - 1 + index) * size
                    let p = distribution(full[start..<start + size])
                    sum += zip(p, distribution(row)).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
                }
                means.append(sum / 6)
            }
            let found = try #require(result["full_precision"]?["score"]?.double)
            let expected = means.reduce(0, +) / 2
            #expect(abs(found - expected) < 1e-4 + 1e-3 * expected, "\(bits) bits: \(found), \(expected)")
            #expect(result["average_bits"]?.double == Double(bits))
        }
        // A checkpoint diverges from itself by nothing.
        let same = try TaperProgram.run([
            "eval", "generate", sample.checkpoint, "--data", task, "--reference", sample.checkpoint, "--examples", "2",
            "--max-new-tokens", "6", "--metric", "kl", "--json", "--quiet",
        ])
        let zero = try #require(try same.json["results"]?.array?.last?["full_precision"]?["score"]?.double)
        #expect(abs(zero) < 1e-5)
    }

    @Test func anEncoderJudgesAnswers() throws {
        let encoder = TaperProgram.root + "/Tests/ScoringTests/Fixtures/bert-tiny"
        let arguments = [
            "eval", "generate", sample.bundle, "--data", task, "--examples", "3", "--max-new-tokens", "8", "--bits",
            "4",
            "--json", "--quiet", "--metric",
        ]
        let outcome = try TaperProgram.run(arguments + ["bertscore", "--encoder", encoder, "--idf"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let json = try outcome.json
        #expect(json["metric_description"]?.string?.contains("bert-tiny, layer 2 of 2, idf") == true)
        let examples = try readTask(task, limit: 3)
        let judge = try BERTScore(
            folder: encoder, weighting: .inverseFrequency, references: examples.map(\.references),
            pool: try ThreadPool(threadCount: 1))
        let result = try #require(json["results"]?.array?.first)
        let answers = try #require(result["answers"]?.array).compactMap(\.string)
        let expected = zip(examples, answers).map { judge.score(answer: $1, references: $0.references) }
        #expect(
            abs(try #require(result["references"]?["score"]?.double) - expected.reduce(0, +) / 3) < 1e-5)
        for (more, status, words) in [
            (["bertscore"], Int32(64), "--encoder"), (["rouge-l", "--encoder", encoder], 64, "bertscore"),
            (["bertscore", "--encoder", encoder, "--encoder-layer", "9"], 64, "1 to 2"),
            (["bertscore", "--encoder", sample.checkpoint], 65, "model_type"),
        ] {
            let refused = try TaperProgram.run(arguments + more)
            #expect(refused.status == status && refused.errors.contains(words), "\(refused.errors)")
        }
        let calibration = try TaperProgram.run([
            "calibrate", sample.bundle, "--task", "x", "--data", task, "--metric", "bertscore",
        ])
        #expect(calibration.status == 64 && calibration.errors.contains("rouge-l"))
    }

    @Test func corpusScoresCarryTheirSignature() throws {
        let outcome = try TaperProgram.run([
            "eval", "generate", sample.bundle, "--data", task, "--examples", "3", "--max-new-tokens", "24", "--metric",
            "sacrebleu", "--bits", "4", "--json", "--quiet",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let json = try outcome.json
        #expect(json["signature"]?.string?.hasPrefix("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:") == true)
        let answers = try #require(json["results"]?.array?.first?["answers"]?.array).compactMap(\.string)
        var sum = BLEUCounts()
        for (example, answer) in zip(try readTask(task, limit: 3), answers) {
            sum += BLEUCounts(answer: answer, references: example.references)
        }
        let score = try #require(json["results"]?.array?.first?["references"]?["score"]?.double)
        #expect(abs(score - sum.score(.exponential)) < 1e-5 && score > 0)
    }

    @Test func tasksAreCalibratedByDivergence() throws {
        let path = scratch("kl") + ".taper"
        try AtomicFile.write(try Files.read(sample.bundle, limit: 1 << 28), to: path, replacing: false)
        let arguments = [
            "calibrate", path, "--task", "kl", "--data", task, "--metric", "kl", "--examples", "3", "--max-new-tokens",
            "12", "--json", "--quiet",
        ]
        let refused = try TaperProgram.run(arguments)
        #expect(refused.status == 64 && refused.errors.contains("--reference"))
        let outcome = try TaperProgram.run(arguments + ["--tolerance", "0", "--reference", sample.checkpoint])
        #expect(outcome.status == 0, "\(outcome.errors)")
        // Two bits diverge more at every step, so that nothing may be lost leaves four.
        let json = try outcome.json
        #expect(json["metric"]?.string == "kl" && json["steps"]?.array?.count == 1)
        #expect(json["steps"]?.array?.first?["bits"]?.integer == 4)
        #expect(json["evidence"]?["compared_with"]?.string == "full precision")
        let low = try #require(json["evidence"]?["candidates"]?.array?.first { $0["schedule"]?.string == "2@0" })
        #expect(try #require(low["difference"]?.double) > 0)
        // The 95% interval of three examples' differences is around it.
        #expect(try #require(low["low"]?.double) <= #require(low["difference"]?.double))
        #expect(try #require(low["high"]?.double) >= #require(low["difference"]?.double))
    }

    @Test func evaluatingOnCalibrationTextIsSaid() throws {
        func warnings(_ path: String) throws -> [String] {
            let outcome = try TaperProgram.run([
                "eval", "perplexity", sample.bundle, "-f", path, "--window", "64", "--windows", "1", "--bits", "4",
                "--json",
                "--quiet",
            ])
            let list = try #require(try outcome.json["warnings"]?.array).compactMap(\.string)
            // Quiet or not, the warning also stands on standard error.
            #expect(list.allSatisfy { outcome.errors.contains("warning: " + $0) })
            return list
        }
        let calibration = TaperProgram.root + "/samples/tiny/calibration.txt"
        #expect(try warnings(heldout) == [])
        let whole = try warnings(calibration)
        #expect(whole.count == 1 && whole[0].contains("calibration (calibration.txt)"))
        // Half of it in other clothes: capital letters, line breaks, other quotes.
        let lines = String(decoding: try Files.read(calibration, limit: 1 << 20), as: UTF8.self).split(separator: "\n")
        let foreign = String(decoding: try Files.read(heldout, limit: 1 << 20), as: UTF8.self).prefix(16_000)
        let part = lines.prefix(lines.count / 2).joined(separator: "\n\n").uppercased() + "\n" + foreign
        let path = scratch("part") + ".txt"
        try AtomicFile.write(Array(part.utf8), to: path, replacing: false)
        let found = try warnings(path)
        #expect(found.count == 1 && found[0].hasPrefix("about "))
        let share = try #require(found.first?.split(separator: " ").dropFirst().first?.dropLast()).description
        #expect(abs(try #require(Double(share)) - 50) < 6)
    }

    @Test func theQualityTableTravels() throws {
        let outcome = try TaperProgram.run(["inspect", sample.bundle, "--json"])
        let json = try outcome.json
        let quality = try #require(json["quality"])
        #expect(quality["text"]?.string == "heldout.txt")
        #expect(
            quality["text_checksum"]?.string == String(checksum(try Files.read(heldout, limit: 1 << 20)), radix: 16))
        #expect(quality["protocol"]?["window"]?.integer == 128 && quality["protocol"]?["windows"]?.integer == 2)
        let rows = try #require(quality["results"]?.array)
        #expect(rows.map { $0["label"]?.string } == ["full precision", "2 bits", "4 bits", "static:answer"])
        for row in rows.dropFirst() {
            for key in ["bytes_per_token", "perplexity", "over_full", "kl_mean", "kl_p99", "top1_agreement"] {
                #expect(row[key]?.double != nil, "\(key)")
            }
        }
        #expect(json["texts"]?.array?.map { $0["use"]?.string } == ["calibration", "task answer"])
        let page = try TaperProgram.run(["inspect", sample.bundle]).output
        #expect(page.contains("  answer ") && page.contains("over full") && page.contains("checksum"))
    }
}
