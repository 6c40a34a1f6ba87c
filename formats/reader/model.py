"""The model description of a manifest and the tensors it asks for."""

from refusal import demand
from strict_json import is_integer, is_number

PLACE = "section 'manifest', model"

COUNTS = {
    "hidden_size": 1 << 20, "intermediate_size": 1 << 22, "num_hidden_layers": 4096, "num_attention_heads": 65536,
    "num_key_value_heads": 65536, "head_dim": 65536, "vocab_size": 1 << 21, "max_position_embeddings": 1 << 26,
}
FLAGS = ("gated_mlp", "parallel_residual", "qkv_bias", "output_bias", "tie_word_embeddings")
CHOICES = {"normalization": ("rms", "layer"), "hidden_act": ("silu", "gelu_tanh", "gelu")}
SCALINGS = {
    "linear": ("factor",),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"),
}


def check(model):
    """Refuses a description outside `manifest.schema.json`."""
    demand(isinstance(model, dict), PLACE, "no object")
    demand(isinstance(model.get("family"), str), PLACE, "'family' is no text")
    for key, high in COUNTS.items():
        demand(is_integer(model.get(key), 1, high), PLACE, f"'{key}' is {model.get(key)}, not 1 to {high}")
    for key in FLAGS:
        demand(isinstance(model.get(key), bool), PLACE, f"'{key}' is neither true nor false")
    for key, choices in CHOICES.items():
        demand(model.get(key) in choices, PLACE, f"'{key}' is {model.get(key)}, not one of {', '.join(choices)}")
    eps, theta, rotary = model.get("norm_eps"), model.get("rope_theta"), model.get("rotary_dim")
    demand(is_number(eps, 0) and eps < 1, PLACE, f"'norm_eps' is {eps}, not 0 to 1")
    demand(is_number(theta) and theta > 1, PLACE, f"'rope_theta' is {theta}, not above 1")
    demand(is_integer(rotary, 2, model["head_dim"]) and rotary % 2 == 0, PLACE,
           f"'rotary_dim' is {rotary}, not even and 2 to head_dim")
    demand(model["num_attention_heads"] % model["num_key_value_heads"] == 0, PLACE,
           "attention heads are no multiple of key-value heads")
    bos, eos = model.get("bos_token_id"), model.get("eos_token_id")
    demand(isinstance(eos, list), PLACE, f"'eos_token_id' is {eos}, no array")
    last = model["vocab_size"] - 1
    for token in eos if bos is None else [bos, *eos]:
        demand(is_integer(token, 0, last), PLACE, f"special token {token} is not 0 to {last}")
    window, high = model.get("sliding_window"), COUNTS["max_position_embeddings"]
    demand(window is None or is_integer(window, 1, high), PLACE, f"'sliding_window' is {window}, not 1 to {high}")
    if "rope_scaling" in model:
        scaling = model["rope_scaling"]
        kind = scaling.get("rope_type") if isinstance(scaling, dict) else None
        demand(isinstance(kind, str) and kind in SCALINGS, PLACE,
               f"'rope_scaling' has the type {kind}, not one of {', '.join(SCALINGS)}")
        for key in SCALINGS[kind]:
            value = scaling.get(key)
            demand(is_number(value) and value > 0, PLACE, f"'{key}' of 'rope_scaling' is {value}, not positive")
        low, high = scaling.get("low_freq_factor", 0), scaling.get("high_freq_factor", 1)
        demand(low < high, PLACE, f"'high_freq_factor' is {high}, not above 'low_freq_factor', {low}")


def tensors(model):
    """Name and shape of every tensor; [rows, columns] are matrices, [elements] norms and biases."""
    hidden, inner, vocabulary = model["hidden_size"], model["intermediate_size"], model["vocab_size"]
    queries = model["num_attention_heads"] * model["head_dim"]
    keys = model["num_key_value_heads"] * model["head_dim"]
    shapes = {"model.embed_tokens.weight": [vocabulary, hidden]}

    def norm(name):
        shapes[f"{name}.weight"] = [hidden]
        if model["normalization"] == "layer":
            shapes[f"{name}.bias"] = [hidden]

    def linear(name, rows, columns, bias):
        shapes[f"{name}.weight"] = [rows, columns]
        if bias:
            shapes[f"{name}.bias"] = [rows]

    for i in range(model["num_hidden_layers"]):
        block = f"model.layers.{i}"
        norm(f"{block}.input_layernorm")
        if not model["parallel_residual"]:
            norm(f"{block}.post_attention_layernorm")
        linear(f"{block}.self_attn.q_proj", queries, hidden, model["qkv_bias"])
        linear(f"{block}.self_attn.k_proj", keys, hidden, model["qkv_bias"])
        linear(f"{block}.self_attn.v_proj", keys, hidden, model["qkv_bias"])
        linear(f"{block}.self_attn.o_proj", hidden, queries, model["output_bias"])
        if model["gated_mlp"]:
            linear(f"{block}.mlp.gate_proj", inner, hidden, model["output_bias"])
        linear(f"{block}.mlp.up_proj", inner, hidden, model["output_bias"])
        linear(f"{block}.mlp.down_proj", hidden, inner, model["output_bias"])
    norm("model.norm")
    linear("lm_head", vocabulary, hidden, model["output_bias"])
    if model["tie_word_embeddings"]:
        del shapes["lm_head.weight"]
    return shapes
