import Model

/// Small configurations that between them use every choice of `ModelConfig`.
enum TinyModels {
    /// LLaMA: grouped queries, tied head, sizes that fill neither tiles nor groups.
    static var llama: ModelConfig {
        var config = base("llama", heads: 4, kvHeads: 2)
        config.tiedEmbeddings = true
        return config
    }
    /// Qwen2: biases on q, k, v; own head.
    static var qwen2: ModelConfig {
        var config = base("qwen2", heads: 4, kvHeads: 1)
        config.qkvBias = true
        config.describeEveryLayer { $0.rotation?.scaling = .linear(factor: 2) }
        return config
    }
    /// Phi: layer norm, parallel residual, no gate, partial rotation, biases everywhere.
    static var phi: ModelConfig {
        var config = base("phi", heads: 4, kvHeads: 4)
        config.normalization = .layer
        config.parallelResidual = true
        config.gatedMLP = false
        config.activation = .geluTanh
        config.describeEveryLayer { $0.rotation?.size = 8 }
        config.qkvBias = true
        config.attentionOutputBias = true
        config.mlpBias = true
        config.headBias = true
        return config
    }
    /// StableLM: layer norm with a gated MLP, a head size that is not hidden / heads.
    static var stablelm: ModelConfig {
        var config = base("stablelm", heads: 3, kvHeads: 3)
        config.normalization = .layer
        config.describeEveryLayer { $0.rotation?.size = 4 }
        config.activation = .gelu
        return config
    }
    /// Qwen3: queries and keys normalized by head, all heads with one weight; YaRN.
    static var qwen3: ModelConfig {
        var config = base("qwen3", heads: 4, kvHeads: 2)
        config.queryKeyNorm = .head
        config.describeEveryLayer { $0.rotation?.scaling = .yarn(YaRN(factor: 4, originalContext: 16)) }
        return config
    }
    /// Gemma 2: norms before and behind, soft caps, a gate of GELU, a window in one layer; a tied head.
    static var gemma2: ModelConfig {
        var config = base("gemma2", heads: 4, kvHeads: 2)
        config.normPlacement = .prePost
        config.activation = .geluTanh
        config.tiedEmbeddings = true
        config.attentionCap = 2.5
        config.logitCap = 3
        config.layers[0].window = 5
        return config
    }
    /// Gemma 3: besides, a rotation of its own where there is a window.
    static var gemma3: ModelConfig {
        var config = gemma2
        config.family = "gemma3_text"
        (config.attentionCap, config.logitCap) = (nil, nil)
        config.queryKeyNorm = .head
        config.layers[1].rotation = Rotation(theta: 500_000, size: 16, scaling: .linear(factor: 8))
        return config
    }
    /// OLMo 2: norms behind only, queries and keys normalized as a whole.
    static var olmo2: ModelConfig {
        var config = base("olmo2", heads: 4, kvHeads: 2)
        config.normPlacement = .post
        config.queryKeyNorm = .full
        return config
    }
    /// SmolLM3: a layer that nothing turns; biases of attention but not of the MLP.
    static var smollm3: ModelConfig {
        var config = base("smollm3", heads: 4, kvHeads: 2)
        config.layers[1].rotation = nil
        config.qkvBias = true
        config.attentionOutputBias = true
        return config
    }
    /// StableLM 2 12B: attention and MLP side by side, every head normalized with a weight of its own.
    static var stablelm2: ModelConfig {
        var config = stablelm
        config.parallelResidual = true
        config.queryKeyNorm = .heads
        config.layers[0].window = 3
        return config
    }
    static var all: [ModelConfig] {
        [llama, qwen2, phi, stablelm, qwen3, gemma2, gemma3, olmo2, smollm3, stablelm2]
    }

    private static func base(_ family: String, heads: Int, kvHeads: Int) -> ModelConfig {
        var config = ModelConfig(
            family: family, hiddenSize: 72, intermediateSize: 200, layerCount: 2, headCount: heads,
            kvHeadCount: kvHeads, headSize: 16, vocabularySize: 131, contextLength: 64, normEpsilon: 1e-5,
            ropeTheta: 10000)
        config.eosTokens = [2]
        config.bosToken = 1
        return config
    }
}
