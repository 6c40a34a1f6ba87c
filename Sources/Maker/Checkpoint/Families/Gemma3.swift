import Model
import Storage

extension ModelFamily {
    /// Gemma 3's text models (arXiv 2503.19786): as Gemma 2, but queries and keys are normalized by head instead of capped, and layers
    /// with a window turn by a base of their own.
    static let gemma3 = ModelFamily(
        name: "gemma3_text", architecture: "Gemma3ForCausalLM",
        defaults: Defaults(
            contextLength: 131_072, kvHeads: 4, headSize: 256, ropeTheta: 1e6, localRopeTheta: 10000, window: 4096,
            tiedEmbeddings: true, activation: .geluTanh),
        activationKey: gemmaActivationKey, keys: gemmaKeys.union(["rope_local_base_freq"]), windows: .allButEvery(6),
        naming: gemmaNaming,
        describe: { fields, imported throws(TaperError) in
            try imported.describeGemma(fields)
            imported.model.queryKeyNorm = .head
            imported.model.attentionCap = try fields.cap("attn_logit_softcapping", default: nil)
            imported.model.logitCap = try fields.cap("final_logit_softcapping", default: nil)
        },
        gguf: GGUFFamily(
            architecture: "gemma3", keys: ["final_logit_softcapping"],
            windows: GGUFFamily.Windows(period: 6, rotation: .own(10000)),
            describe: { fields, imported throws(TaperError) in
                imported.describeGemma(fields, largestLayerCount: 62)
                imported.model.queryKeyNorm = .head
                imported.model.logitCap = try fields.factor("final_logit_softcapping", default: nil)
            }))
}
