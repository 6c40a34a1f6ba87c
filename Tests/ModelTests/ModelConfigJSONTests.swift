import Model
import Storage
import Testing

@Suite struct ModelConfigJSONTests {
    struct Change: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// Members that the description has after it, and did not have before.
        let members: String
        let make: @Sendable (inout ModelConfig) -> Void

        init(_ members: String, _ make: @escaping @Sendable (inout ModelConfig) -> Void) {
            testDescription = members
            self.members = members
            self.make = make
        }
    }

    /// What a program of the first version would not notice.
    static let changes = [
        Change(#""attention_output_bias":true,"mlp_bias":false,"head_bias":false"#) { $0.attentionOutputBias = true },
        Change(#""attention_output_bias":false,"mlp_bias":true,"head_bias":false"#) { $0.mlpBias = true },
        Change(#""attention_output_bias":false,"mlp_bias":false,"head_bias":true"#) { $0.headBias = true },
        Change(#""norm_placement":"post""#) { $0.normPlacement = .post },
        Change(#""norm_placement":"pre_post""#) { $0.normPlacement = .prePost },
        Change(#""qk_norm":"head""#) { $0.queryKeyNorm = .head },
        Change(#""qk_norm":"heads""#) { $0.queryKeyNorm = .heads },
        Change(#""qk_norm":"full""#) { $0.queryKeyNorm = .full },
        Change(#""attn_logit_softcapping":5e+01"#) { $0.attentionCap = 50 },
        Change(#""final_logit_softcapping":0.5"#) { $0.logitCap = 0.5 },
        Change(#""layers":[{},{"rope":null}]"#) { $0.layers[1].rotation = nil },
        Change(#""layers":[{},{"sliding_window":8}]"#) { $0.layers[1].window = 8 },
    ]
    /// The same description as before these: some changes that the first version knows.
    static let old: [@Sendable (inout ModelConfig) -> Void] = [
        { _ in }, { $0.describeEveryLayer { $0.window = 8 } },
        { $0.describeEveryLayer { $0.rotation?.scaling = .linear(factor: 2) } },
        { ($0.attentionOutputBias, $0.mlpBias, $0.headBias) = (true, true, true) },
        { ($0.parallelResidual, $0.qkvBias, $0.normalization) = (true, true, .layer) },
        { $0.describeEveryLayer { $0.rotation?.scaling = .yarn(YaRN(factor: 4, originalContext: 64)) } },
    ]

    /// As version 0.1 wrote them.
    @Test func modelsOfTheFirstVersionKeepTheirBytes() throws {
        var config = ModelConfigTests.sample()
        #expect(
            config.json.text()
                == #"{"family":"llama","hidden_size":64,"intermediate_size":128,"num_hidden_layers":2,"#
                + #""num_attention_heads":4,"num_key_value_heads":2,"head_dim":16,"vocab_size":100,"#
                + #""max_position_embeddings":256,"norm_eps":1e-05,"rope_theta":1e+04,"rotary_dim":16,"#
                + #""normalization":"rms","hidden_act":"silu","gated_mlp":true,"parallel_residual":false,"#
                + #""qkv_bias":false,"output_bias":false,"tie_word_embeddings":false,"bos_token_id":null,"#
                + #""eos_token_id":[]}"#)
        config.describeEveryLayer {
            $0 = LayerDescription(window: 32, rotation: Rotation(theta: 10000, size: 8, scaling: .linear(factor: 4)))
        }
        (config.attentionOutputBias, config.mlpBias, config.headBias) = (true, true, true)
        let text = config.json.text()
        #expect(text.contains(#""rotary_dim":8"#) && text.contains(#""output_bias":true"#))
        #expect(
            text.hasSuffix(
                #""eos_token_id":[],"sliding_window":32,"rope_scaling":{"rope_type":"linear","factor":4}}"#))
    }

    @Test(arguments: changes) func everyNewKeySurvivesAndNeedsTheSecondSchema(_ change: Change) throws {
        var config = ModelConfigTests.sample()
        change.make(&config)
        #expect(config.exceedsFirstVersion)
        let text = config.json.text()
        let before = ModelConfigTests.sample().json.text()
        #expect(text == before.dropLast() + "," + change.members + "}")
        let read = try ModelConfig(json: try JSONValue.parse(Array(text.utf8), place: "t"), place: "t")
        #expect(read == config)
    }

    /// A manifest has the second schema if and only if it has a key of it.
    @Test func theSecondSchemaIsThatOfItsKeys() throws {
        for start in Self.old {
            var config = ModelConfigTests.sample()
            start(&config)
            func keys(_ config: ModelConfig) -> [String] {
                (config.json.members ?? []).map(\.key).filter(ModelConfig.secondVersionKeys.contains)
            }
            #expect(!config.exceedsFirstVersion && keys(config).isEmpty)
            for change in Self.changes {
                var changed = config
                change.make(&changed)
                #expect(changed.exceedsFirstVersion == !keys(changed).isEmpty)
                if changed.parallelResidual && changed.normPlacement != .pre { continue }
                #expect(try ModelConfig(json: changed.json, place: "t") == changed)
            }
        }
    }

    @Test func biasesFollowOutputBiasWhereTheyAreLeftOut() throws {
        let text = ModelConfigTests.sample().json.text().replacing(
            #""output_bias":false"#, with: #""output_bias":true"#)
        let all = try ModelConfig(json: try JSONValue.parse(Array(text.utf8), place: "t"), place: "t")
        #expect(all.attentionOutputBias && all.mlpBias && all.headBias)
        let some = try ModelConfig(
            json: try JSONValue.parse(Array((#"{"mlp_bias":false,"# + text.dropFirst()).utf8), place: "t"), place: "t")
        #expect(some.attentionOutputBias && !some.mlpBias && some.headBias)
    }

    @Test func whatStandsForNothingMayBeSaid() throws {
        let sample = ModelConfigTests.sample()
        for member in [
            #""norm_placement":"pre""#, #""qk_norm":"none""#, #""attn_logit_softcapping":null"#,
            #""final_logit_softcapping":null"#, #""layers":[{},{}]"#, #""sliding_window":null"#,
        ] { #expect(try LayerDescriptionTests.read(member) == sample, "\(member)") }
    }

    @Test(arguments: [
        (#""norm_placement":"sandwich""#, "norm_placement"), (#""norm_placement":null"#, "norm_placement"),
        (#""norm_placement":1"#, "norm_placement"), (#""qk_norm":"rms""#, "qk_norm"), (#""qk_norm":true"#, "qk_norm"),
        (#""attn_logit_softcapping":0.001"#, "attn_logit_softcapping is out of range"),
        (#""attn_logit_softcapping":-50"#, "attn_logit_softcapping is out of range"),
        (#""attn_logit_softcapping":true"#, "attn_logit_softcapping"),
        (#""final_logit_softcapping":1000000"#, "final_logit_softcapping is out of range"),
        (#""final_logit_softcapping":1e400"#, "final_logit_softcapping"),
        (#""mlp_bias":null"#, "mlp_bias"), (#""head_bias":1"#, "head_bias"),
        (#""attention_output_bias":"true""#, "attention_output_bias"),
        (#""rope_scaling":null"#, "rope_scaling"), (#""rope_scaling":{"rope_type":"longrope"}"#, "rope_scaling"),
        (#""rope_scaling":{"rope_type":"yarn","factor":4}"#, "original_max_position_embeddings"),
    ])
    func impossibleValuesAreRefusedByName(_ member: String, _ says: String) throws {
        let error = try #require(throws: TaperError.self) { try LayerDescriptionTests.read(member) }
        #expect(error.code == .badData && error.message.contains(says), "\(error.message)")
    }

    @Test func unknownKeysAreRefused() throws {
        let error = try #require(throws: TaperError.self) { try LayerDescriptionTests.read(#""logit_scale":1"#) }
        #expect(error.code == .unsupported && error.message.contains("'logit_scale'"), "\(error.message)")
    }

    @Test(arguments: [ModelConfig.NormPlacement.post, .prePost])
    func normsBehindDoNotGoWithParallelResiduals(_ placement: ModelConfig.NormPlacement) throws {
        var config = ModelConfigTests.sample()
        (config.parallelResidual, config.normPlacement) = (true, placement)
        let error = try #require(throws: TaperError.self) { try ModelConfig(json: config.json, place: "t") }
        #expect(error.code == .badData && error.message.contains("parallel_residual"), "\(error.message)")
    }
}
