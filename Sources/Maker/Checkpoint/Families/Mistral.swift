import Model

extension ModelFamily {
    /// Mistral 7B and after (arXiv 2310.06825): LLaMA whose layers may all have a window.
    static let mistral = ModelFamily(
        name: "mistral", architecture: "MistralForCausalLM",
        defaults: Defaults(contextLength: 131_072, kvHeads: 8, window: 4096), windows: .everyLayer)
}
