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
        config.ropeScaling = .linear(factor: 2)
        return config
    }
    /// Phi: layer norm, parallel residual, no gate, partial rotation, biases everywhere.
    static var phi: ModelConfig {
        var config = base("phi", heads: 4, kvHeads: 4)
        config.normalization = .layer
        config.parallelResidual = true
        config.gatedMLP = false
        config.activation = .geluTanh
        config.rotarySize = 8
        config.qkvBias = true
        config.outputBias = true
        return config
    }
    /// StableLM: layer norm with a gated MLP, a head size that is not hidden / heads.
    static var stablelm: ModelConfig {
        var config = base("stablelm", heads: 3, kvHeads: 3)
        config.normalization = .layer
        config.rotarySize = 4
        config.activation = .gelu
        return config
    }
    static var all: [ModelConfig] { [llama, qwen2, phi, stablelm] }

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
