import Storage

/// Keys of config.json: what changes the model is honoured or refused, what does not is known, and the rest is named in a
/// warning.
enum HuggingFaceKeys {
    /// Read by `HuggingFaceConfig`.
    private static let honoured: Set<String> = [
        "architectures", "model_type", "quantization_config", "compression_config", "auto_map", "hidden_size",
        "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim",
        "vocab_size", "max_position_embeddings", "rms_norm_eps", "layer_norm_eps", "hidden_act", "tie_word_embeddings",
        "bos_token_id", "eos_token_id", "sliding_window", "use_sliding_window", "rope_theta", "rope_scaling",
        "rope_parameters", "partial_rotary_factor", "max_window_layers", "layer_types",
    ]
    /// What training, generation, and the library's bookkeeping read.
    private static let harmless: Set<String> = [
        "_name_or_path", "_attn_implementation_autoset", "_attn_implementation", "_commit_hash",
        "_flash_attn_2_enabled",
        "attn_implementation", "torch_dtype", "dtype", "transformers_version", "use_cache", "pad_token_id",
        "unk_token_id", "sep_token_id", "cls_token_id", "mask_token_id", "decoder_start_token_id", "initializer_range",
        "attention_dropout", "attn_pdrop", "hidden_dropout", "hidden_dropout_prob", "attention_probs_dropout_prob",
        "embd_pdrop", "resid_pdrop", "dropout", "classifier_dropout", "pretraining_tp", "output_attentions",
        "output_hidden_states", "return_dict", "return_dict_in_generate", "torchscript", "use_bfloat16",
        "tf_legacy_loss", "is_decoder", "add_cross_attention", "cross_attention_hidden_size", "tie_encoder_decoder",
        "chunk_size_feed_forward", "finetuning_task", "id2label", "label2id", "num_labels", "problem_type",
        "task_specific_params", "tokenizer_class", "prefix", "bad_words_ids", "begin_suppress_tokens",
        "suppress_tokens", "forced_bos_token_id", "forced_eos_token_id", "early_stopping", "do_sample", "temperature",
        "top_k", "top_p", "typical_p", "repetition_penalty", "length_penalty", "no_repeat_ngram_size",
        "encoder_no_repeat_ngram_size", "diversity_penalty", "exponential_decay_length_penalty", "max_length",
        "max_new_tokens", "min_length", "num_beams", "num_beam_groups", "num_return_sequences", "output_scores",
        "remove_invalid_values", "original_max_position_embeddings", "model_max_length",
        "max_sequence_length", "tokenizer_model_max_length", "seq_length", "bias_dropout_fusion",
        "gradient_checkpointing", "neftune_noise_alpha", "is_llama_config", "unsloth_version", "unsloth_fixed",
        "transformers.js_config",
        "license", "use_flash_attn", "flash_attn", "fused_mlp", "use_fused_rope",
        "position_embedding_type", "pruned_heads", "cache_implementation", "full_attn_mod", "interpolate_factor",
    ]
    /// The value at which a key changes nothing; true is 1, false 0. Any other value is refused.
    private static let neutral: [String: Double] = [
        "logit_scale": 1, "logits_scaling": 1, "embedding_multiplier": 1, "residual_multiplier": 1,
        "attn_logit_softcapping": 0, "final_logit_softcapping": 0, "clip_qkv": 0, "qk_norm": 0, "use_qk_norm": 0,
        "num_experts": 0, "num_local_experts": 0, "n_routed_experts": 0, "moe_intermediate_size": 0, "alibi": 0,
        "is_encoder_decoder": 0, "rope_interleaved": 0, "no_rope_layer_interval": 0, "use_post_norm": 0,
        "mup_attn_multiplier": 1, "rope_local_base_freq": 0, "query_pre_attn_scalar": 0, "use_mrope": 0,
        "num_nextn_predict_layers": 0, "scale_embedding": 0, "add_bias_kv": 0, "attention_sink_size": 0,
        "cross_layer_kv_share": 0, "num_kv_shared_layers": 0, "qk_layernorm": 0, "use_qkv_bias": 0,
        "use_parallel_residual": 0, "attention_bias": 0, "mlp_bias": 0, "lm_head_bias": 0,
        "use_bidirectional_attention": 0,
    ]
    private static let emptyLists: Set<String> = ["no_rope_layers", "cross_attention_layers", "mlp_only_layers"]

    /// Warnings about keys that nobody here knows.
    /// - Throws: `unsupported` for a known key with a value that is not supported.
    static func check(_ fields: ConfigFields, family: ModelFamily) throws(TaperError) -> [String] {
        try checkNamed(fields)
        var unknown: [String] = []
        for member in fields.json.members ?? [] where !member.value.isNull {
            let key = member.key
            if family.keys.contains(key) { continue }
            if let usual = neutral[key] {
                let value = member.value.double ?? member.value.bool.map { $0 ? 1 : 0 }
                guard let value, value == usual || (value == 0 && member.value.bool == nil) else {
                    throw refuse(
                        member, fields, expected: member.value.bool != nil ? String(usual == 1) : shortest(usual))
                }
            } else if emptyLists.contains(key) {
                // Of layers without rotation, ones mark those that have it.
                let list = member.value.array
                let isUsual = key == "no_rope_layers" && list?.allSatisfy { $0.integer == 1 } == true
                guard list?.isEmpty == true || isUsual else { throw refuse(member, fields, expected: "no such layers") }
            } else if !honoured.contains(key) && !harmless.contains(key) {
                unknown.append(key)
            }
        }
        return unknownKeyWarning(unknown, place: fields.place).map { [$0] } ?? []
    }

    private static func checkNamed(_ fields: ConfigFields) throws(TaperError) {
        if let heads = fields.value("pruned_heads"), !(heads.members ?? []).isEmpty || !(heads.array ?? []).isEmpty {
            throw refuse(.init("pruned_heads", heads), fields, expected: "none")
        }
        if let kind = fields.value("position_embedding_type"), kind.string != "rope", kind.string != "rotary" {
            throw refuse(.init("position_embedding_type", kind), fields, expected: "rope")
        }
    }

    private static func refuse(
        _ member: JSONValue.Member, _ fields: ConfigFields, expected: String
    ) -> TaperError {
        TaperError(
            .unsupported, member.key + " is not supported", at: fields.place, expected: expected,
            found: printable(member.value.text(), limit: 40))
    }
}
