import Model

extension ModelFamily {
    /// Phi-3 and Phi-4 of the same class (arXiv 2404.14219): LLaMA with fused projections, and LongRoPE where the context is long.
    static let phi3 = ModelFamily(
        name: "phi3", architecture: "Phi3ForCausalLM",
        defaults: Defaults(contextLength: 4096, partialRotary: 1, normEpsilon: 1e-5), windows: .everyLayer,
        naming: TensorNaming(fused: [
            TensorNaming.Fused(name: "self_attn.qkv_proj", parts: [.query, .key, .value]),
            TensorNaming.Fused(name: "mlp.gate_up_proj", parts: [.gate, .up]),
        ]),
        gguf: GGUFFamily(
            architecture: "phi3", keys: ["rope.scaling.attn_factor"], turnsInPart: true,
            windows: GGUFFamily.Windows(period: 0), naming: ggufNaming))

    private static let ggufNaming = {
        var naming = TensorNaming.gguf
        naming.fused.append(TensorNaming.Fused(name: "ffn_up", parts: [.gate, .up]))
        return naming
    }()
}
