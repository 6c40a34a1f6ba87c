import Model
import Storage

extension ModelFamily {
    /// Phi-1, 1.5 and 2 (arXiv 2309.05463): one norm for attention and MLP, no gate, biases everywhere.
    static let phi = ModelFamily(
        name: "phi", architecture: "PhiForCausalLM", normalization: .layer,
        defaults: Defaults(partialRotary: 0.5, activation: .geluTanh), keys: ["qk_layernorm"],
        naming: TensorNaming(
            parts: [.attentionOutput: "self_attn.dense", .up: "mlp.fc1", .down: "mlp.fc2"],
            others: [
                TensorName.finalNorm: "model.final_layernorm.weight",
                TensorName.finalNormBias: "model.final_layernorm.bias",
            ]),
        describe: { fields, imported throws(TaperError) in
            // Its norms of queries and keys have biases; no published model has them on.
            try fields.refuse("qk_layernorm", for: "phi")
            describe(&imported.model)
        },
        gguf: GGUFFamily(
            architecture: "phi2", turnsInPart: true,
            describe: { _, imported in
                imported.model.activation = .geluTanh
                describe(&imported.model)
            }))

    private static func describe(_ model: inout ModelConfig) {
        model.gatedMLP = false
        model.parallelResidual = true
        model.qkvBias = true
        model.attentionOutputBias = true
        model.mlpBias = true
        model.headBias = true
    }
}
