import Model

/// Constants of a published model that become part of its weights when they are read, so that nothing after the import knows of
/// them: not the bundle, not the runtime, not the gradients.
///
/// Each is exact in real numbers; in single precision a weight is rounded once more where its factor is no power of two.
struct WeightFolding: Equatable, Sendable {
    /// Added to the weights of norms: Gemma stores w of x * (1 + w).
    var normOffset = 0.0
    /// Embeddings are multiplied by it on the way in. A tied head must not be, so the final norm takes it back.
    var embeddingScale = 1.0
    /// What attention and MLP add to the residual stream is multiplied by it.
    var residualScale = 1.0
    /// Scores q k^T / sqrt(headSize) are multiplied by it.
    var scoreScale = 1.0
    /// Logits, before their cap, are multiplied by it.
    var logitScale = 1.0

    /// What a tensor's elements are multiplied by, and what is added before.
    func change(of name: String, _ config: ModelConfig) -> (offset: Double, factor: Double) {
        guard let (_, part, suffix) = TensorNaming.split(name) else {
            switch name {
            // The head of a tied model is its embedding under another name.
            case TensorName.embedding: return (0, embeddingScale)
            case TensorName.head: return (0, config.tiedEmbeddings ? embeddingScale : 1)
            case TensorName.headBias: return (0, logitScale)
            case TensorName.finalNorm, TensorName.finalNormBias:
                let factor = config.tiedEmbeddings ? logitScale / embeddingScale : logitScale
                return (name == TensorName.finalNorm ? normOffset : 0, factor)
            default: return (0, 1)
            }
        }
        let isWeight = suffix == ".weight"
        switch part {
        case .query: return (0, config.has(.queryNorm) ? 1 : scoreScale)
        case .queryNorm: return (normOffset, scoreScale)
        case .attentionOutput: return (0, config.has(.attentionOutputNorm) ? 1 : residualScale)
        case .down: return (0, config.has(.mlpOutputNorm) ? 1 : residualScale)
        case .attentionOutputNorm, .mlpOutputNorm: return (isWeight ? normOffset : 0, residualScale)
        case .inputNorm, .mlpNorm, .keyNorm: return (isWeight ? normOffset : 0, 1)
        case .key, .value, .gate, .up: return (0, 1)
        }
    }

    /// A tensor's elements as the model computes with them.
    func folded(_ values: [Float], name: String, _ config: ModelConfig) -> [Float] {
        let (offset, factor) = change(of: name, config)
        if offset == 0 && factor == 1 { return values }
        return values.map { Float((Double($0) + offset) * factor) }
    }
}
