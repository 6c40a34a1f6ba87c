import Model

/// The names a family of files gives to the canonical tensors.
enum TensorNaming {
    /// The canonical spelling itself.
    case huggingFace
    /// Hugging Face's spelling for Phi.
    case phi
    case gguf

    /// The file's name for a canonical one; tensors it may be part of come from `fusedSource`.
    func sourceName(_ canonical: String) -> String {
        switch self {
        case .huggingFace: return canonical
        case .phi:
            if let (layer, part, suffix) = TensorNaming.split(canonical) {
                return "model.layers." + String(layer) + "." + TensorNaming.phiPart(part) + suffix
            }
            switch canonical {
            case TensorName.finalNorm: return "model.final_layernorm.weight"
            case TensorName.finalNormBias: return "model.final_layernorm.bias"
            default: return canonical
            }
        case .gguf:
            if let (layer, part, suffix) = TensorNaming.split(canonical) {
                return "blk." + String(layer) + "." + TensorNaming.ggufPart(part) + suffix
            }
            switch canonical {
            case TensorName.embedding: return "token_embd.weight"
            case TensorName.head: return "output.weight"
            case TensorName.headBias: return "output.bias"
            case TensorName.finalNorm: return "output_norm.weight"
            case TensorName.finalNormBias: return "output_norm.bias"
            default: return canonical
            }
        }
    }

    /// The tensor whose rows are query, key and value one after the other, where a GGUF file fuses them.
    func fusedSource(_ canonical: String) -> String? {
        guard self == .gguf, let (layer, part, suffix) = TensorNaming.split(canonical),
            part == .query || part == .key || part == .value
        else { return nil }
        return "blk." + String(layer) + ".attn_qkv" + suffix
    }

    /// "model.layers.3.mlp.up_proj.bias" as (3, .up, ".bias"); nil for tensors outside the blocks.
    static func split(_ canonical: String) -> (layer: Int, part: TensorName.Part, suffix: String)? {
        let pieces = canonical.split(separator: ".", omittingEmptySubsequences: false)
        guard pieces.count >= 5, pieces[0] == "model", pieces[1] == "layers", let layer = Int(pieces[2]),
            let part = TensorName.Part(rawValue: pieces[3..<pieces.count - 1].joined(separator: "."))
        else { return nil }
        return (layer, part, "." + pieces[pieces.count - 1])
    }

    private static func phiPart(_ part: TensorName.Part) -> String {
        switch part {
        case .attentionOutput: "self_attn.dense"
        case .up: "mlp.fc1"
        case .down: "mlp.fc2"
        default: part.rawValue
        }
    }

    private static func ggufPart(_ part: TensorName.Part) -> String {
        switch part {
        case .query: "attn_q"
        case .key: "attn_k"
        case .value: "attn_v"
        case .attentionOutput: "attn_output"
        case .gate: "ffn_gate"
        case .up: "ffn_up"
        case .down: "ffn_down"
        case .inputNorm: "attn_norm"
        case .postAttentionNorm: "ffn_norm"
        }
    }
}
