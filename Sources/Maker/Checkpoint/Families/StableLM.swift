import Model
import Storage

extension ModelFamily {
    /// StableLM 3B and 2 (arXiv 2402.17834): layer norms, partial rotation; the 12B model has attention and MLP side by side and
    /// normalizes every head of queries and keys.
    static let stablelm = ModelFamily(
        name: "stablelm", architecture: "StableLmForCausalLM", normalization: .layer,
        defaults: Defaults(contextLength: 4096, partialRotary: 0.25),
        keys: ["qk_layernorm", "use_qkv_bias", "use_parallel_residual"],
        naming: TensorNaming(headVectors: [
            .queryNorm: "self_attn.q_layernorm.norms", .keyNorm: "self_attn.k_layernorm.norms",
        ]),
        describe: { fields, imported throws(TaperError) in
            imported.model.qkvBias = try fields.flag("use_qkv_bias", default: false)
            imported.model.parallelResidual = try fields.flag("use_parallel_residual", default: false)
            if try fields.flag("qk_layernorm", default: false) { imported.model.queryKeyNorm = .heads }
        },
        gguf: GGUFFamily(
            architecture: "stablelm", keys: ["use_parallel_residual"], turnsInPart: true,
            describe: { fields, imported in
                // The tensors decide: converters wrote use_parallel_residual as true where a config did not have it.
                imported.model.parallelResidual = !fields.has(tensor: "blk.0.ffn_norm.weight")
                if fields.has(tensor: "blk.0.attn_q_norm.weight") { imported.model.queryKeyNorm = .heads }
            }))
}
