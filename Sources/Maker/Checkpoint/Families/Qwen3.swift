import Model
import Storage

extension ModelFamily {
    /// Qwen3, dense (arXiv 2505.09388): queries and keys are normalized by head.
    static let qwen3 = ModelFamily(
        name: "qwen3", architecture: "Qwen3ForCausalLM",
        defaults: Defaults(contextLength: 32768, kvHeads: 32, headSize: 128, window: 4096), keys: ["attention_bias"],
        windows: .listed,
        describe: { fields, imported throws(TaperError) in
            imported.model.queryKeyNorm = .head
            try imported.model.readAttentionBias(fields)
        },
        gguf: GGUFFamily(architecture: "qwen3", describe: { _, imported in imported.model.queryKeyNorm = .head }))
}
