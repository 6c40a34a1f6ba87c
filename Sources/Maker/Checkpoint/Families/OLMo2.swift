import Model
import Storage

extension ModelFamily {
    /// OLMo 2 (arXiv 2501.00656): norms behind attention and MLP instead of before, queries and keys normalized as a whole.
    static let olmo2 = ModelFamily(
        name: "olmo2", architecture: "Olmo2ForCausalLM", defaults: Defaults(normEpsilon: 1e-5),
        keys: ["attention_bias"],
        naming: TensorNaming(parts: [
            .attentionOutputNorm: "post_attention_layernorm", .mlpOutputNorm: "post_feedforward_layernorm",
        ]),
        describe: { fields, imported throws(TaperError) in
            imported.model.normPlacement = .post
            imported.model.queryKeyNorm = .full
            try imported.model.readAttentionBias(fields)
        },
        // OLMo 3 goes by the same name there, and differs by windows only.
        gguf: GGUFFamily(
            architecture: "olmo2", windows: GGUFFamily.Windows(period: 4, rotation: .unscaled),
            describe: { _, imported in
                imported.model.normPlacement = .post
                imported.model.queryKeyNorm = .full
            }))
}
