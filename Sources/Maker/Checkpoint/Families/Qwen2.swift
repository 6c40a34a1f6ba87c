import Model

extension ModelFamily {
    /// Qwen2 and 2.5 (arXiv 2407.10671): biases of q, k and v, windows in the upper layers where they are turned on.
    static let qwen2 = ModelFamily(
        name: "qwen2", architecture: "Qwen2ForCausalLM", defaults: Defaults(contextLength: 32768, window: 4096),
        windows: .listed,
        describe: { _, imported in imported.model.qkvBias = true },
        gguf: GGUFFamily(architecture: "qwen2"))
}
