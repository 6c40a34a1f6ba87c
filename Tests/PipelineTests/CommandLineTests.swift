import Foundation
import Storage
import Testing

/// What people type by mistake, and what the programs say to it.
@Suite struct CommandLineTests {
    private let checkpoint = TaperProgram.root + "/samples/tiny"

    @Test(arguments: [
        (["convrt", "a"], "there is no command convrt", "Did you mean convert?"),
        (["eval", "perplexty", "a"], "taper eval: there is no command perplexty", "Did you mean perplexity?"),
        (["stage", "plam"], "there is no command plam", "Did you mean plan?"),
        (["something"], "expected one of convert, calibrate,", "cache"),
    ])
    func anUnknownCommandNamesTheNearest(arguments: [String], what: String, remedy: String) throws {
        let outcome = try TaperProgram.run(arguments)
        #expect(outcome.status == 64 && outcome.output.isEmpty)
        #expect(outcome.errors.contains(what) && outcome.errors.contains(remedy), "\(outcome.errors)")
    }

    @Test func helpStaysHelp() throws {
        for arguments in [[], ["help"], ["help", "eval"], ["eval"], ["--version"]] {
            let outcome = try TaperProgram.run(arguments)
            #expect(outcome.status == 0 && !outcome.output.isEmpty, "\(arguments): \(outcome.errors)")
        }
    }

    @Test func aCheckpointIsNoBundleAndTheErrorSaysHowToMakeOne() throws {
        let gguf = TaperProgram.root + "/Tests/Cases/gguf-endoftext/model.gguf"
        for path in [checkpoint, gguf, checkpoint + "/model.safetensors"] {
            for outcome in [
                try TaperProgram.run(["bench", path]), try TaperProgram.run(["serve", path]),
                try TaperProgram.runRunner(["-m", path, "-p", "a"]),
            ] {
                #expect(outcome.status == (path == checkpoint ? 66 : 65), "\(outcome.errors)")
                #expect(outcome.errors.contains("where a bundle is needed"), "\(outcome.errors)")
                #expect(outcome.errors.contains("taper convert " + path + " -o model.taper"), "\(outcome.errors)")
            }
        }
    }

    @Test func anEmptyPromptIsRefused() throws {
        let bundle = try EvaluatedSample.shared.get().bundle
        for prompt in [["-p", ""], ["-f", "/dev/null"]] {
            let outcome = try TaperProgram.runRunner(["-m", bundle] + prompt)
            #expect(outcome.status == 64 || prompt[0] == "-f", "\(outcome.errors)")
            #expect(outcome.status != 0 && outcome.output.isEmpty)
        }
        let said = try TaperProgram.runRunner(["-m", bundle, "-p", ""]).errors
        #expect(said.contains("--prompt: the prompt is empty"), "\(said)")
    }

    @Test func switchPointsThatNoiseHasFoundAreWarnedOf() throws {
        let folder = try ScratchPath()
        try Files.createDirectory(folder.path)
        let bundle = folder.path + "/a.taper"
        try AtomicFile.write(
            try Files.read(try EvaluatedSample.shared.get().bundle, limit: 1 << 26), to: bundle, replacing: false)
        let outcome = try TaperProgram.run([
            "calibrate", bundle, "--task", "small", "--data", TaperProgram.root + "/samples/tasks/tiny.val.jsonl",
            "--examples", "3", "--max-new-tokens", "8", "--tolerance", "0", "--json", "--quiet", "-t", "1",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("warning: task small: the tolerance 0 is below"), "\(outcome.errors)")
        #expect(try outcome.json["task"]?.string == "small")
        let shown = try TaperProgram.run(["inspect", bundle, "--schedules"])
        #expect(shown.output.contains("warning: task small: the tolerance 0 is below"), "\(shown.output)")
    }

    /// Its rounding is in every precision of the bundle, and in what they are compared with.
    @Test func aQuantizedFileIsSaidToBeOne() throws {
        let folder = try ScratchPath()
        let gguf = try EvaluatedSample.shared.get().gguf
        let outcome = try TaperProgram.run(["convert", gguf, "-o", folder.path + "/a.taper", "--dry-run"])
        #expect(outcome.status == 0 && outcome.errors.contains("warning: the file is quantized already (Q8_0)"))
        let plain = try TaperProgram.run(["convert", checkpoint, "-o", folder.path + "/a.taper", "--dry-run"])
        #expect(!plain.errors.contains("quantized already"))
    }

    /// Numbers are written as people count.
    @Test func integersHaveNoExponent() throws {
        let bundle = try EvaluatedSample.shared.get().bundle
        let refused = try TaperProgram.runRunner(["-m", bundle, "-p", "a", "--temp", "-1"])
        #expect(refused.status == 64 && refused.errors.contains("expected 0 to 100, found -1"), "\(refused.errors)")
        let answer = try TaperProgram.runRunner(["-m", bundle, "-p", "a", "-n", "3", "--json"])
        #expect(try answer.json["bytes_per_token"]?.integer ?? 0 > 100_000, "\(answer.output)")
        let bench = try TaperProgram.run([
            "bench", bundle, "-p", "8", "-n", "4", "-r", "1", "-t", "1", "-o", "json",
        ])
        #expect(bench.status == 0 && !bench.output.contains(/"bytes_per_token": [0-9.]*e/), "\(bench.errors)")
    }

    @Test func qualityCanBeLeftOut() throws {
        let folder = try ScratchPath()
        let plan = try TaperProgram.run([
            "convert", checkpoint, "-o", folder.path + "/a.taper", "--effort", "fast", "--no-quality", "--dry-run",
        ])
        #expect(plan.status == 0 && plan.output.contains("quality    not measured"), "\(plan.errors)")
        #expect(plan.output.contains("calibrate  the sample text"))
    }

    /// A download begins with the description.
    @Test func aDescriptionAloneIsEstimated() throws {
        let folder = try ScratchPath()
        try Files.createDirectory(folder.path)
        try AtomicFile.write(
            try Files.read(checkpoint + "/config.json", limit: 1 << 20), to: folder.path + "/config.json",
            replacing: true)
        let whole = try TaperProgram.run(["convert", checkpoint, "-o", folder.path + "/a.taper", "--dry-run", "--json"])
        let plan = try TaperProgram.run(["convert", folder.path, "-o", folder.path + "/a.taper", "--dry-run", "--json"])
        #expect(plan.status == 0, "\(plan.errors)")
        for key in ["linear_weights", "other_weights", "estimated_bytes"] {
            #expect(try plan.json[key]?.integer == whole.json[key]?.integer, "\(key)")
        }
        #expect(try plan.json["note"]?.string?.contains("no weights") == true && whole.json["note"] == nil)
        let shown = try TaperProgram.run(["inspect", folder.path])
        #expect(shown.status == 0 && shown.output.contains("the folder holds no weights"), "\(shown.errors)")
        #expect(shown.output.contains("million weights") && shown.output.contains("estimated: "))
        // Without the word for it nothing is begun.
        let begun = try TaperProgram.run(["convert", folder.path, "-o", folder.path + "/a.taper"])
        #expect(begun.status != 0 && !Files.exists(folder.path + "/a.taper"))
    }
}
