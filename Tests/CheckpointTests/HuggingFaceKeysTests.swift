import Checkpoint
import Model
import Storage
import Testing
import Text

/// Keys of config.json that the description of a model has no place for.
@Suite struct HuggingFaceKeysTests {
    private func open(_ values: [String: JSONValue]) throws -> Checkpoint {
        let directory = try ScratchDirectory()
        var model = TinyModel()
        for (key, value) in values { model.config[key] = value }
        try model.write(to: directory)
        return try Checkpoint.open(directory.path)
    }

    @Test(
        arguments: [
            ("logit_scale", .number(0.0625)), ("attn_logit_softcapping", .number(50)),
            ("final_logit_softcapping", .number(30)), ("embedding_multiplier", .number(12)),
            ("logits_scaling", .number(8)), ("clip_qkv", .number(8)), ("num_local_experts", .integer(8)),
            ("rope_interleaved", .bool(true)), ("lm_head_bias", .bool(true)), ("qk_norm", .bool(true)),
            ("is_encoder_decoder", .bool(true)),
            ("no_rope_layers", .array([.integer(1), .integer(0)])),
            ("layer_types", .array([.string("full_attention"), .string("linear_attention")])),
            ("layer_types", .array([.string("sliding_attention"), .string("sliding_attention")])),
            ("pruned_heads", .object([.init("0", .array([.integer(1)]))])),
            ("position_embedding_type", .string("alibi")),
            (
                "rope_parameters",
                .object([.init("linear_attention", .object([.init("rope_type", .string("default"))]))])
            ),
            ("rope_parameters", .object([.init("rope_type", .string("default")), .init("novel_factor", .array([]))])),
        ] as [(String, JSONValue)]) func whatChangesResultsIsRefused(key: String, value: JSONValue) throws
    {
        expectFailure(.unsupported, [key]) { _ = try open([key: value]) }
    }

    @Test func whatChangesNothingIsAccepted() throws {
        let checkpoint = try open([
            "logit_scale": .number(1), "num_local_experts": .integer(0), "rope_interleaved": .bool(false),
            "no_rope_layers": .array([.integer(1), .integer(1)]), "pruned_heads": .object([]),
            "layer_types": .array([.string("full_attention"), .string("full_attention")]),
            "initializer_range": .number(0.02), "use_cache": .bool(true), "transformers_version": .string("5.0.0"),
            "novelty": .null, "lm_head_bias": .bool(false), "full_attn_mod": .integer(1),
        ])
        #expect(checkpoint.warnings.isEmpty)
    }

    @Test func unknownKeysAreNamedOnce() throws {
        var values: [String: JSONValue] = [:]
        for index in 0..<9 { values["novelty_\(index)"] = .number(2) }
        let warnings = try open(values).warnings
        #expect(warnings.count == 1 && warnings[0].contains("'novelty_0'") && warnings[0].contains("1 more"))
    }
}
