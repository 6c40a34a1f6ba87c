"""The forward pass of the model that a manifest describes, in single precision, as plainly as it can be written."""

import math

import numpy as np

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
        eps, weight = np.float32(self.model["norm_eps"]), self.weights[f"{name}.weight"]
        if self.model["normalization"] == "rms":
            return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight
        x = x - x.mean(-1, keepdims=True)
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight + self.weights[f"{name}.bias"]

    def linear(self, x, name):
        y = x @ self.weights[f"{name}.weight"].T
        return y + self.weights[f"{name}.bias"] if f"{name}.bias" in self.weights else y

    def frequencies(self):
        """Radians per position of each pair of channels that RoPE turns."""
        d = self.model["rotary_dim"]
        frequencies = self.model["rope_theta"] ** (-np.arange(0, d, 2) / d)
        scaling = self.model.get("rope_scaling")
        if not scaling:
            return frequencies
        factor = scaling["factor"]
        if scaling["rope_type"] == "linear":
            return frequencies / factor
        low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
        turns = scaling["original_max_position_embeddings"] * frequencies / (2 * math.pi)
        kept = np.clip((turns - low) / (high - low), 0, 1)
        return frequencies * (kept + (1 - kept) / factor)

    def turn(self, x):
        """RoPE on (positions, heads, head_dim): channel i turns with i + rotary_dim / 2, the rest stays."""
        half = self.model["rotary_dim"] // 2
        angles = np.outer(np.arange(len(x)), self.frequencies())[:, None]
        cos, sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
        a, b, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
        return np.concatenate([a * cos - b * sin, b * cos + a * sin, rest], -1)

    def attention(self, x, block):
        heads, shared = self.model["num_attention_heads"], self.model["num_key_value_heads"]
        size, count = self.model["head_dim"], len(x)
        q = self.turn(self.linear(x, f"{block}.q_proj").reshape(count, heads, size))
        # The cache holds keys and values in half precision.
        k = self.turn(self.linear(x, f"{block}.k_proj").reshape(count, shared, size)).astype(np.float16)
        v = self.linear(x, f"{block}.v_proj").reshape(count, shared, size).astype(np.float16)
        self.cache = k, v
        k, v = (np.repeat(cache.astype(np.float32), heads // shared, 1) for cache in (k, v))
        scores = np.einsum("thd,shd->hts", q, k) / np.float32(math.sqrt(size))
        distance = np.subtract.outer(np.arange(count), np.arange(count))
        seen = (distance >= 0) & (distance < (self.model.get("sliding_window") or count))
        scores = np.where(seen, scores, -np.inf)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        mixed = np.einsum("hts,shd->thd", shares, v).reshape(count, heads * size)
        return self.linear(mixed, f"{block}.o_proj")

    def mlp(self, x, block):
        act, up = ACTIVATIONS[self.model["hidden_act"]], self.linear(x, f"{block}.up_proj")
        inner = act(self.linear(x, f"{block}.gate_proj")) * up if self.model["gated_mlp"] else act(up)
        return self.linear(inner, f"{block}.down_proj")

    def logits(self, tokens):
        """(tokens, vocabulary) logits after every token."""
        x = self.weights["model.embed_tokens.weight"][tokens]
        for i in range(self.model["num_hidden_layers"]):
            block = f"model.layers.{i}"
            normed = self.norm(x, f"{block}.input_layernorm")
            attended = self.attention(normed, f"{block}.self_attn")
            if self.model["parallel_residual"]:
                x = x + attended + self.mlp(normed, f"{block}.mlp")
            else:
                x = x + attended
                x = x + self.mlp(self.norm(x, f"{block}.post_attention_layernorm"), f"{block}.mlp")
        return self.linear(self.norm(x, "model.norm"), "lm_head")
