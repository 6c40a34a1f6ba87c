"""Checkpoints of a shape, in the layout of Hugging Face: which tensors there are, and a safetensors file's header."""

import json
import math
import struct


def tensors(m):
    """Names and shapes of a LLaMA-like model, whose sizes are named as in samples/shapes."""
    hidden, inner = m["hidden_size"], m["intermediate_size"]
    query = m["num_attention_heads"] * m["head_dim"]
    key = m["num_key_value_heads"] * m["head_dim"]
    yield "model.embed_tokens.weight", (m["vocab_size"], hidden)
    for layer in range(m["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        for name, shape in [("self_attn.q_proj", (query, hidden)), ("self_attn.k_proj", (key, hidden)),
                            ("self_attn.v_proj", (key, hidden)), ("self_attn.o_proj", (hidden, query)),
                            ("mlp.gate_proj", (inner, hidden)), ("mlp.up_proj", (inner, hidden)),
                            ("mlp.down_proj", (hidden, inner))]:
            yield at + name + ".weight", shape
            if m["qkv_bias"] and name[-6] in "qkv" and name.startswith("self_attn"):
                yield at + name + ".bias", shape[:1]
        yield at + "input_layernorm.weight", (hidden,)
        yield at + "post_attention_layernorm.weight", (hidden,)
    yield "model.norm.weight", (hidden,)
    if not m["tie_word_embeddings"]:
        yield "lm_head.weight", (m["vocab_size"], hidden)


def header(shapes):
    """The header of a safetensors file of these tensors in BF16, one after the other, and how many bytes follow it."""
    entries, at = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes.items():
        end = at + 2 * math.prod(shape)
        entries[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text, at
