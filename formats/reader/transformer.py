"""The forward pass of the model that a manifest describes, in single precision, as plainly as it can be written."""

import math

import numpy as np

import model as description

erf = np.vectorize(math.erf, otypes=[np.float32])
ACTIVATIONS = {
    "silu": lambda x: x * (1 + np.tanh(x / 2)) / 2,
    "gelu": lambda x: x * (1 + erf(x / math.sqrt(2))) / 2,
    "gelu_tanh": lambda x: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
}


class Transformer:
    """A bundle's weights at one precision or rung, decoded once.

    `cache` holds the latest block's keys and values, (positions, KV heads, head_dim): in the end the last one's."""

    def __init__(self, bundle, precision):
        self.model = bundle.manifest.model
        bits = bundle.bits(precision)
        self.weights = {
            name: bundle.matrix(name, bits.get(name)) if len(tensor.shape) == 2 else bundle.vector(name)
            for name, tensor in bundle.manifest.tensors.items()
        }
        if self.model["tie_word_embeddings"]:
            self.weights["lm_head.weight"] = self.weights["model.embed_tokens.weight"]

    def norm(self, x, name):
        return self.scaled(x, self.weights[f"{name}.weight"]) + self.weights.get(f"{name}.bias", np.float32(0))

    def scaled(self, x, weight):
        """The model's kind of norm over the last axis, without bias."""
        if self.model["normalization"] == "layer":
            x = x - x.mean(-1, keepdims=True)
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(self.model["norm_eps"])) * weight

    def linear(self, x, name):
        y = x @ self.weights[f"{name}.weight"].T
        return y + self.weights[f"{name}.bias"] if f"{name}.bias" in self.weights else y

    def heads(self, x, block, name, count):
        """Queries or keys as (positions, heads, head_dim), normalized where the model does so."""
        x, size = self.linear(x, f"{block}.{name}_proj"), self.model["head_dim"]
        kind, split = self.model.get("qk_norm", "none"), (len(x), count, size)
        if kind == "none":
            return x.reshape(split)
        weight = self.weights[f"{block}.{name}_norm.weight"]
        if kind == "full":
            return self.scaled(x, weight).reshape(split)
        return self.scaled(x.reshape(split), weight if kind == "head" else weight.reshape(count, size))

    def attention(self, x, layer, block):
        heads, shared = self.model["num_attention_heads"], self.model["num_key_value_heads"]
        size, count, rope = self.model["head_dim"], len(x), description.rope(self.model, layer)
        q, k = self.heads(x, block, "q", heads), self.heads(x, block, "k", shared)
        if rope is not None:
            q, k = turn(q, rope), turn(k, rope)
        # The cache holds keys and values in half precision.
        k = k.astype(np.float16)
        v = self.linear(x, f"{block}.v_proj").reshape(count, shared, size).astype(np.float16)
        self.cache = k, v
        k, v = (np.repeat(cache.astype(np.float32), heads // shared, 1) for cache in (k, v))
        scores = np.einsum("thd,shd->hts", q, k) / np.float32(math.sqrt(size))
        scores = capped(scores, self.model.get("attn_logit_softcapping"))
        distance = np.subtract.outer(np.arange(count), np.arange(count))
        seen = (distance >= 0) & (distance < (description.window(self.model, layer) or count))
        scores = np.where(seen, scores, -np.inf)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        mixed = np.einsum("hts,shd->thd", shares, v).reshape(count, heads * size)
        return self.linear(mixed, f"{block}.o_proj")

    def mlp(self, x, block):
        act, up = ACTIVATIONS[self.model["hidden_act"]], self.linear(x, f"{block}.up_proj")
        inner = act(self.linear(x, f"{block}.gate_proj")) * up if self.model["gated_mlp"] else act(up)
        return self.linear(inner, f"{block}.down_proj")

    def states(self, tokens):
        """(tokens, hidden size): what the head reads after every token."""
        x, placement = self.weights["model.embed_tokens.weight"][tokens], self.model.get("norm_placement", "pre")

        def before(x, name):
            return x if placement == "post" else self.norm(x, name)

        def behind(y, name):
            return y if placement == "pre" else self.norm(y, f"{name}.output_norm")

        for i in range(self.model["num_hidden_layers"]):
            block = f"model.layers.{i}"
            read = before(x, f"{block}.input_layernorm")
            attended = behind(self.attention(read, i, f"{block}.self_attn"), f"{block}.self_attn")
            if self.model["parallel_residual"]:
                x = x + attended + self.mlp(read, f"{block}.mlp")
            else:
                x = x + attended
                read = before(x, f"{block}.post_attention_layernorm")
                x = x + behind(self.mlp(read, f"{block}.mlp"), f"{block}.mlp")
        return self.norm(x, "model.norm")

    def logits(self, tokens):
        """(tokens, vocabulary) logits after every token."""
        return capped(self.linear(self.states(tokens), "lm_head"), self.model.get("final_logit_softcapping"))


def capped(x, cap):
    return x if cap is None else np.float32(cap) * np.tanh(x / np.float32(cap))


def turn(x, rope):
    """RoPE on (positions, heads, head_dim): channel i turns with i + rotary_dim / 2, the rest stays."""
    half, scaling = rope["rotary_dim"] // 2, rope.get("rope_scaling", {})
    angles = np.outer(np.arange(len(x)), frequencies(rope, scaling))[:, None]
    magnitude = scaling.get("attention_factor", 1)
    cos, sin = ((magnitude * f(angles)).astype(np.float32) for f in (np.cos, np.sin))
    a, b, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin, rest], -1)


def frequencies(rope, scaling):
    """Radians per position of each pair of channels that RoPE turns."""
    size, theta = rope["rotary_dim"], rope["rope_theta"]
    pairs = np.arange(size // 2)
    plain = theta ** (-2 * pairs / size)
    if not scaling:
        return plain
    kind = scaling["rope_type"]
    if kind == "longrope":
        return plain / np.array(scaling["factors"])
    factor = scaling["factor"]
    if kind == "linear":
        return plain / factor
    context = scaling["original_max_position_embeddings"]
    if kind == "llama3":
        low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
        kept = np.clip((context * plain / (2 * math.pi) - low) / (high - low), 0, 1)
        return plain * (kept + (1 - kept) / factor)
    low, high = (size * math.log(context / (2 * math.pi * scaling[key])) / (2 * math.log(theta))
                 for key in ("beta_fast", "beta_slow"))
    if scaling["truncate"]:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, size - 1)
    divided = np.clip((pairs - low) / (high - low or 0.001), 0, 1)
    return plain * (1 - divided + divided / factor)
