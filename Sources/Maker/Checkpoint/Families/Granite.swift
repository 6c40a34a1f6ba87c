import Model
import Storage

extension ModelFamily {
    /// Granite 3, dense: LLaMA with four multipliers, all of which become part of the weights.
    static let granite = ModelFamily(
        name: "granite", architecture: "GraniteForCausalLM",
        keys: biasKeys.union([
            "embedding_multiplier", "residual_multiplier", "attention_multiplier", "logits_scaling",
        ]),
        describe: { fields, imported throws(TaperError) in
            try imported.model.readBiases(fields)
            imported.folding.embeddingScale = try fields.factor("embedding_multiplier", default: 1)
            imported.folding.residualScale = try fields.factor("residual_multiplier", default: 1)
            // In place of 1 / sqrt(headSize).
            imported.folding.scoreScale =
                try fields.factor("attention_multiplier", default: 1) * Double(imported.model.headSize).squareRoot()
            imported.folding.logitScale = 1 / (try fields.factor("logits_scaling", default: 1))
        },
        gguf: GGUFFamily(
            architecture: "granite", interleaves: true,
            keys: [
                "embedding_scale", "residual_scale", "attention.scale", "logit_scale", "rope.scaling.finetuned",
            ],
            describe: { fields, imported throws(TaperError) in
                imported.folding.embeddingScale = try fields.factor("embedding_scale") ?? 1
                imported.folding.residualScale = try fields.factor("residual_scale") ?? 1
                if let scale = try fields.factor("attention.scale") {
                    imported.folding.scoreScale = scale * Double(imported.model.headSize).squareRoot()
                }
                // Whatever its name says, logits are divided by it.
                imported.folding.logitScale = 1 / (try fields.factor("logit_scale") ?? 1)
                // Here the key says whether anything turns queries and keys at all.
                if try !fields.flag("rope.scaling.finetuned", default: true) {
                    imported.model.describeEveryLayer { $0.rotation = nil }
                }
            }))
}
