import Checkpoint
import Model
import Storage
import Testing
import Text

/// What a GGUF file leaves out, or says in an old spelling: as llama.cpp takes it, or a warning.
@Suite struct GGUFDefaultsTests {
    private func open(_ builder: GGUFBuilder) throws -> Checkpoint {
        let directory = try ScratchDirectory()
        return try Checkpoint.open(try directory.write(builder.bytes(), to: "model.gguf"))
    }

    /// llama.cpp sets add_bos for these pre-tokenizers (ggml-org/llama.cpp#7119), as Llama 3's own tokenizer does.
    @Test func llama3TextBeginsWithItsToken() throws {
        let tokenizer = try Checkpoint.open(Cases.path("gguf-llama3-bos/model.gguf")).tokenizer()
        #expect(try tokenizer.encode("Hi", addSpecial: true) == [257, 39, 72])
    }

    @Test func theKindOfTokenizerDecidesAboutTheBeginning() throws {
        func adds(_ change: (inout GGUFBuilder) -> Void) throws -> Bool {
            var builder = GGUFBuilder.tiny()
            change(&builder)
            return try open(builder).tokenizer().addsBos
        }
        for pre in ["llama-bpe", "llama3", "llama-v3"] {
            #expect(try adds { $0["tokenizer.ggml.pre"] = .string(pre) }, "\(pre)")
        }
        for pre in ["smollm", "gpt-2", "qwen2", "stablelm2"] {
            #expect(try !adds { $0["tokenizer.ggml.pre"] = .string(pre) }, "\(pre)")
        }
        #expect(try adds { $0.becomeSentencePiece() })
        #expect(
            try !adds {
                $0["tokenizer.ggml.pre"] = .string("llama-bpe")
                $0["tokenizer.ggml.add_bos_token"] = .bool(0)
            })
    }

    @Test func sentencePieceHasIDsOfItsOwn() throws {
        var builder = GGUFBuilder.tiny()
        builder.becomeSentencePiece()
        for key in ["bos", "eos", "unknown"] { builder["tokenizer.ggml.\(key)_token_id"] = nil }
        let checkpoint = try open(builder)
        #expect(checkpoint.config.bosToken == 1 && checkpoint.config.eosTokens == [2])
        let tokenizer = try checkpoint.tokenizer()
        #expect(tokenizer.bosToken == 1 && tokenizer.eosToken == 2 && tokenizer.addsBos)
        // Token 1 is text here, so it begins nothing.
        builder["tokenizer.ggml.token_type"] = .int32s([2, 1, 3] + [Int32](repeating: 1, count: 9))
        let other = try open(builder)
        #expect(other.config.bosToken == nil)
        #expect(other.warnings.contains { $0.contains("bos_token_id") })
    }

    /// As Phi-3's tokenizer.json says, and as llama.cpp takes it: all but three.
    @Test func controlTokensOfPhi3SwallowTheSpaceBehindThem() throws {
        var builder = GGUFBuilder.tiny()
        builder.becomeSentencePiece()
        builder["tokenizer.ggml.add_space_prefix"] = .bool(0)
        func ids(_ text: String) throws -> [Int] { try open(builder).tokenizer().encode(text, addSpecial: false) }
        #expect(try ids("</s> \na") == [2, 0, 3])
        builder["general.name"] = .string("Phi-3 mini")
        #expect(try ids("</s> \na") == [2, 3])
        #expect(try ids("<s> a") == [1, 0, 3])
        #expect(try ids("a<unk>b") == [3, 0, 4])
    }

    @Test(arguments: ["refact", "starcoder", "dbrx", "smaug-bpe", "falcon3"])
    func namesThatMeanAKnownSplittingAreRead(pre: String) throws {
        var builder = GGUFBuilder.tiny()
        builder["tokenizer.ggml.pre"] = .string(pre)
        #expect(try open(builder).tokenizer().encode("ab", addSpecial: false) == [0, 1])
    }

    @Test func aPromisedTokenMustBeNamed() throws {
        for (key, id) in [("add_bos_token", "bos_token_id"), ("add_eos_token", "eos_token_id")] {
            var builder = GGUFBuilder.tiny()
            builder["tokenizer.ggml." + id] = nil
            builder["tokenizer.ggml." + key] = .bool(1)
            expectFailure(.badData, [key, id]) { _ = try open(builder).tokenizer() }
        }
        var builder = GGUFBuilder.tiny()
        builder["tokenizer.ggml.pre"] = .string("llama-bpe")
        builder["tokenizer.ggml.bos_token_id"] = nil
        #expect(try open(builder).warnings.contains { $0.contains("bos_token_id") })
    }

    @Test func anAbsentPreTokenizerIsTold() throws {
        for pre in [nil, "default"] as [String?] {
            var builder = GGUFBuilder.tiny()
            builder["tokenizer.ggml.pre"] = pre.map { .string($0) }
            let warnings = try open(builder).warnings
            #expect(warnings.count == 1 && warnings[0].contains("tokenizer.ggml.pre"), "\(warnings)")
        }
        var builder = GGUFBuilder.tiny()
        builder["tokenizer.ggml.pre"] = .string("superbpe")
        expectFailure(.unsupported, ["superbpe"]) { _ = try open(builder).tokenizer() }
        // SentencePiece has none.
        builder = .tiny()
        builder.becomeSentencePiece()
        builder["tokenizer.ggml.pre"] = nil
        #expect(try open(builder).warnings.isEmpty)
    }

    @Test func linearScalingHasThreeSpellings() throws {
        func scaling(_ values: [String: GGUFBuilder.Value]) throws -> Double? {
            var builder = GGUFBuilder.tiny()
            for (key, value) in values { builder["llama.rope." + key] = value }
            if case .linear(factor: let factor)? = try open(builder).config.layers[0].rotation?.scaling {
                return factor
            }
            return nil
        }
        #expect(try scaling(["scale_linear": .float32(4)]) == 4)
        #expect(try scaling(["scaling.factor": .float32(3)]) == 3)
        #expect(try scaling(["scaling.factor": .float32(3), "scale_linear": .float32(4)]) == 3)
        #expect(try scaling(["scaling.type": .string("linear"), "scale_linear": .float32(4)]) == 4)
        #expect(try scaling(["scaling.type": .string("none"), "scaling.factor": .float32(3)]) == nil)
        #expect(try scaling(["scaling.type": .string("linear")]) == nil)
        #expect(try scaling(["scaling.factor": .float32(0)]) == nil)
        var builder = GGUFBuilder.tiny()
        builder["llama.rope.scale_linear"] = .float32(-2)
        expectFailure(.badData, ["rope.scale_linear", "positive"]) { _ = try open(builder) }
        builder["llama.rope.scale_linear"] = nil
        builder["llama.rope.scaling.type"] = .string("longrope")
        expectFailure(.unsupported, ["rope.scaling.type", "longrope"]) { _ = try open(builder) }
    }

    @Test func oneValueForAllLayersIsOneValue() throws {
        var builder = GGUFBuilder.tiny()
        builder["llama.attention.head_count_kv"] = .int32s([1, 1])
        #expect(try open(builder).config.kvHeadCount == 1)
        builder["llama.attention.head_count_kv"] = .int32s([1, 2])
        expectFailure(.unsupported, ["head_count_kv", "layer"]) { _ = try open(builder) }
    }

    @Test(
        arguments: [
            ("llama.attention.clamp_kqv", .float32(8)), ("llama.attention.max_alibi_bias", .float32(8)),
            ("llama.attn_logit_softcapping", .float32(50)), ("llama.final_logit_softcapping", .float32(30)),
            ("llama.logit_scale", .float32(0.0625)), ("llama.residual_scale", .float32(0.2)),
            ("llama.embedding_scale", .float32(12)), ("llama.attention.scale", .float32(0.3)),
            ("llama.attention.causal", .bool(0)), ("llama.expert_count", .uint32(8)),
            ("llama.tensor_data_layout", .string("reference")), ("llama.use_parallel_residual", .bool(1)),
            ("tokenizer.ggml.add_sep_token", .bool(1)), ("tokenizer.ggml.remove_extra_whitespaces", .bool(1)),
        ] as [(String, GGUFBuilder.Value)]) func whatChangesResultsIsRefused(key: String, value: GGUFBuilder.Value)
        throws
    {
        var builder = GGUFBuilder.tiny()
        builder[key] = value
        expectFailure(.unsupported, [key]) { _ = try open(builder) }
    }

    @Test(
        arguments: [
            ("llama.attention.clamp_kqv", .float32(0)), ("llama.logit_scale", .float32(1)),
            ("llama.attention.scale", .float32(0.5)), ("llama.attention.causal", .bool(1)),
            ("llama.expert_count", .uint32(0)), ("llama.tensor_data_layout", .string("Meta AI original pth")),
            ("llama.use_parallel_residual", .bool(0)), ("tokenizer.ggml.add_sep_token", .bool(0)),
            ("llama.vocab_size", .uint32(12)), ("general.file_type", .uint32(1)),
        ] as [(String, GGUFBuilder.Value)]) func whatChangesNothingIsAccepted(key: String, value: GGUFBuilder.Value)
        throws
    {
        var builder = GGUFBuilder.tiny()
        builder[key] = value
        #expect(try open(builder).warnings.isEmpty)
    }

    @Test func unknownKeysAreNamedOnce() throws {
        var builder = GGUFBuilder.tiny()
        for index in 0..<10 { builder["llama.attention.novelty_\(index)"] = .float32(1) }
        builder["tokenizer.ggml.novelty"] = .bool(1)
        builder["quantize.imatrix.file"] = .string("x")
        let warnings = try open(builder).warnings
        #expect(warnings.count == 1 && warnings[0].contains("'llama.attention.novelty_0'"))
        #expect(warnings[0].contains("3 more") && !warnings[0].contains("imatrix"))
    }
}

extension GGUFBuilder {
    /// A vocabulary of the SentencePiece kind with its three special tokens.
    mutating func becomeSentencePiece() {
        self["tokenizer.ggml.model"] = .string("llama")
        self["tokenizer.ggml.tokens"] = .strings(
            ["<unk>", "<s>", "</s>"] + (0..<9).map { String(UnicodeScalar(UInt8(97 + $0))) })
        self["tokenizer.ggml.token_type"] = .int32s([2, 3, 3] + [Int32](repeating: 1, count: 9))
        self["tokenizer.ggml.scores"] = .floats([Float](repeating: 0, count: 12))
        self["tokenizer.ggml.merges"] = nil
    }
}
