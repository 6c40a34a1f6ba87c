"""The cases of make_oracles.py: which class of transformers, which arguments beside the defaults of `config_of`.

`older` writes config.json as transformers 4 did, `without` leaves keys out of it, `embedding` is the spread of the embedding's rows,
`length` the number of tokens.
"""


def rope(kind="default", theta=10000.0, **values):
    return {"rope_parameters": {"rope_type": kind, "rope_theta": theta, **values}}


def case(family, older=False, without=(), embedding=2.0, length=48, **config):
    return {
        "class": family, "older": older, "without": list(without), "embedding": embedding, "length": length,
        "config": config}


SMALL = {"hidden_size": 32, "intermediate_size": 40, "vocab_size": 96}

CASES = {
    "qwen3": case("Qwen3", head_dim=24, tie_word_embeddings=False),
    "gemma2": case(
        "Gemma2", embedding=1.2, num_hidden_layers=4, head_dim=16, intermediate_size=64, hidden_size=32,
        query_pre_attn_scalar=24, sliding_window=16, attn_logit_softcapping=5.0, final_logit_softcapping=3.0,
        hidden_activation="gelu_pytorch_tanh"),
    "gemma3": case(
        "Gemma3Text", embedding=1.2, num_hidden_layers=6, num_key_value_heads=1, head_dim=16, intermediate_size=64,
        hidden_size=32, query_pre_attn_scalar=20, sliding_window=16),
    "phi3": case("Phi3"),
    "phi3-longrope": case(
        "Phi3", original_max_position_embeddings=64, **rope(
            "longrope", short_factor=[1.0, 1.02, 1.1, 1.3, 1.7, 2.6], long_factor=[1.0, 1.5, 3.0, 6.0, 12.0, 24.0],
            original_max_position_embeddings=64)),
    "olmo2": case("Olmo2", tie_word_embeddings=False),
    "smollm3": case("SmolLM3", num_hidden_layers=4, hidden_size=32, intermediate_size=64),
    "granite": case(
        "Granite", embedding=0.6, attention_multiplier=0.13, embedding_multiplier=7.0, logits_scaling=0.4,
        residual_multiplier=0.6, tie_word_embeddings=True),
    "stablelm-parallel-qknorm": case(
        "StableLm", hidden_size=64, use_parallel_residual=True, qk_layernorm=True, use_qkv_bias=True,
        intermediate_size=64, **rope(partial_rotary_factor=0.25)),
    "llama-bias": case("Llama", attention_bias=True, mlp_bias=True),
    "llama-rope-linear": case("Llama", **rope("linear", factor=4.0)),
    "llama-rope-llama3": case(
        "Llama", hidden_size=64, tie_word_embeddings=True, intermediate_size=64, **rope(
            "llama3", 500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
            original_max_position_embeddings=64)),
    "llama-rope-yarn": case("Llama", **rope("yarn", factor=4.0, original_max_position_embeddings=64)),
    "qwen2-window": case(
        "Qwen2", use_sliding_window=True, sliding_window=16, max_window_layers=1, tie_word_embeddings=True),
    # What the ones above leave out: other shapes, keys of transformers 4, and values that differ by layer.
    "gemma2-bias": case(
        "Gemma2", embedding=1.2, num_hidden_layers=3, num_key_value_heads=1, head_dim=20, query_pre_attn_scalar=9,
        sliding_window=5, attn_logit_softcapping=None, final_logit_softcapping=2.5, attention_bias=True,
        layer_types=["full_attention", "sliding_attention", "full_attention"], **SMALL),
    "gemma3-older": case(
        "Gemma3Text", older=True, embedding=1.2, num_hidden_layers=4, num_key_value_heads=1, head_dim=12,
        query_pre_attn_scalar=10, sliding_window=5, _sliding_window_pattern=3, final_logit_softcapping=3.0,
        layer_types=["sliding_attention", "sliding_attention", "full_attention", "sliding_attention"],
        rope_parameters={
            "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
            "sliding_attention": {"rope_type": "default", "rope_theta": 77.0}}, **SMALL),
    "granite-bias": case(
        "Granite", older=True, embedding=1.0, attention_bias=True, mlp_bias=True, tie_word_embeddings=False,
        num_key_value_heads=1, attention_multiplier=0.3, embedding_multiplier=2.5, logits_scaling=2.0,
        residual_multiplier=0.35, **SMALL),
    "llama-yarn-stated": case(
        "Llama", older=True, head_dim=20, **SMALL, **rope(
            "yarn", factor=16.0, original_max_position_embeddings=32, beta_fast=4.0, beta_slow=0.5, mscale=1.2,
            mscale_all_dim=0.6, truncate=False)),
    "olmo2-bias-tied": case("Olmo2", older=True, attention_bias=True, tie_word_embeddings=True, **SMALL),
    "phi3-partial-window": case(
        "Phi3", older=True, num_hidden_layers=3, sliding_window=5, **SMALL, **rope(partial_rotary_factor=0.5)),
    "qwen3-windows": case(
        "Qwen3", head_dim=20, num_hidden_layers=3, tie_word_embeddings=True, use_sliding_window=True,
        sliding_window=7, layer_types=["sliding_attention", "full_attention", "sliding_attention"], **SMALL),
    "smollm3-windows-older": case(
        "SmolLM3", older=True, num_hidden_layers=4, no_rope_layer_interval=2, attention_bias=True, mlp_bias=True,
        use_sliding_window=True, sliding_window=5, **SMALL),
    "stablelm-qknorm": case(
        "StableLm", older=True, qk_layernorm=True, **SMALL, **rope(partial_rotary_factor=0.5)),
}
