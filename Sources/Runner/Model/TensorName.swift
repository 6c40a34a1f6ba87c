/// Canonical tensor names: Hugging Face's spelling of the LLaMA layout, used in bundles, reports and messages.
///
/// All matrices are [output rows, input columns]: y = x W^T.
public enum TensorName {
    public static let embedding = "model.embed_tokens.weight"
    public static let head = "lm_head.weight"
    public static let headBias = "lm_head.bias"
    public static let finalNorm = "model.norm.weight"
    public static let finalNormBias = "model.norm.bias"

    /// The parts of one transformer block.
    public enum Part: String, Sendable, CaseIterable {
        case query = "self_attn.q_proj"
        case key = "self_attn.k_proj"
        case value = "self_attn.v_proj"
        case attentionOutput = "self_attn.o_proj"
        case gate = "mlp.gate_proj"
        case up = "mlp.up_proj"
        case down = "mlp.down_proj"
        case inputNorm = "input_layernorm"
        case postAttentionNorm = "post_attention_layernorm"
    }

    public static func weight(_ part: Part, layer: Int) -> String {
        "model.layers." + String(layer) + "." + part.rawValue + ".weight"
    }
    public static func bias(_ part: Part, layer: Int) -> String {
        "model.layers." + String(layer) + "." + part.rawValue + ".bias"
    }
}

extension ModelConfig {
    /// A tensor the model must have, with its shape ([rows, columns], or [elements]).
    public struct TensorRequirement: Equatable, Sendable {
        public let name: String
        public let shape: [Int]
        /// Two-dimensional products of the blocks: what the nested quantizer works on.
        public let isLinear: Bool
    }

    /// The matrices of one block in the order the forward pass reads them.
    public func linearParts() -> [(part: TensorName.Part, rows: Int, columns: Int)] {
        var parts: [(part: TensorName.Part, rows: Int, columns: Int)] = [
            (.query, querySize, hiddenSize), (.key, kvSize, hiddenSize), (.value, kvSize, hiddenSize),
            (.attentionOutput, hiddenSize, querySize),
        ]
        if gatedMLP { parts.append((.gate, intermediateSize, hiddenSize)) }
        parts.append((.up, intermediateSize, hiddenSize))
        parts.append((.down, hiddenSize, intermediateSize))
        return parts
    }

    /// Every tensor of the model, in reading order: embedding, blocks, final norm, head.
    public func tensorRequirements() -> [TensorRequirement] {
        var all = [TensorRequirement(name: TensorName.embedding, shape: [vocabularySize, hiddenSize], isLinear: false)]
        func vector(_ name: String, _ count: Int) {
            all.append(TensorRequirement(name: name, shape: [count], isLinear: false))
        }
        func norm(_ part: TensorName.Part, _ layer: Int) {
            vector(TensorName.weight(part, layer: layer), hiddenSize)
            if normalization == .layer { vector(TensorName.bias(part, layer: layer), hiddenSize) }
        }
        for layer in 0..<layerCount {
            norm(.inputNorm, layer)
            if !parallelResidual { norm(.postAttentionNorm, layer) }
            for (part, rows, columns) in linearParts() {
                let name = TensorName.weight(part, layer: layer)
                all.append(TensorRequirement(name: name, shape: [rows, columns], isLinear: true))
                let isInput = part == .query || part == .key || part == .value
                if isInput ? qkvBias : outputBias { vector(TensorName.bias(part, layer: layer), rows) }
            }
        }
        vector(TensorName.finalNorm, hiddenSize)
        if normalization == .layer { vector(TensorName.finalNormBias, hiddenSize) }
        if !tiedEmbeddings {
            all.append(TensorRequirement(name: TensorName.head, shape: [vocabularySize, hiddenSize], isLinear: false))
        }
        if outputBias { vector(TensorName.headBias, vocabularySize) }
        return all
    }
}
