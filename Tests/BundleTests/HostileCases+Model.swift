import Model
import Storage

/// Descriptions of models that must be refused.
extension HostileCase {
    /// With all keys of the manifest's second schema: three layers, of which the second has nothing that the
    /// first has.
    static let second = TinyBundle(
        precisions: [2], tied: false, tokenizer: nil, documents: [],
        change: { model in
            let yarn = YaRN(
                factor: 2, originalContext: 16, betaFast: 4, betaSlow: 0.5, attentionFactor: 1.25, truncates: false)
            model.layers = [
                LayerDescription(window: 8, rotation: Rotation(theta: 10000, size: 4, scaling: .yarn(yarn))),
                LayerDescription(rotation: Rotation(theta: 512, size: 2, scaling: .linear(factor: 4))),
                LayerDescription(window: 8, rotation: nil),
            ]
            model.attentionOutputBias = true
            model.normPlacement = .prePost
            model.queryKeyNorm = .head
            model.attentionCap = 25
            model.logitCap = 15
        })

    /// A bundle with another text in its manifest; `base` has the first schema.
    private static func edited(
        _ name: String, _ says: String, _ old: String, _ new: String, _ code: TaperError.Code = .badData,
        of tiny: TinyBundle = second
    ) -> HostileCase {
        HostileCase(name: "model-" + name, code: code, says: says) {
            var forge = Forge(try tiny.bytes())
            try forge.edit("manifest", old, new)
            return forge.bytes()
        }
    }

