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
            func multiplier(_ key: String) throws(TaperError) -> Double {
                let value = try fields.number(key, default: 1)
                guard value > 0 else { throw fields.wrong(key, "a positive number") }
                return value
            }
            imported.folding.embeddingScale = try multiplier("embedding_multiplier")
            imported.folding.residualScale = try multiplier("residual_multiplier")
            // In place of 1 / sqrt(headSize).
            imported.folding.scoreScale =
                try multiplier("attention_multiplier") * Double(imported.model.headSize).squareRoot()
            imported.folding.logitScale = 1 / (try multiplier("logits_scaling"))
        })
}
