import Checkpoint
import Model
import Storage
import Testing
import Text

/// Ends of generation that only a token's name tells. Names and conditions are llama.cpp's (`llama_vocab`, October 2026).
@Suite struct EndTokensTests {
    private func open(_ builder: GGUFBuilder) throws -> Checkpoint {
        let directory = try ScratchDirectory()
        return try Checkpoint.open(try directory.write(builder.bytes(), to: "model.gguf"))
    }

    /// Twelve tokens, some of them named, with their types.
    private func builder(_ named: [Int: (name: String, type: Int32)]) -> GGUFBuilder {
        var builder = GGUFBuilder.tiny()
        var tokens = (0..<12).map { String(UnicodeScalar(UInt8(97 + $0))) }
        var types = [Int32](repeating: 1, count: 12)
        for (id, (name, type)) in named { (tokens[id], types[id]) = (name, type) }
        builder["tokenizer.ggml.tokens"] = .strings(tokens)
        builder["tokenizer.ggml.token_type"] = .int32s(types)
        return builder
    }

    /// Metadata like that of Qwen2.5-Coder-Instruct, whose generation_config.json lists both ids.
    @Test func theEndOfTheDocumentEndsBesideTheEndOfTheTurn() throws {
        let checkpoint = try Checkpoint.open(Cases.path("gguf-endoftext/model.gguf"))
        #expect(checkpoint.config.eosTokens == [256, 258])
        #expect(checkpoint.warnings.isEmpty)
    }

    @Test func controlTokensEndByName() throws {
        let names = [
            "<|eot_id|>", "<｜end▁of▁sentence｜>", "</s>", "<EOT>", "<end_of_turn>", "<|fim_pad|>", "<|im_start|>",
        ]
        var named: [Int: (name: String, type: Int32)] = [:]
        for (index, name) in names.enumerated() { named[4 + index] = (name, 3) }
        let checkpoint = try open(builder(named))
        #expect(checkpoint.config.eosTokens == [2, 4, 5, 6, 7, 8, 9])
        #expect(checkpoint.warnings.isEmpty)
    }

    @Test func aNameThatTextMayContainNeedsItsType() throws {
        let checkpoint = try open(builder([4: ("</s>", 1), 5: ("<|im_end|>", 1), 6: ("<EOT>", 4)]))
        #expect(checkpoint.config.eosTokens == [2, 5, 6])
        #expect(checkpoint.warnings.count == 1 && checkpoint.warnings[0].contains("'<|im_end|>'"))
        // Where it ends, it is also no text.
        let tokenizer = try checkpoint.tokenizer()
        #expect(tokenizer.isSpecial(5) && !tokenizer.isSpecial(4))
        #expect(try tokenizer.encode("a<|im_end|>b", addSpecial: false, parseSpecial: true) == [0, 5, 1])
    }

    @Test func theEndOfAMessagesPartIsNoEnd() throws {
        let parts = try open(builder([4: ("<|end|>", 3), 5: ("<|return|>", 3), 6: ("<|call|>", 3)]))
        #expect(parts.config.eosTokens == [2, 5, 6])
        let turns = try open(builder([4: ("<|end|>", 3), 5: ("<|return|>", 3)]))
        #expect(turns.config.eosTokens == [2, 4, 5])
        let tools = try open(builder([4: ("</s>", 3), 5: ("<|tool_response>", 3)]))
        #expect(tools.config.eosTokens == [2, 5])
    }

    @Test func everyKeyThatNamesAnEndCounts() throws {
        var builder = GGUFBuilder.tiny()
        builder["tokenizer.ggml.eot_token_id"] = .uint32(3)
        builder["tokenizer.ggml.eom_token_id"] = .uint32(4)
        builder["tokenizer.ggml.fim_sep_token_id"] = .uint32(5)
        builder["tokenizer.ggml.fim_pre_token_id"] = .uint32(6)
        #expect(try open(builder).config.eosTokens == [2, 3, 4, 5])
    }

    @Test func specialTokensOfTokenizerJSONEndByName() throws {
        let directory = try ScratchDirectory()
        try TinyModel().write(to: directory)
        func token(_ id: Int, _ content: String, _ special: Bool) -> JSONValue {
            .object([.init("id", .integer(id)), .init("content", .string(content)), .init("special", .bool(special))])
        }
        try directory.write(
            .object([
                .init(
                    "added_tokens",
                    .array([
                        token(3, "<|endoftext|>", true), token(4, "<|im_end|>", true), token(5, "<|eot_id|>", false),
                        token(6, "<|im_start|>", true), token(900, "<|end|>", true),
                    ]))
            ]), to: "tokenizer.json")
        #expect(try Checkpoint.open(directory.path).config.eosTokens == [2, 3, 4])
        try directory.write(
            .object([.init("added_tokens_decoder", .object([.init("7", token(7, "<end_of_turn>", true))]))]),
            to: "tokenizer_config.json")
        try directory.write(
            .object([.init("eos_token_id", .array([.integer(8), .integer(9)]))]), to: "generation_config.json")
        #expect(try Checkpoint.open(directory.path).config.eosTokens == [2, 3, 4, 7, 8, 9])
    }
}
