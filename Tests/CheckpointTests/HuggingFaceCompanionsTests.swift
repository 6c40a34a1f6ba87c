import Checkpoint
import Model
import Storage
import Testing

/// The files beside config.json: end-of-sequence tokens and chat templates.
@Suite struct HuggingFaceCompanionsTests {
    private let directory: ScratchDirectory

    init() throws {
        directory = try ScratchDirectory()
        try TinyModel().write(to: directory)
    }

    private func eosTokens() throws -> [Int] { try Checkpoint.open(directory.path).config.eosTokens }

    @Test func endOfSequenceIsTheUnionOfAllFiles() throws {
        #expect(try eosTokens() == [2])
        try directory.write("{\"eos_token_id\":[5,2],\"temperature\":0.6}", to: "generation_config.json")
        #expect(try eosTokens() == [2, 5])
        try directory.write(
            "{\"eos_token\":\"<|im_end|>\",\"added_tokens_decoder\":{\"0\":{\"content\":\"x\"},\"7\":{\"content\":\"<|im_end|>\"}}}",
            to: "tokenizer_config.json")
        #expect(try eosTokens() == [2, 5, 7])
    }

    @Test func endOfSequenceTokenIsFoundInTheTokenizer() throws {
        try directory.write("{\"eos_token\":{\"content\":\"</s>\"}}", to: "tokenizer_config.json")
        let checkpoint = try Checkpoint.open(directory.path)
        #expect(checkpoint.warnings.contains { $0.contains("eos_token") && $0.contains("</s>") })
        try directory.write(
            "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"</s>\":9}},\"added_tokens\":[]}", to: "tokenizer.json")
        #expect(try eosTokens() == [2, 9])
        try directory.write(
            "{\"added_tokens\":[{\"id\":8,\"content\":\"</s>\"}],\"model\":{\"vocab\":{\"</s>\":9}}}",
            to: "tokenizer.json")
        #expect(try eosTokens() == [2, 8])
    }

    @Test func tokensOutsideTheVocabularyAreRefused() throws {
        try directory.write("{\"eos_token_id\":99}", to: "generation_config.json")
        expectFailure(.badData, ["99", "vocabulary"]) { _ = try Checkpoint.open(directory.path) }
    }

    @Test(arguments: [
        "", "[]", "{\"eos_token_id\":\"2\"}", "{\"eos_token_id\":[2.5]}", "{\"eos_token_id\":2,\"eos_token_id\":3}",
        "{\"eos_token_id\":2", "{\"a\" 1}", "{\"a\":}", "{,}", "{\"a\":1,}", "{\"a\":1]",
        "version https://git-lfs.github.com/spec/v1\n",
    ])
    func malformedGenerationConfigIsRefused(_ text: String) throws {
        try directory.write(text, to: "generation_config.json")
        expectFailure(.badData, ["generation_config.json"], "\(text)") { _ = try Checkpoint.open(directory.path) }
    }

    @Test func templateComesFromItsNewestPlace() throws {
        func template() throws -> String? { try Checkpoint.open(directory.path).chatTemplates.standard }
        #expect(try template() == nil)
        try directory.write("{\"chat_template\":\"json\"}", to: "chat_template.json")
        #expect(try template() == "json")
        try directory.write("{\"chat_template\":\"string\"}", to: "tokenizer_config.json")
        #expect(try template() == "string")
        try directory.write(
            "{\"chat_template\":[{\"name\":\"tool\",\"template\":\"t\"},{\"name\":\"default\",\"template\":\"list\"}]}",
            to: "tokenizer_config.json")
        #expect(try template() == "list")
        try directory.write("file\n", to: "chat_template.jinja")
        #expect(try template() == "file\n")
    }

    @Test func allTemplatesAreKeptWithTheTokensTheyName() throws {
        try directory.write(
            "{\"chat_template\":[{\"name\":\"tool\",\"template\":\"t\"},{\"name\":\"default\",\"template\":\"list\"}],\"bos_token\":{\"content\":\"<s>\"},\"eos_token\":null,\"pad_token\":\"<p>\"}",
            to: "tokenizer_config.json")
        try directory.write("{\"bos_token\":\"<other>\",\"eos_token\":\"</s>\"}", to: "special_tokens_map.json")
        try Files.createDirectory(directory.path + "/additional_chat_templates")
        try directory.write("r", to: "additional_chat_templates/rag.jinja")
        let sources = try Checkpoint.open(directory.path).chatTemplates
        #expect(sources.templates.map(\.name) == ["default", "tool", "rag"])
        #expect(sources.templates.map(\.source) == ["list", "t", "r"])
        #expect(sources[token: "bos_token"] == "<s>" && sources[token: "eos_token"] == "</s>")
        #expect(sources[token: "pad_token"] == "<p>" && sources[token: "unk_token"] == nil)
        #expect(try ChatTemplateSources(json: sources.json, place: "t") == sources)
    }

    @Test func templateListWithoutDefaultIsReported() throws {
        try directory.write(
            "{\"chat_template\":[{\"name\":\"tool\",\"template\":\"t\"}]}", to: "tokenizer_config.json")
        let checkpoint = try Checkpoint.open(directory.path)
        #expect(checkpoint.chatTemplates.standard == nil && checkpoint.chatTemplates.templates.count == 1)
        #expect(checkpoint.warnings.contains { $0.contains("default") })
    }

    @Test func largeTemplatesAreRefused() throws {
        let large = String(repeating: "x", count: 1_000_001)
        try directory.write(large, to: "chat_template.jinja")
        expectFailure(.badData, ["chat_template.jinja", "too large"]) { _ = try Checkpoint.open(directory.path) }
        try directory.remove("chat_template.jinja")
        try directory.write("{\"chat_template\":\"" + large + "\"}", to: "tokenizer_config.json")
        expectFailure(.badData, ["chat_template", "too large"]) { _ = try Checkpoint.open(directory.path) }
        try directory.write([0x7b, 0xff], to: "chat_template.jinja")
        expectFailure(.badData, ["chat_template", "UTF-8"]) {
            try directory.write("{}", to: "tokenizer_config.json")
            _ = try Checkpoint.open(directory.path)
        }
    }

    @Test func missingTokenizerIsExplained() throws {
        let checkpoint = try Checkpoint.open(directory.path)
        expectFailure(.badData, ["no tokenizer.json"]) { _ = try checkpoint.tokenizer() }
        try directory.write([1, 2, 3], to: "tokenizer.model")
        expectFailure(.unsupported, ["tokenizer.model"]) { _ = try checkpoint.tokenizer() }
        try directory.write("version https://git-lfs.github.com/spec/v1\n", to: "tokenizer.json")
        expectFailure(.badData, ["git lfs pull"]) { _ = try checkpoint.tokenizer() }
    }
}
