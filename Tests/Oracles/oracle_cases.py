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
}
