/// Canonical tensor names: Hugging Face's spelling of the LLaMA layout, used in bundles, reports and messages.
///
/// All matrices are [output rows, input columns]: y = x W^T.
public enum TensorName {
    public static let embedding = "model.embed_tokens.weight"
    public static let head = "lm_head.weight"
    public static let headBias = "lm_head.bias"
    public static let finalNorm = "model.norm.weight"
    public static let finalNormBias = "model.norm.bias"

    /// The parts of one transformer block; `row` says what each is. The order is that of stored statistics.
    public enum Part: String, Sendable, CaseIterable {
        case query = "self_attn.q_proj"
        case key = "self_attn.k_proj"
        case value = "self_attn.v_proj"
        case attentionOutput = "self_attn.o_proj"
        case gate = "mlp.gate_proj"
        case up = "mlp.up_proj"
        case down = "mlp.down_proj"
        case inputNorm = "input_layernorm"
        /// Of what the MLP reads, wherever other software puts its name.
        case mlpNorm = "post_attention_layernorm"
        case queryNorm = "self_attn.q_norm"
        case keyNorm = "self_attn.k_norm"
        case attentionOutputNorm = "self_attn.output_norm"
        case mlpOutputNorm = "mlp.output_norm"
    }

    public static func weight(_ part: Part, layer: Int) -> String {
        "model.layers." + String(layer) + "." + part.rawValue + ".weight"
    }
    public static func bias(_ part: Part, layer: Int) -> String {
        "model.layers." + String(layer) + "." + part.rawValue + ".bias"
    }
}
