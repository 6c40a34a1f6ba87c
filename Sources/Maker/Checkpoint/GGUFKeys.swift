import Storage

/// Every metadata key of the architecture's and the tokenizer's namespace that may change what the model computes is honoured,
/// refused, or named in a warning.
struct GGUFKeys {
    let file: GGUFFile
    let architecture: String
    let family: GGUFFamily

    /// Read by `GGUFConfig`.
    private static let honoured: Set<String> = [
        "context_length", "embedding_length", "block_count", "feed_forward_length",
        "attention.head_count", "attention.head_count_kv", "attention.key_length", "attention.value_length",
        "attention.layer_norm_epsilon", "attention.layer_norm_rms_epsilon", "attention.sliding_window",
        "rope.dimension_count", "rope.freq_base", "rope.scale_linear", "rope.scaling.type", "rope.scaling.factor",
        "rope.scaling.original_context_length", "rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow",
        "rope.scaling.yarn_attn_factor", "rope.scaling.yarn_ext_factor", "use_parallel_residual",
    ]
    /// Facts about how the model was made, and dimensions of parts that no supported architecture has.
    private static let harmless: Set<String> = [
        "vocab_size", "rope.scaling.finetuned", "expert_used_count", "expert_feed_forward_length",
        "expert_shared_feed_forward_length", "interleave_moe_layer_step", "pooling_type", "full_attention_interval",
        "attention.layer_indices",
    ]
    /// The value at which a key changes nothing; any other is refused.
    private static let neutral: [String: Double] = [
        "attention.clamp_kqv": 0, "attention.max_alibi_bias": 0, "attn_logit_softcapping": 0,
        "final_logit_softcapping": 0, "router_logit_softcapping": 0, "logit_scale": 1, "residual_scale": 1,
        "embedding_scale": 1, "attention.output_scale": 1, "attention.value_scale": 1, "rope.scaling.attn_factor": 1,
        "rope.scaling.alpha": 0, "expert_count": 0, "expert_shared_count": 0, "nextn_predict_layers": 0,
        "leading_dense_block_count": 0, "swin_norm": 0, "attention.sliding_window_pattern": 0,
        "attention.causal": 1, "attention.temperature_scale": 0, "attention.shared_kv_layers": 0,
        "rope.scaling.yarn_log_multiplier": 0,
    ]
    /// Read by `GGUFTokenizer`, or about things that neither text nor generation meets.
    private static let tokenizer: Set<String> = [
        "model", "pre", "tokens", "scores", "token_type", "merges", "bos_token_id", "eos_token_id", "eot_token_id",
        "eom_token_id", "unknown_token_id", "add_bos_token", "add_eos_token", "add_space_prefix", "padding_token_id",
        "separator_token_id", "seperator_token_id", "cls_token_id", "mask_token_id", "token_type_count",
        "prefix_token_id", "suffix_token_id", "middle_token_id", "fim_pre_token_id", "fim_suf_token_id",
        "fim_mid_token_id", "fim_pad_token_id", "fim_rep_token_id", "fim_sep_token_id", "added_tokens",
    ]
    /// Switches that must be off.
    private static let tokenizerOff: Set<String> = [
        "add_sep_token", "remove_extra_whitespaces", "normalizer.lowercase", "normalizer.strip_accents",
    ]

    /// Warnings about keys that nobody here knows.
    /// - Throws: `unsupported` for a known key with a value that is not supported.
    func check() throws(TaperError) -> [String] {
        var unknown: [String] = []
        for key in file.keys {
            guard let value = file.values[key] else { continue }
            if let name = suffix(of: key, after: architecture + ".") {
                if family.keys.contains(name) { continue }
                if family.windows != nil && GGUFFamily.Windows.keys.contains(name) { continue }
                if GGUFKeys.honoured.contains(name) || GGUFKeys.harmless.contains(name) { continue }
                if name == "attention.scale" {
                    try checkScale(value, key)
                } else if name == "tensor_data_layout" {
                    try checkLayout(value, key)
                } else if let neutral = GGUFKeys.neutral[name] {
                    try check(value, key, neutral: neutral)
                } else {
                    unknown.append(key)
                }
            } else if let name = suffix(of: key, after: "tokenizer.ggml.") {
                if GGUFKeys.tokenizer.contains(name) { continue }
                if GGUFKeys.tokenizerOff.contains(name) {
                    try check(value, key, neutral: 0)
                } else {
                    unknown.append(key)
                }
            }
        }
        return unknownKeyWarning(unknown, place: file.file.path).map { [$0] } ?? []
    }

    private func suffix(of key: String, after prefix: String) -> String? {
        key.hasPrefix(prefix) ? String(key.dropFirst(prefix.count)) : nil
    }

    private func number(_ value: GGUFValue) -> Double? {
        value.double ?? value.integer.map { Double($0) } ?? value.bool.map { $0 ? 1 : 0 }
    }

    private func refuse(_ value: GGUFValue, _ key: String, expected: String) -> TaperError {
        TaperError(
            .unsupported, "the model needs what is not supported", at: file.file.path + ": metadata '" + key + "'",
            expected: expected,
            found: number(value).map { shortest($0) } ?? value.string.map { "'" + printable($0) + "'" } ?? value.kind)
    }

    private func check(_ value: GGUFValue, _ key: String, neutral: Double) throws(TaperError) {
        // Zero stands for "not set" in numbers that scale.
        if let number = number(value), number == neutral || (number == 0 && value.bool == nil) { return }
        throw refuse(value, key, expected: value.bool != nil ? String(neutral == 1) : shortest(neutral))
    }

    /// Scores are divided by the square root of the head's size; a file may say so.
    private func checkScale(_ value: GGUFValue, _ key: String) throws(TaperError) {
        func integer(_ name: String) -> Int? { file.values[architecture + "." + name]?.integer }
        let size =
            integer("attention.key_length")
            ?? (integer("embedding_length") ?? 0) / max(1, integer("attention.head_count") ?? 1)
        let usual = 1 / Double(max(1, size)).squareRoot()
        guard let scale = number(value), scale == 0 || abs(scale / usual - 1) < 1e-5 else {
            throw refuse(value, key, expected: shortest(usual))
        }
    }

    /// Rows of queries and keys, which the architecture alone decides.
    private func checkLayout(_ value: GGUFValue, _ key: String) throws(TaperError) {
        let usual = family.interleaves ? "Meta AI original pth" : "reference"
        guard value.string == usual else { throw refuse(value, key, expected: "'" + usual + "'") }
    }
}

/// One sentence about keys of a model's description that nobody here knows; nil when there are none.
func unknownKeyWarning(_ keys: [String], place: String) -> String? {
    guard !keys.isEmpty else { return nil }
    let shown = keys.prefix(8).map { "'" + printable($0, limit: 60) + "'" }.joined(separator: ", ")
    let more = keys.count > 8 ? " and " + String(keys.count - 8) + " more" : ""
    return place + ": unknown keys are ignored: " + shown + more
        + "; if the model needs them, its results will be wrong. Compare with other software (taper logits)"
}
