"""The model description of a manifest and the tensors it asks for."""

from refusal import demand
from strict_json import is_integer, is_number

PLACE = "section 'manifest', model"

COUNTS = {
    "hidden_size": (1, 1 << 17), "intermediate_size": (1, 1 << 17), "num_hidden_layers": (1, 4096),
    "num_attention_heads": (1, 65536), "num_key_value_heads": (1, 65536), "head_dim": (2, 65536),
    "vocab_size": (1, 1 << 21), "max_position_embeddings": (1, 1 << 26),
}
MAX_QUERIES = 1 << 17
FLAGS = ("gated_mlp", "parallel_residual", "qkv_bias", "output_bias", "tie_word_embeddings")
CHOICES = {"normalization": ("rms", "layer"), "hidden_act": ("silu", "gelu_tanh", "gelu")}
OTHERS = ("family", "norm_eps", "rope_theta", "rotary_dim", "bos_token_id", "eos_token_id", "sliding_window",
          "rope_scaling")
# Keys of the manifest's second schema, all of them optional.
SECOND_FLAGS = ("attention_output_bias", "mlp_bias", "head_bias")
SECOND_CHOICES = {"norm_placement": ("pre", "post", "pre_post"), "qk_norm": ("none", "head", "heads", "full")}
CAPS = ("attn_logit_softcapping", "final_logit_softcapping")
SECOND = {*SECOND_FLAGS, *SECOND_CHOICES, *CAPS, "layers"}
KNOWN = {*COUNTS, *FLAGS, *CHOICES, *OTHERS, *SECOND}
# Numbers of every kind of scaling; YaRN's come with a flag, `truncate`, LongRoPE's with a list, `factors`.
SCALINGS = {
    "linear": ("factor",),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"),
    "yarn": ("factor", "original_max_position_embeddings", "beta_fast", "beta_slow", "attention_factor"),
    "longrope": ("attention_factor",),
}
BESIDE = {"yarn": ["truncate"], "longrope": ["factors"]}
RISING = {"llama3": ("low_freq_factor", "high_freq_factor"), "yarn": ("beta_slow", "beta_fast")}


def check(model):
    """Refuses a description outside `manifest.schema.json`."""
    known(model, KNOWN, PLACE)
    demand(isinstance(model.get("family"), str), PLACE, "'family' is no text")
    for key, (low, high) in COUNTS.items():
        demand(is_integer(model.get(key), low, high), PLACE, f"'{key}' is {model.get(key)}, not {low} to {high}")
    for key in FLAGS + tuple(key for key in SECOND_FLAGS if key in model):
        demand(isinstance(model.get(key), bool), PLACE, f"'{key}' is neither true nor false")
    for key, choices in [*CHOICES.items(), *((k, c) for k, c in SECOND_CHOICES.items() if k in model)]:
        demand(model.get(key) in choices, PLACE, f"'{key}' is {model.get(key)}, not one of {', '.join(choices)}")
    eps, heads = model.get("norm_eps"), model["num_attention_heads"]
    demand(is_number(eps, 0) and eps < 1, PLACE, f"'norm_eps' is {eps}, not 0 to 1")
    demand(heads % model["num_key_value_heads"] == 0, PLACE, "attention heads are no multiple of key-value heads")
    demand(heads * model["head_dim"] <= MAX_QUERIES, PLACE, f"queries have more than {MAX_QUERIES} elements")
    bos, eos = model.get("bos_token_id"), model.get("eos_token_id")
    demand(isinstance(eos, list), PLACE, f"'eos_token_id' is {eos}, no array")
    last = model["vocab_size"] - 1
    for token in eos if bos is None else [bos, *eos]:
        demand(is_integer(token, 0, last), PLACE, f"special token {token} is not 0 to {last}")
    for key in CAPS:
        cap = model.get(key)
        demand(cap is None or is_number(cap) and 1e-3 < cap < 1e6, PLACE, f"'{key}' is {cap}, not 0.001 to 1000000")
    demand(not model["parallel_residual"] or model.get("norm_placement", "pre") == "pre", PLACE,
           "'parallel_residual' with norms behind attention and MLP")
    check_layer(model, model["head_dim"], PLACE)
    if "layers" in model:
        entries = model["layers"]
        demand(isinstance(entries, list) and len(entries) == model["num_hidden_layers"], PLACE,
               "'layers' is no array of num_hidden_layers objects")
        for i, entry in enumerate(entries):
            place = f"{PLACE}, layers[{i}]"
            known(entry, {"sliding_window", "rope"}, place)
            rope = entry.get("rope")
            if rope is not None:
                known(rope, {"rope_theta", "rotary_dim", "rope_scaling"}, f"{place}, rope")
            rotation = model if rope is None else rope
            check_layer({**rotation, "sliding_window": entry.get("sliding_window")}, model["head_dim"], place)


def known(value, keys, place):
    """Refuses what is no object, and keys that nobody knows: they may change what is computed."""
    demand(isinstance(value, dict), place, "no object")
    others = value.keys() - keys
    demand(not others, place, f"unknown key '{min(others, default='')}'")


