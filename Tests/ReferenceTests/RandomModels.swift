import Model
import Reference
import Storage

/// Small models with random weights that between them use every choice of `ModelConfig`.
enum RandomModels {
    static let families = [
        "llama", "llama-gelu", "mistral", "qwen2", "phi", "stablelm", "plain-silu", "qwen3", "gemma2", "gemma3",
        "olmo2",
        "smollm3", "stablelm2",
    ]

    static func config(_ family: String) -> ModelConfig {
        let kvHeads =
            ["llama": 2, "llama-gelu": 1, "mistral": 2, "qwen2": 1, "qwen3": 2, "gemma2": 2, "olmo2": 2][family] ?? 4
        var config = ModelConfig(
            family: family, hiddenSize: 24, intermediateSize: 40, layerCount: 2, headCount: 4, kvHeadCount: kvHeads,
            headSize: 8, vocabularySize: 37, contextLength: 256, normEpsilon: 1e-5, ropeTheta: 10000)
        switch family {
        case "llama": config.tiedEmbeddings = true
        case "llama-gelu": config.activation = .geluTanh
        case "mistral": config.describeEveryLayer { $0.window = 5 }
        case "qwen2":
            config.qkvBias = true
            config.describeEveryLayer { $0.rotation?.scaling = .linear(factor: 2) }
        case "phi":
            config.normalization = .layer
            config.parallelResidual = true
            config.gatedMLP = false
            config.activation = .geluTanh
            config.describeEveryLayer { $0.rotation?.size = 4 }
            config.qkvBias = true
            config.attentionOutputBias = true
            config.mlpBias = true
            config.headBias = true
        case "stablelm":
            config.normalization = .layer
            config.activation = .gelu
            config.describeEveryLayer { $0.rotation?.size = 2 }
        case "qwen3":
            config.queryKeyNorm = .head
            config.describeEveryLayer { $0.rotation?.scaling = .yarn(YaRN(factor: 4, originalContext: 16)) }
        case "gemma2", "gemma3":
            config.normPlacement = .prePost
            config.activation = .geluTanh
            config.tiedEmbeddings = true
            config.layers[0].window = 4
            if family == "gemma2" {
                (config.attentionCap, config.logitCap) = (1.5, 2)
            } else {
                config.queryKeyNorm = .head
                config.layers[1].rotation?.theta = 400
            }
        case "olmo2":
            config.normPlacement = .post
            config.queryKeyNorm = .full
        case "smollm3":
            config.layers[1].rotation = nil
            config.qkvBias = true
            config.attentionOutputBias = true
        case "stablelm2":
            config.normalization = .layer
            config.parallelResidual = true
            config.queryKeyNorm = .heads
            config.describeEveryLayer { $0.rotation?.size = 2 }
        default:
            config.gatedMLP = false
            config.headSize = 10
            config.describeEveryLayer { $0.rotation?.size = 10 }
        }
        return config
    }

    /// Weights of about unit gain, norms near one.
    static func source(_ config: ModelConfig, seed: UInt64) -> WeightSource {
        let requirements = config.tensorRequirements()
        return WeightSource(config: config) { (name: String) throws(TaperError) -> [Float] in
            guard let index = requirements.firstIndex(where: { $0.name == name }) else { return [] }
            var random = SplitMix64(state: seed &+ UInt64(index) &* 7919)
            let shape = requirements[index].shape
            let isNorm = shape.count == 1 && name.contains("norm") && name.hasSuffix("weight")
            let scale = shape.count == 2 ? 1.5 / Float(shape[1]).squareRoot() : 0.3
            return (0..<shape.reduce(1, *)).map { _ in random.unit() * scale + (isNorm ? 1 : 0) }
        }
    }

    static func tokens(_ count: Int, _ config: ModelConfig, seed: UInt64 = 5) -> [Int] {
        var random = SplitMix64(state: seed)
        return (0..<count).map { _ in Int(random.next() % UInt64(config.vocabularySize)) }
    }
}

extension SplitMix64 {
    /// Between -1 and 1.
    mutating func unit() -> Float { Float(next() >> 40) / Float(1 << 23) - 1 }
}

extension GradientModel {
    /// Every tensor's gradient by name, the head of tied models left out.
    func gradients(
        _ tokens: [Int], loss: Loss? = nil, wanted: (String) -> Bool = { _ in true }
    ) throws -> (loss: Double, values: [String: [Float]]) {
        var values: [String: [Float]] = [:]
        let loss = try step(tokens, loss: loss ?? crossEntropyLoss(tokens), wanted: wanted) {
            if !$0.values.isEmpty { values[$0.name] = Array($0.values) }
        }
        return (loss, values)
    }

    func logits(_ tokens: [Int]) throws -> [Float] {
        var logits = [Float](repeating: .nan, count: tokens.count * config.vocabularySize)
        try logits.withUnsafeMutableBufferPointer { try self.logits(tokens, into: $0) }
        return logits
    }

    /// The loss alone.
    func value(_ tokens: [Int], _ loss: Loss) throws -> Double {
        var logits = try logits(tokens)
        return logits.withUnsafeMutableBufferPointer { loss($0) }
    }
}
