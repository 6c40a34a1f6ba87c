import Foundation
import Storage
import Testing

/// Files on which results were wrong without a word, from conversion to answer; each test says where its values come from.
@Suite struct ImportCommandTests {
    private let folder: String

    init() throws {
        folder = NSTemporaryDirectory() + "taper-import-\(UUID().uuidString)"
        try Files.createDirectory(folder)
    }

    private func input(_ name: String) -> String { TaperProgram.root + "/Tests/Cases/" + name }

    private func convert(_ name: String) throws -> (bundle: String, said: String) {
        let bundle = folder + "/out.taper"
        let outcome = try TaperProgram.run([
            "convert", input(name), "-o", bundle, "--bits", "8", "--effort", "fast", "--no-calibrate", "--work",
            folder + "/work", "-t", "1",
        ])
        try #require(outcome.status == 0, "\(outcome.errors)")
        return (bundle, outcome.errors)
    }

    /// v_proj times 2^18, o_proj divided by it; the wanted logits are a float64 forward pass in numpy of the weights without
    /// those factors. At 8 bits that model differs from them by as much.
    @Test func valuesBeyondHalfPrecisionGiveTheRightLogits() throws {
        let (bundle, said) = try convert("kv-half-overflow-v")
        #expect(said.contains("powers of two"), "\(said)")
        let outcome = try TaperProgram.run([
            "logits", bundle, "--tokens", "5,17,3,88,200,41,9,77,130,66,12,250,31,4,99,18", "--json",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let last = try #require(try outcome.json["logits"]?.array?.last?.array).map { $0.double ?? .nan }
        let path = input("kv-half-overflow-v/want-last-logits.txt")
        let text = String(decoding: try Files.read(path, limit: 1 << 20), as: UTF8.self)
        let wanted = text.split(separator: "\n").map { Double($0) ?? .nan }
        #expect(wanted.count == 256 && last.count == 256)
        let worst = zip(last, wanted).map { abs($0 - $1) }.max() ?? .nan
        // Logits reach from -5 to 5.
        #expect(worst < 0.08, "\(worst)")
        let answer = try TaperProgram.runRunner(["-m", bundle, "-no-cnv", "-p", "abc", "-n", "8", "--json"])
        #expect(answer.status == 0, "\(answer.errors)")
        #expect(Set(try answer.json["tokens"]?.array?.compactMap(\.integer) ?? []).count > 1)
    }

    /// Metadata like that of Qwen2.5-Coder-Instruct; the model continues "a" with b, <|endoftext|>, x, y, z. Its
    /// generation_config.json lists that token among the ends, and llama.cpp takes it by name (ggml-org/llama.cpp#9606).
    @Test func theEndOfTheDocumentEndsTheAnswer() throws {
        let (bundle, _) = try convert("gguf-endoftext/model.gguf")
        func answer(_ more: [String] = []) throws -> (tokens: [Int], stop: String?) {
            let outcome = try TaperProgram.runRunner(
                ["-m", bundle, "-no-cnv", "-p", "a", "-n", "5", "--json"] + more)
            try #require(outcome.status == 0, "\(outcome.errors)")
            let json = try outcome.json
            return ((json["tokens"]?.array ?? []).compactMap(\.integer), json["stop_reason"]?.string)
        }
        let ended = try answer()
        #expect(ended.tokens == [65] && ended.stop == "end")
        // Asked for by name, it is found although it is no text.
        #expect(try answer(["-r", "<|endoftext|>"]).tokens == [65])
        #expect(try answer(["-r", "b<|endoftext|>"]).tokens == [65])
        // Nobody may stop: the ends are never drawn.
        let ignored = try answer(["--ignore-eos"])
        #expect(ignored.tokens.count == 5 && !ignored.tokens.contains(256) && !ignored.tokens.contains(258))

        let shown = try TaperProgram.run(["inspect", bundle])
        #expect(shown.output.contains("256 <|endoftext|>") && shown.output.contains("258 <|im_end|>"))
        let source = try TaperProgram.run(["inspect", input("gguf-endoftext/model.gguf"), "--json"])
        #expect(try source.json["end_tokens"]?.array?.map { $0["id"]?.integer } == [256, 258])
    }

    /// llama.cpp puts a beginning token before text of these pre-tokenizers (ggml-org/llama.cpp#7119).
    @Test func llama3TextBeginsWithItsToken() throws {
        let (bundle, _) = try convert("gguf-llama3-bos/model.gguf")
        let outcome = try TaperProgram.runRunner(["-m", bundle, "-no-cnv", "-p", "Hi", "-n", "1", "--json"])
        #expect(try outcome.json["prompt_tokens"]?.integer == 3)
    }
}
