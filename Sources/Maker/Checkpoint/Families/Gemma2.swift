import Model
import Storage

extension ModelFamily {
    /// Gemma 2 (arXiv 2408.00118): norms before and behind, soft caps, every other layer with a window.
    static let gemma2 = ModelFamily(
        name: "gemma2", architecture: "Gemma2ForCausalLM",
        defaults: Defaults(
            contextLength: 8192, kvHeads: 4, headSize: 256, window: 4096, tiedEmbeddings: true, activation: .geluTanh),
        activationKey: gemmaActivationKey, keys: gemmaKeys, windows: .allButEvery(2), naming: gemmaNaming,
        describe: { fields, imported throws(TaperError) in
            try imported.describeGemma(fields)
            imported.model.attentionCap = try fields.cap("attn_logit_softcapping", default: 50)
            imported.model.logitCap = try fields.cap("final_logit_softcapping", default: 30)
        },
        gguf: GGUFFamily(
            architecture: "gemma2", keys: ["attn_logit_softcapping", "final_logit_softcapping"],
            windows: GGUFFamily.Windows(period: 2, usual: 4096),
            describe: { fields, imported throws(TaperError) in
                imported.describeGemma(fields, largestLayerCount: 46)
                imported.model.attentionCap = try fields.factor("attn_logit_softcapping", default: 50)
                imported.model.logitCap = try fields.factor("final_logit_softcapping", default: 30)
            }))

    /// Newer files have `hidden_act` beside it, which no class reads.
    static let gemmaActivationKey = "hidden_activation"
    /// Keys that all of Gemma's classes have.
    static let gemmaKeys: Set<String> = [
        gemmaActivationKey, "query_pre_attn_scalar", "attn_logit_softcapping", "final_logit_softcapping",
        "use_bidirectional_attention", "sliding_window_pattern", "_sliding_window_pattern", "attention_bias",
        "sliding_window_size",
    ]
    /// What others call the norm after attention is here the one before the MLP.
    static let gemmaNaming = TensorNaming(parts: [
        .attentionOutputNorm: "post_attention_layernorm", .mlpNorm: "pre_feedforward_layernorm",
        .mlpOutputNorm: "post_feedforward_layernorm",
    ])
}

extension ImportedModel {
    /// What all of Gemma's classes share: weights of norms less one, embeddings times sqrt(hiddenSize), scores over
    /// sqrt(query_pre_attn_scalar).
    mutating func describeGemma(_ fields: ConfigFields) throws(TaperError) {
        try fields.refuse("use_bidirectional_attention", for: model.family)
        model.normPlacement = .prePost
        try model.readAttentionBias(fields)
        let scalar = try fields.factor("query_pre_attn_scalar", default: 256)
        foldGemma()
        folding.normOffset = 1
        folding.scoreScale = (Double(model.headSize) / scalar).squareRoot()
    }

    /// As llama.cpp computes what its files do not say: weights of norms have their 1 already, and scores are divided by the
    /// square root of headSize, in the 27B models of hiddenSize / headCount.
    mutating func describeGemma(_ fields: GGUFFields, largestLayerCount: Int) {
        model.normPlacement = .prePost
        model.activation = .geluTanh
        foldGemma()
        if model.layerCount == largestLayerCount {
            folding.scoreScale = (Double(model.headSize) / Double(model.hiddenSize / model.headCount)).squareRoot()
        }
    }

    mutating func foldGemma() { folding.embeddingScale = Double(model.hiddenSize).squareRoot() }
}
