import Checkpoint
import Foundation
import Model
import Storage
import Testing

/// Configs in old and new spelling, sound and not.
@Suite struct HuggingFaceConfigTests {
    private func open(_ change: (inout TinyModel) -> Void) throws -> Checkpoint {
        let directory = try ScratchDirectory()
        var model = TinyModel()
        change(&model)
        try model.write(to: directory)
        return try Checkpoint.open(directory.path)
    }

    @Test func oldAndNewSpellingOfRopeAgree() throws {
        let old = try open { $0.config["rope_theta"] = .number(5e5) }
        let new = try open {
            $0.config["rope_parameters"] = .object([
                .init("rope_theta", .number(5e5)), .init("rope_type", .string("default")),
            ])
        }
        #expect(old.config == new.config)
        #expect(old.config.layers[0].rotation?.theta == 5e5)
        #expect(try open { $0.config["rope_scaling"] = .null }.config.layers[0].rotation?.theta == 10000)
    }

    @Test func ropeScalingIsReadInBothSpellings() throws {
        let linear = try open {
            $0.config["rope_scaling"] = .object([.init("type", .string("linear")), .init("factor", .number(2.5))])
        }
        #expect(linear.config.layers[0].rotation?.scaling == .linear(factor: 2.5))
        let values: [JSONValue.Member] = [
            .init("rope_type", .string("llama3")), .init("factor", .number(8)), .init("low_freq_factor", .number(1)),
            .init("high_freq_factor", .number(4)), .init("original_max_position_embeddings", .integer(8192)),
        ]
        for key in ["rope_scaling", "rope_parameters"] {
            let config = try open { $0.config[key] = .object(values) }.config
            #expect(
                config.layers[0].rotation?.scaling
                    == .llama3(factor: 8, lowFrequency: 1, highFrequency: 4, originalContext: 8192))
        }
    }

    @Test func absentKeysTakeTheFamilysDefaults() throws {
        let checkpoint = try open { model in
            for key in ["rms_norm_eps", "bos_token_id", "eos_token_id", "max_position_embeddings", "architectures"] {
                model.config[key] = nil
            }
            model.config["tie_word_embeddings"] = nil
            model.config["head_dim"] = .null
        }
        #expect(checkpoint.config.headSize == 4)
        #expect(checkpoint.config.normEpsilon == 1e-6)
        #expect(checkpoint.config.contextLength == 2048)
        #expect(!checkpoint.config.tiedEmbeddings)
        #expect(checkpoint.config.bosToken == nil && checkpoint.config.eosTokens.isEmpty)
    }

    @Test func keyValueHeadsDefaultToTheQuerysHeads() throws {
        let checkpoint = try open { model in
            model.config["num_key_value_heads"] = nil
            for index in model.tensors.indices
            where model.tensors[index].name.contains("k_proj") || model.tensors[index].name.contains("v_proj") {
                model.tensors[index].shape = [8, 8]
                model.tensors[index].values = [Float](repeating: 1, count: 64)
            }
        }
        #expect(checkpoint.config.kvHeadCount == 2)
    }

    @Test func headSizeNeedNotDivideTheHiddenSize() throws {
        let checkpoint = try open { model in
            model.config["head_dim"] = .integer(6)
            for (part, rows, columns) in [("q_proj", 12, 8), ("k_proj", 6, 8), ("v_proj", 6, 8), ("o_proj", 8, 12)] {
                for index in model.tensors.indices where model.tensors[index].name.contains(part) {
                    model.tensors[index].shape = [rows, columns]
                    model.tensors[index].values = [Float](repeating: 1, count: rows * columns)
                }
            }
        }
        #expect(checkpoint.config.querySize == 12)
    }

    /// One change of a sound config, and what the message must name.
    struct Case: CustomTestStringConvertible, Sendable {
        let change: [String: JSONValue]
        let fragments: [String]
        let code: TaperError.Code
        init(_ change: [String: JSONValue], _ fragments: [String], code: TaperError.Code = .badData) {
            self.change = change
            self.fragments = fragments
            self.code = code
        }
        var testDescription: String { JSONValue.object(change.map { .init($0.key, $0.value) }).text() }
    }

    static let rejected: [Case] =
        ["hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size"].flatMap { key in
            [
                Case([key: .integer(0)], [key]), Case([key: .integer(-1)], [key]),
                Case([key: .integer(1_000_000_000)], []), Case([key: .string("8")], [key, "string"]),
                Case([key: .number(8.5)], [key]), Case([key: .null], [key]), Case([key: .array([])], [key]),
                Case([key: .integer(Int.max)], []),
            ]
        } + [
            Case(["num_attention_heads": .integer(3)], ["head_dim"]),
            Case(["num_key_value_heads": .integer(0)], ["num_key_value_heads"]),
            Case(["num_key_value_heads": .integer(3)], ["num_key_value_heads"]),
            Case(["num_hidden_layers": .integer(1_000_000)], ["num_hidden_layers"]),
            Case(["num_hidden_layers": .integer(3)], ["missing", "model.layers.2"]),
            Case(["vocab_size": .integer(13)], ["model.embed_tokens.weight", "[12, 8]", "[13, 8]", "vocab_size"]),
            Case(["head_dim": .integer(2)], ["q_proj", "head_dim 2"]),
            Case(["head_dim": .integer(3)], []),
            Case(["rope_theta": .integer(0)], ["rope_theta"]),
            Case(["rope_theta": .integer(-5)], ["rope_theta"]),
            Case(["rope_theta": .string("x")], ["rope_theta"]),
            Case(["rms_norm_eps": .integer(-1)], ["epsilon"]),
            Case(["max_position_embeddings": .integer(0)], ["max_position_embeddings"]),
            Case(
                ["rope_scaling": .object([.init("rope_type", .string("dynamic"))])], ["rope_scaling", "dynamic"],
                code: .unsupported),
            Case(
                ["rope_scaling": .object([.init("rope_type", .string("longrope"))])], ["rope_scaling", "long_factor"]),
            Case(["rope_scaling": .object([.init("rope_type", .string("yarn"))])], ["rope_scaling", "factor"]),
            Case(["rope_scaling": .object([.init("factor", .number(2))])], ["rope_scaling", "rope_type"]),
            Case(["rope_scaling": .object([.init("type", .string("linear"))])], ["factor"]),
            Case(
                ["rope_scaling": .object([.init("type", .string("linear")), .init("factor", .integer(0))])], ["factor"]),
            Case(["rope_scaling": .integer(2)], ["rope_scaling"]),
            Case(["architectures": .array([])], ["architectures"]),
            Case(["architectures": .array([.string("GPT9LMHeadModel")])], ["GPT9LMHeadModel"], code: .unsupported),
            Case(["architectures": .array([.string("PhiForCausalLM")])], ["disagree"]),
            Case(["architectures": .null, "model_type": .string("gpt9")], ["gpt9"], code: .unsupported),
            Case(["architectures": .null, "model_type": .null], ["model_type"], code: .unsupported),
            Case(
                ["quantization_config": .object([.init("quant_method", .string("gptq"))])],
                ["quantization_config", "gptq"], code: .unsupported),
            Case(["hidden_act": .string("relu")], ["hidden_act", "relu"], code: .unsupported),
            Case(["attention_bias": .bool(true)], ["q_proj.bias"]),
            Case(["attention_bias": .integer(1)], ["attention_bias"]),
            Case(["use_qkv_bias": .bool(true)], ["use_qkv_bias"], code: .unsupported),
            Case(["qk_layernorm": .bool(true)], ["qk_layernorm"], code: .unsupported),
            Case(["tie_word_embeddings": .string("no")], ["tie_word_embeddings"]),
            Case(["tie_word_embeddings": .bool(true)], ["tie_word_embeddings", "lm_head.weight"]),
            Case(["eos_token_id": .integer(12)], ["vocabulary", "12"]),
            Case(["eos_token_id": .array([.integer(2), .string("x")])], ["eos_token_id"]),
            Case(["bos_token_id": .integer(-1)], ["vocabulary"]),
        ]

    @Test(arguments: rejected) func isRefused(_ example: Case) throws {
        expectFailure(example.code, example.fragments, "\(example.testDescription)") {
            _ = try open { $0.config.merge(example.change) { $1 } }
        }
    }

    @Test func malformedTextIsRefused() throws {
        let directory = try ScratchDirectory()
        try TinyModel().write(to: directory)
        let sound = TinyModel().configJSON.text()
        let numbers = ["NaN", "1e400", "Infinity", "1."]
        for text in ["", "[]", "null", sound + "x", String(sound.dropLast())]
            + numbers.map({ "{\"rope_theta\":" + $0 + "," + sound.dropFirst() })
            + ["{\"vocab_size\":12," + sound.dropFirst(), "version https://git-lfs.github.com/spec/v1\n", "<html>"]
        {
            try directory.write(text, to: "config.json")
            expectFailure(.badData, ["config.json"], "\(text)") { _ = try Checkpoint.open(directory.path) }
        }
        let junk = "{\"a\":[" + String(repeating: "[1,{\"b\":2}],", count: 400_000) + "0]," + sound.dropFirst()
        try directory.write(junk, to: "config.json")
        expectFailure(.badData, ["config.json", "too large"]) { _ = try Checkpoint.open(directory.path) }
        try directory.remove("config.json")
        expectFailure(.badData, ["no config.json"]) { _ = try Checkpoint.open(directory.path) }
    }

    @Test func codeOfTheCheckpointIsNeverRun() throws {
        let checkpoint = try open { $0.config["auto_map"] = .object([.init("AutoModel", .string("m.py"))]) }
        #expect(checkpoint.warnings.contains { $0.contains("auto_map") })
    }

    @Test func missingHeadSaysHowToTieIt() throws {
        expectFailure(.badData, ["lm_head.weight", "tie_word_embeddings"]) {
            _ = try open { $0.tensors.removeAll { $0.name == TensorName.head } }
        }
        let tied = try open {
            $0.tensors.removeAll { $0.name == TensorName.head }
            $0.config["tie_word_embeddings"] = .bool(true)
        }
        #expect(try tied.read(TensorName.head) == tied.read(TensorName.embedding))
    }

    @Test func tiedModelMayRepeatTheEmbeddingAsHead() throws {
        let tied = try open { model in
            model.config["tie_word_embeddings"] = .bool(true)
            let embedding = model.tensors[0].values
            for index in model.tensors.indices where model.tensors[index].name == TensorName.head {
                model.tensors[index].values = embedding
            }
        }
        #expect(tied.config.tiedEmbeddings && tied.warnings.isEmpty)
        #expect(!tied.tensors.contains { $0.name == TensorName.head })
    }

    @Test func oldRotaryBuffersAreIgnored() throws {
        let checkpoint = try open {
            $0.tensors.append(
                .init(name: "model.layers.0.self_attn.rotary_emb.inv_freq", shape: [2], values: [1, 0.5]))
        }
        #expect(checkpoint.warnings.isEmpty)
    }

    @Test func slidingWindowIsKept() throws {
        let limited = try open {
            $0.config["model_type"] = .string("mistral")
            $0.config["architectures"] = .array([.string("MistralForCausalLM")])
            $0.config["sliding_window"] = .integer(16)
        }
        #expect(limited.config.layers[0].window == 16)
        #expect(limited.config.contextLength == 64)
        #expect(limited.warnings.isEmpty)
        for window in [JSONValue.null, .integer(64), .integer(4096)] {
            let whole = try open {
                $0.config["model_type"] = .string("mistral")
                $0.config["architectures"] = .array([.string("MistralForCausalLM")])
                $0.config["sliding_window"] = window
            }
            #expect(whole.config.contextLength == 64 && whole.warnings.isEmpty)
        }
    }

    @Test(arguments: [
        ("llama-gqa-tied", "llama", 32, false, false), ("llama-mha-untied", "llama", 32, false, false),
        ("mistral", "mistral", 32, false, false), ("qwen2", "qwen2", 32, true, false),
        ("phi", "phi", 16, true, true), ("stablelm", "stablelm", 8, false, false),
    ])
    func configsOfEveryFamilyAreUnderstood(
        _ name: String, _ family: String, _ rotarySize: Int, _ qkvBias: Bool, _ outputBias: Bool
    ) throws {
        // Tensors are made to fit the config, under the family's own names, all of them empty of meaning.
        let json = try fixture(name + ".json")
        let directory = try ScratchDirectory()
        try directory.write(json, to: "config.json")
        var model = ModelConfig(
            family: family, hiddenSize: 128, intermediateSize: json["intermediate_size"]?.integer ?? 0,
            layerCount: json["num_hidden_layers"]?.integer ?? 0, headCount: 4,
            kvHeadCount: json["num_key_value_heads"]?.integer ?? 0, headSize: 32, vocabularySize: 384,
            contextLength: 256,
            normEpsilon: (json["rms_norm_eps"] ?? json["layer_norm_eps"])?.double ?? 0,
            ropeTheta: json["rope_parameters"]?["rope_theta"]?.double ?? 0)
        model.describeEveryLayer { $0.rotation?.size = rotarySize }
        model.qkvBias = qkvBias
        (model.attentionOutputBias, model.mlpBias, model.headBias) = (outputBias, outputBias, outputBias)
        if family == "mistral" { model.describeEveryLayer { $0.window = 16 } }
        model.tiedEmbeddings = json["tie_word_embeddings"]?.bool ?? false
        model.bosToken = json["bos_token_id"]?.integer
        model.eosTokens = json["eos_token_id"]?.integer.map { [$0] } ?? []
        if family == "phi" || family == "stablelm" { model.normalization = .layer }
        if family == "phi" {
            model.activation = .geluTanh
            model.gatedMLP = false
            model.parallelResidual = true
        }
        let renamed = { (name: String) -> String in
            guard family == "phi" else { return name }
            return name.replacingOccurrences(of: "self_attn.o_proj", with: "self_attn.dense")
                .replacingOccurrences(of: "mlp.up_proj", with: "mlp.fc1")
                .replacingOccurrences(of: "mlp.down_proj", with: "mlp.fc2")
                .replacingOccurrences(of: "model.norm", with: "model.final_layernorm")
        }
        let tensors = model.tensorRequirements().map { requirement in
            TinyModel.Tensor(
                name: renamed(requirement.name), dtype: "BF16", shape: requirement.shape,
                values: [Float](repeating: 0.5, count: requirement.shape.reduce(1, *)))
        }
        try directory.write(Safetensors.file(tensors), to: "model.safetensors")
        let checkpoint = try Checkpoint.open(directory.path)
        #expect(checkpoint.config == model)
        #expect(checkpoint.tensors.count == tensors.count)
        #expect(checkpoint.warnings.isEmpty)
    }
}
