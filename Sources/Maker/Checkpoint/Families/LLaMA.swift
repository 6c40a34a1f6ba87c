import Model
import Storage

extension ModelFamily {
    /// LLaMA 1 to 3, and everything that says it is one (arXiv 2302.13971, 2407.21783).
    static let llama = ModelFamily(
        name: "llama", architecture: "LlamaForCausalLM", keys: biasKeys,
        describe: { fields, imported throws(TaperError) in try imported.model.readBiases(fields) },
        // Query and key rows keep RoPE's pairs side by side, as the original files did.
        gguf: GGUFFamily(architecture: "llama", interleaves: true))
}