    static let descriptions: [HostileCase] =
        [
            edited(
                "schema-1-with-a-key-of-2", "qk_norm needs the second schema", #""family""#,
                #""qk_norm":"none","family""#, of: base),
            edited("schema-1-of-the-second", "needs the second schema", "taper-bundle-2", "taper-bundle-1"),
            edited("key-unknown", "an unknown key", #""family""#, #""logit_scale":2,"family""#, .unsupported, of: base),
            edited("key-unknown-in-schema-2", "an unknown key", #""qk_norm""#, #""kq_norm""#, .unsupported),
            edited("head-dim-1", "head_dim is out of range", #""head_dim":4"#, #""head_dim":1"#, of: base),
            edited(
                "queries-too-many", "num_attention_heads * head_dim", #""num_attention_heads":2"#,
                #""num_attention_heads":65536"#, of: base),
            edited(
                "hidden-size-too-large", "hidden_size is out of range", #""hidden_size":8"#, #""hidden_size":131073"#,
                of: base),
            edited("norm-placement", #"found "both""#, #""pre_post""#, #""both""#),
            edited("norm-placement-null", "norm_placement", #""pre_post""#, "null"),
            edited(
                "parallel-with-output-norms", "parallel_residual", #""parallel_residual":false"#,
                #""parallel_residual":true"#),
            edited("qk-norm", "qk_norm", #""qk_norm":"head""#, #""qk_norm":"layer""#),
            edited(
                "attention-cap-0", "attn_logit_softcapping is out of range", #""attn_logit_softcapping":25"#,
                #""attn_logit_softcapping":0"#),
            edited(
                "attention-cap-text", "attn_logit_softcapping", #""attn_logit_softcapping":25"#,
                #""attn_logit_softcapping":"50""#),
            edited(
                "logit-cap-too-large", "final_logit_softcapping is out of range", #""final_logit_softcapping":15"#,
                #""final_logit_softcapping":1e6"#),
            edited(
                "logit-cap-negative", "final_logit_softcapping is out of range", #""final_logit_softcapping":15"#,
                #""final_logit_softcapping":-30"#),
            edited("bias-number", "mlp_bias", #""mlp_bias":false"#, #""mlp_bias":0"#),
        ] + layers + rotations + parts

    private static let layers: [HostileCase] = [
        edited("layers-too-few", "an array of num_hidden_layers objects", #""layers":[{},"#, #""layers":["#),
        edited("layers-too-many", "an array of num_hidden_layers objects", #""layers":[{},"#, #""layers":[{},{},"#),
        edited("layers-entry-null", "not a description", #""layers":[{},"#, #""layers":[null,"#),
        edited("layers-key-unknown", "an unknown key", #""layers":[{},"#, #""layers":[{"nope":true},"#, .unsupported),
        edited(
            "layers-window-0", "sliding_window is out of range", #""layers":[{},"#,
            #""layers":[{"sliding_window":0},"#),
        edited("layers-window-text", "sliding_window", #""layers":[{},"#, #""layers":[{"sliding_window":"8"},"#),
        edited("window-0", "sliding_window is out of range", #""sliding_window":8,"#, #""sliding_window":0,"#),
        edited("layers-rope-empty", "rope_theta", #""rope":null"#, #""rope":{}"#),
        edited("layers-rope-array", "not a description", #""rope":null"#, #""rope":[]"#),
        edited("layers-rope-half", "rotary_dim", #""rope":null"#, #""rope":{"rope_theta":10000.0}"#),
        edited(
            "layers-rope-key-unknown", "an unknown key", #""rotary_dim":2"#, #""rotary_dim":2,"base":1"#, .unsupported),
        edited("layers-rope-odd", "must be even", #""rotary_dim":2"#, #""rotary_dim":3"#),
        edited("layers-rope-larger-than-head", "at most head_dim", #""rotary_dim":2"#, #""rotary_dim":6"#),
        edited("layers-rope-theta-1", "rope_theta is out of range", #""rope_theta":512"#, #""rope_theta":1"#),
    ]

    private static let rotations: [HostileCase] = [
        edited("yarn-betas-equal", "more than beta_slow", #""beta_fast":4"#, #""beta_fast":0.5"#),
        edited("yarn-beta-0", "beta_slow of rope_scaling is out of range", #""beta_slow":0.5"#, #""beta_slow":0"#),
        edited("yarn-beta-missing", "beta_slow", #""beta_slow":0.5,"#, ""),
        edited("yarn-attention-factor-missing", "attention_factor", #""attention_factor":1.25,"#, ""),
        edited("yarn-truncate-number", "truncate", #""truncate":false"#, #""truncate":0"#),
        edited(
            "yarn-context-0", "original_max_position_embeddings of rope_scaling",
            #""original_max_position_embeddings":16"#, #""original_max_position_embeddings":0"#),
        edited(
            "scaling-key-of-another", "an unknown key", #""rope_type":"linear""#,
            #""rope_type":"linear","beta_fast":4"#, .unsupported),
        edited(
            "scaling-factor-too-small", "factor of rope_scaling is out of range", #""factor":4"#, #""factor":1e-7"#),
        edited(
            "scaling-factor-too-large", "factor of rope_scaling is out of range", #""factor":4"#, #""factor":2e9"#),
        edited("scaling-type-unknown", #"found "dynamic""#, #""rope_type":"linear""#, #""rope_type":"dynamic""#),
        edited(
            "scaling-null", "rope_scaling", #""rope_scaling":{"rope_type":"linear","factor":4}"#,
            #""rope_scaling":null"#),
    ]

    private static let parts: [HostileCase] = [
        edited(
            "query-norm-missing", "self_attn.q_norm.weight", #""name":"model.layers.0.self_attn.q_norm.weight""#,
            #""name":"model.layers.0.self_attn.q_normed.weight""#),
        edited("query-norm-of-all-heads", "another shape", #""qk_norm":"head""#, #""qk_norm":"heads""#),
        edited("query-norm-unused", "tensors the model does not have", #""qk_norm":"head""#, #""qk_norm":"none""#),
        edited(
            "output-norms-unused", "tensors the model does not have", #""norm_placement":"pre_post""#,
            #""norm_placement":"pre""#),
        edited(
            "output-bias-unused", "tensors the model does not have", #""attention_output_bias":true"#,
            #""attention_output_bias":false"#),
        edited("mlp-bias-missing", "mlp.gate_proj.bias is missing", #""mlp_bias":false"#, #""mlp_bias":true"#),
    ]
}