def check_layer(value, head_dim, place):
    """Refuses an impossible window or rotation."""
    window, high = value.get("sliding_window"), COUNTS["max_position_embeddings"][1]
    demand(window is None or is_integer(window, 1, high), place, f"'sliding_window' is {window}, not 1 to {high}")
    theta, rotary = value.get("rope_theta"), value.get("rotary_dim")
    demand(is_number(theta) and theta > 1, place, f"'rope_theta' is {theta}, not above 1")
    demand(is_integer(rotary, 2, head_dim) and rotary % 2 == 0, place,
           f"'rotary_dim' is {rotary}, not even and 2 to head_dim")
    if "rope_scaling" not in value:
        return
    scaling = value["rope_scaling"]
    kind = scaling.get("rope_type") if isinstance(scaling, dict) else None
    demand(isinstance(kind, str) and kind in SCALINGS, place,
           f"'rope_scaling' has the type {kind}, not one of {', '.join(SCALINGS)}")
    known(scaling, {"rope_type", *SCALINGS[kind], *BESIDE.get(kind, [])}, f"{place}, rope_scaling")
    for key in SCALINGS[kind]:
        number = scaling.get(key)
        demand(is_number(number, 1e-6, 1e9), place, f"'{key}' of 'rope_scaling' is {number}, not 1e-6 to 1e9")
    if kind in RISING:
        low, high = RISING[kind]
        demand(scaling[low] < scaling[high], place, f"'{high}' is {scaling[high]}, not above '{low}', {scaling[low]}")
    if kind == "longrope":
        factors, count = scaling.get("factors"), value["rotary_dim"] // 2
        demand(isinstance(factors, list) and len(factors) == count, place, f"'factors' are not {count} numbers")
        for number in factors:
            demand(is_number(number, 1e-6, 1e9), place, f"one of 'factors' is {number}, not 1e-6 to 1e9")
    demand(kind != "yarn" or isinstance(scaling.get("truncate"), bool), place, "'truncate' is neither true nor false")


def window(model, layer):
    """Latest positions that a layer sees, None for all."""
    return {**model, **entry(model, layer)}.get("sliding_window")


def rope(model, layer):
    """Rotation of a layer, with `rope_theta`, `rotary_dim` and perhaps `rope_scaling`; None when it has none."""
    return entry(model, layer).get("rope", model)


def entry(model, layer):
    return model["layers"][layer] if "layers" in model else {}


def bias(model, key):
    """Whether there are the biases of one of SECOND_FLAGS."""
    return model.get(key, model["output_bias"])


def tensors(model):
    """Name and shape of every tensor; [rows, columns] are matrices, [elements] norms and biases."""
    hidden, inner, vocabulary = model["hidden_size"], model["intermediate_size"], model["vocab_size"]
    size = model["head_dim"]
    queries, keys = model["num_attention_heads"] * size, model["num_key_value_heads"] * size
    placement, qk_norm = model.get("norm_placement", "pre"), model.get("qk_norm", "none")
    shapes = {"model.embed_tokens.weight": [vocabulary, hidden]}

    def norm(name):
        shapes[f"{name}.weight"] = [hidden]
        if model["normalization"] == "layer":
            shapes[f"{name}.bias"] = [hidden]

    def linear(name, rows, columns, biased):
        shapes[f"{name}.weight"] = [rows, columns]
        if biased:
            shapes[f"{name}.bias"] = [rows]

    for i in range(model["num_hidden_layers"]):
        block = f"model.layers.{i}"
        if placement != "post":
            norm(f"{block}.input_layernorm")
            if not model["parallel_residual"]:
                norm(f"{block}.post_attention_layernorm")
        if placement != "pre":
            norm(f"{block}.self_attn.output_norm")
            norm(f"{block}.mlp.output_norm")
        if qk_norm != "none":
            shapes[f"{block}.self_attn.q_norm.weight"] = [size if qk_norm == "head" else queries]
            shapes[f"{block}.self_attn.k_norm.weight"] = [size if qk_norm == "head" else keys]
        linear(f"{block}.self_attn.q_proj", queries, hidden, model["qkv_bias"])
        linear(f"{block}.self_attn.k_proj", keys, hidden, model["qkv_bias"])
        linear(f"{block}.self_attn.v_proj", keys, hidden, model["qkv_bias"])
        linear(f"{block}.self_attn.o_proj", hidden, queries, bias(model, "attention_output_bias"))
        if model["gated_mlp"]:
            linear(f"{block}.mlp.gate_proj", inner, hidden, bias(model, "mlp_bias"))
        linear(f"{block}.mlp.up_proj", inner, hidden, bias(model, "mlp_bias"))
        linear(f"{block}.mlp.down_proj", hidden, inner, bias(model, "mlp_bias"))
    norm("model.norm")
    linear("lm_head", vocabulary, hidden, bias(model, "head_bias"))
    if model["tie_word_embeddings"]:
        del shapes["lm_head.weight"]
    return shapes
