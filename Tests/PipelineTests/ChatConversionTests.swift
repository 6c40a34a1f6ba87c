import Foundation
import Storage
import Testing

/// Conversion keeps a checkpoint's own chat template: prompts of the runner are counted, and nothing is stored in silence.
@Suite struct ChatConversionTests {
    static let cases = TaperProgram.root + "/Tests/Cases/"

    private func convert(_ name: String, _ folder: String, _ options: [String] = []) throws -> TaperProgram.Outcome {
        let outcome = try TaperProgram.run(
            [
                "convert", Self.cases + name, "-o", folder + "/x.taper", "--bits", "8", "--effort", "fast",
                "--no-calibrate", "--work", folder + "/work", "-t", "1",
            ] + options)
        #expect(outcome.status == 0, "\(outcome.errors)")
        return outcome
    }

    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "taper-chat-\(UUID().uuidString)"
        try Files.createDirectory(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    private func promptTokens(_ bundle: String) throws -> Int? {
        let program = try TaperProgram.path("taper").deletingLastPathComponent()
            .appendingPathComponent("taper-run")
        let process = Process()
        process.executableURL = program
        process.arguments = ["-m", bundle, "-p", "Hello there", "-n", "0", "--json", "--quiet"]
        process.standardInput = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return try JSONValue.parse(Array(data), place: "taper-run")["prompt_tokens"]?.integer
    }

    /// Counts by Jinja2 3.1.6 and transformers; every byte is a token.
    @Test(arguments: [
        ("chat-phi3", 17, "<|end|>"), ("chat-llama31-system-header", 84, "<|eot_id|>"),
        ("chat-deepseek-coder", 60, "<|EOT|>"), ("chat-chatml-generation-prompt", 38, "<|im_end|>"),
    ])
    func theRunnersPromptIsTheTemplates(name: String, tokenCount: Int, stop: String) throws {
        try withFolder { folder in
            _ = try convert(name, folder)
            #expect(try promptTokens(folder + "/x.taper") == tokenCount)
            let shown = try TaperProgram.run(["inspect", folder + "/x.taper", "--chat-template"]).json
            #expect(shown["stops"]?.array?.first?.string == stop)
            // The source is kept as the publisher wrote it.
            let config = try JSONValue.parse(
                try Files.read(Self.cases + name + "/tokenizer_config.json", limit: 1 << 20), place: name)
            #expect(shown["templates"]?.array?.first?["source"]?.string == config["chat_template"]?.string)
            #expect(shown["tokens"]?["eos_token"]?.string == config["eos_token"]?.string)
        }
    }

    @Test func aTemplateChosenByNameIsCompared() throws {
        try withFolder { folder in
            let outcome = try convert("chat-phi3", folder, ["--chat-template", "zephyr"])
            #expect(outcome.errors.contains("--chat-template zephyr is not the checkpoint's own"), "\(outcome.errors)")
            #expect(outcome.errors.contains("<|end|>"))
            #expect(
                try TaperProgram.run(["inspect", folder + "/x.taper", "--chat-template"]).json["name"]?.string
                    == "zephyr")
        }
    }

    @Test func aTemplateWithoutFormIsSaidToHaveNone() throws {
        try withFolder { folder in
            let name = "chat-phi3"
            try FileManager.default.copyItem(atPath: Self.cases + name, toPath: folder + "/model")
            let config = "{\"chat_template\": \"{% for m in messages %}{{ loop.index }}{{ m.content }}{% endfor %}\"}"
            try AtomicFile.write(Array(config.utf8), to: folder + "/model/tokenizer_config.json", replacing: true)
            let outcome = try TaperProgram.run([
                "convert", folder + "/model", "-o", folder + "/x.taper", "--bits", "8", "--effort", "fast",
                "--no-calibrate", "--work", folder + "/work", "-t", "1",
            ])
            #expect(outcome.status == 0)
            #expect(outcome.errors.contains("no chat format") && outcome.errors.contains("--chat-template NAME"))
            // The prompt is completed as it stands: eleven bytes.
            #expect(try promptTokens(folder + "/x.taper") == 11)
            let shown = try TaperProgram.run(["inspect", folder + "/x.taper", "--chat-template"]).json
            #expect(shown["name"]?.isNull == true && shown["templates"]?.array?.count == 1)
        }
    }
}
