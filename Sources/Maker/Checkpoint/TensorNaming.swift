import Model

/// The names that the files of a family give to the canonical tensors.
struct TensorNaming: Sendable {
    /// What stands before a block's number.
    var blockPrefix = "model.layers."
    /// Of a block's parts, where they differ from the canonical ones.
    var parts: [TensorName.Part: String] = [:]
    /// Of tensors outside the blocks, where they differ.
    var others: [String: String] = [:]
    /// Tensors whose rows are those of several parts, one after the other.
    var fused: [Fused] = []
    /// Parts that stand as one vector for each head, "name.0.weight" and so on.
    var headVectors: [TensorName.Part: String] = [:]
    /// There are no flags for optional parts: a tensor's presence alone says that the model uses it.
    var isSelfDescribing = false

    struct Fused: Sendable {
        let name: String
        let parts: [TensorName.Part]
    }

    /// The canonical spelling itself.
    static let huggingFace = TensorNaming()

    static let gguf = TensorNaming(
        blockPrefix: "blk.",
        parts: [
            .query: "attn_q", .key: "attn_k", .value: "attn_v", .attentionOutput: "attn_output", .gate: "ffn_gate",
            .up: "ffn_up", .down: "ffn_down", .inputNorm: "attn_norm", .mlpNorm: "ffn_norm",
            .queryNorm: "attn_q_norm", .keyNorm: "attn_k_norm", .attentionOutputNorm: "post_attention_norm",
            .mlpOutputNorm: "post_ffw_norm",
        ],
        others: [
            TensorName.embedding: "token_embd.weight", TensorName.head: "output.weight",
            TensorName.headBias: "output.bias", TensorName.finalNorm: "output_norm.weight",
            TensorName.finalNormBias: "output_norm.bias",
        ],
        fused: [Fused(name: "attn_qkv", parts: [.query, .key, .value])], isSelfDescribing: true)

    /// The file's name for a canonical one; tensors it may be part of come from `fusedSource`.
    func sourceName(_ canonical: String) -> String {
        guard let (layer, part, suffix) = TensorNaming.split(canonical) else { return others[canonical] ?? canonical }
        return block(layer) + (parts[part] ?? part.rawValue) + suffix
    }

    /// The tensor that holds this one's rows among others', and the parts before it there.
    func fusedSource(_ canonical: String) -> (name: String, all: [TensorName.Part], before: [TensorName.Part])? {
        guard let (layer, part, suffix) = TensorNaming.split(canonical) else { return nil }
        for fused in fused {
            guard let index = fused.parts.firstIndex(of: part) else { continue }
            return (block(layer) + fused.name + suffix, fused.parts, Array(fused.parts[..<index]))
        }
        return nil
    }

    /// The vectors, one for each of `count` heads, that make up a part.
    func headSources(_ canonical: String, count: Int) -> [String]? {
        guard let (layer, part, suffix) = TensorNaming.split(canonical), let name = headVectors[part] else {
            return nil
        }
        return (0..<count).map { block(layer) + name + "." + String($0) + suffix }
    }

    private func block(_ layer: Int) -> String { blockPrefix + String(layer) + "." }

    /// "model.layers.3.mlp.up_proj.bias" as (3, .up, ".bias"); nil for tensors outside the blocks.
    static func split(_ canonical: String) -> (layer: Int, part: TensorName.Part, suffix: String)? {
        let pieces = canonical.split(separator: ".", omittingEmptySubsequences: false)
        guard pieces.count >= 5, pieces[0] == "model", pieces[1] == "layers", let layer = Int(pieces[2]),
            let part = TensorName.Part(rawValue: pieces[3..<pieces.count - 1].joined(separator: "."))
        else { return nil }
        return (layer, part, "." + pieces[pieces.count - 1])
    }
}
