"""Makes the GGUF files of Fixtures/gguf: small checkpoints of every family as llama.cpp's converter writes them, F32.

    python make_family_gguf.py [--out FOLDER] [NAME ...]
    python make_family_gguf.py --convert CHECKPOINT FILE

Needs the packages of Tests/Oracles/make_oracles.py, which makes the checkpoint and what transformers computes on it, and `gguf`
(made with 0.19). What a family's files hold was read from llama.cpp, October 2026: conversion/*.py for keys, names and the order
of rows; src/models/*.cpp for what its loader takes where no key says it, which is why CASES are within that:

    family    rows of q, k    not in the file
    llama     interleaved     YaRN's attention_factor without yarn_attn_factor is 0.1 ln(factor) + 1
    qwen2, 3  as they are     windows
    phi3      as they are     qkv one tensor, gate before up in ffn_up; window 0 for none
    gemma2    as they are     layer i has a window if i is even; tanh GELU; scores over sqrt(head size), of 46 layers over
                              sqrt(embedding / heads); norms have their 1 added; embeddings times sqrt(embedding)
    gemma3    as they are     as gemma2, but layer i has a window if (i + 1) % 6 != 0, and turns by rope.freq_base_swa, else 10000,
                              unscaled; 62 layers instead of 46
    olmo2     as they are     nothing
    smollm3   interleaved     layer i turns nothing if (i + 1) % 4 == 0
    granite   interleaved     logits are divided by logit_scale; rope.scaling.finetuned false means that nothing turns
    stablelm  as they are     parallel if there is no ffn_norm, whatever use_parallel_residual says; norms of heads as rows
"""
import argparse
import json
import math
import os
import re
import sys
import tempfile

import gguf
import numpy
from safetensors.numpy import load_file

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "Oracles"))

LAYERS = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "self_attn.qkv_proj": "attn_qkv", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "self_attn.q_layernorm": "attn_q_norm", "self_attn.k_layernorm": "attn_k_norm", "mlp.gate_proj": "ffn_gate",
    "mlp.gate_up_proj": "ffn_up", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}
NORMS_BEHIND = {"post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
                "post_feedforward_layernorm": "post_ffw_norm"}
OTHERS = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
ARCHITECTURES = {"gemma3_text": "gemma3", "mistral": "llama"}
INTERLEAVED = {"llama", "granite", "smollm3"}


def interleave(values, heads):
    """Rows (j, j + half) of every head become neighbours."""
    half = values.shape[0] // heads // 2
    return values.reshape(heads, 2, half, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


def tensors_of(config, weights, architecture):
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    stacks = {}
    for name, values in weights.items():
        stem, suffix = name.rsplit(".", 1)
        if stem in OTHERS:
            # Gemma's files never hold a head.
            if stem == "lm_head" and config.get("tie_word_embeddings"):
                continue
            target = OTHERS[stem]
        else:
            layer, part = re.fullmatch(r"model\.layers\.(\d+)\.(.*)", stem).groups()
            piece = re.fullmatch(r"(self_attn\.[qk]_layernorm)\.norms\.(\d+)", part)
            if piece:
                stacks.setdefault(f"blk.{layer}.{LAYERS[piece.group(1)]}.weight", {})[int(piece.group(2))] = values
                continue
            names = {**LAYERS, **NORMS_BEHIND} if architecture in ("gemma2", "gemma3", "olmo2") else LAYERS
            target = f"blk.{layer}.{names[part]}"
            projection = part.rsplit(".", 1)[-1]
            if architecture in INTERLEAVED and projection in heads:
                values = interleave(values, heads[projection])
        if architecture.startswith("gemma") and stem.endswith("norm"):
            values = values + numpy.float32(1)
        yield f"{target}.{suffix}", values
    for name, rows in stacks.items():
        yield name, numpy.stack([rows[index] for index in sorted(rows)])


def write_rotation(writer, config, architecture):
    rope = config["rope_parameters"]
    full = rope.get("full_attention", rope)
    kind = full.get("rope_type", "default")
    if kind in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(kind))
        writer.add_rope_scaling_factor(full["factor"])
    if kind == "yarn":
        writer.add_rope_scaling_orig_ctx_len(full["original_max_position_embeddings"])
        for key, add in (("attention_factor", writer.add_rope_scaling_yarn_attn_factor),
                         ("beta_fast", writer.add_rope_scaling_yarn_beta_fast),
                         ("beta_slow", writer.add_rope_scaling_yarn_beta_slow)):
            if full.get(key) is not None:
                add(full[key])
    # The converters of these two write no base.
    if architecture not in ("gemma2", "stablelm"):
        writer.add_rope_freq_base(full["rope_theta"])
    if "sliding_attention" in rope:
        writer.add_rope_freq_base_swa(rope["sliding_attention"]["rope_theta"])
    if kind == "llama3":
        size = config["head_dim"]
        divisors = []
        for pair in range(size // 2):
            wavelength = 2 * math.pi * full["rope_theta"] ** (2 * pair / size)
            original, low, high = (full["original_max_position_embeddings"], full["low_freq_factor"],
                                   full["high_freq_factor"])
            ramp = min(1, max(0, (original / wavelength - low) / (high - low)))
            divisors.append(1 / ((1 - ramp) / full["factor"] + ramp))
        writer.add_tensor("rope_freqs.weight", numpy.array(divisors, dtype=numpy.float32))


def write_settings(writer, config, architecture):
    head = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_vocab_size(config["vocab_size"])
    if architecture == "stablelm":
        writer.add_layer_norm_eps(config["layer_norm_eps"])
        writer.add_parallel_residual(config["use_parallel_residual"])
    else:
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    if config.get("head_dim"):
        writer.add_key_length(head)
        writer.add_value_length(head)
    if architecture in ("llama", "granite", "smollm3", "phi3", "stablelm"):
        writer.add_rope_dimension_count(int(head * config["rope_parameters"].get("partial_rotary_factor", 1)))
    if architecture == "gemma2":
        writer.add_attn_logit_softcapping(config["attn_logit_softcapping"])
        writer.add_final_logit_softcapping(config["final_logit_softcapping"])
    if architecture.startswith("gemma") or architecture == "phi3":
        writer.add_sliding_window(config["sliding_window"] or 0)
    if architecture == "phi3":
        writer.add_rope_scaling_orig_ctx_len(config["original_max_position_embeddings"])
    if architecture == "granite":
        writer.add_attention_scale(config["attention_multiplier"])
        writer.add_embedding_scale(config["embedding_multiplier"])
        writer.add_residual_scale(config["residual_multiplier"])
        writer.add_logit_scale(config["logits_scaling"])


def convert(folder, path):
    with open(os.path.join(folder, "config.json")) as file:
        config = json.load(file)
    architecture = ARCHITECTURES.get(config["model_type"], config["model_type"])
    writer = gguf.GGUFWriter(path, architecture)
    write_settings(writer, config, architecture)
    write_rotation(writer, config, architecture)
    writer.add_tokenizer_model("none")
    for name, values in tensors_of(config, load_file(os.path.join(folder, "model.safetensors")), architecture):
        writer.add_tensor(name, numpy.ascontiguousarray(values.astype(numpy.float32)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def cases():
    from oracle_cases import case, rope
    small = dict(hidden_size=32, intermediate_size=48, vocab_size=96)
    gemma = dict(small, embedding=1.2, head_dim=12, query_pre_attn_scalar=12, sliding_window=5)
    return {
        "llama-bias": case("Llama", attention_bias=True, mlp_bias=True, **small),
        "llama-linear": case("Llama", head_dim=12, **small, **rope("linear", factor=4.0)),
        "llama-llama3": case("Llama", tie_word_embeddings=True, num_attention_heads=2, num_key_value_heads=1, **small, **rope(
            "llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)),
        "llama-yarn": case("Llama", head_dim=24, **small, **rope("yarn", factor=4.0, original_max_position_embeddings=64)),
        "llama-yarn-stated": case("Llama", head_dim=24, **small, **rope(
            "yarn", factor=8.0, original_max_position_embeddings=48, beta_fast=4.0, beta_slow=0.5,
            attention_factor=1.7)),
        "qwen2-yarn": case("Qwen2", **small, **rope("yarn", 1e6, factor=2.5, original_max_position_embeddings=40)),
        "qwen3": case("Qwen3", head_dim=20, tie_word_embeddings=True, **small),
        "phi3-partial": case("Phi3", **small, **rope(partial_rotary_factor=0.5)),
        "phi3-window": case("Phi3", sliding_window=5, **small),
        "gemma2": case("Gemma2", num_hidden_layers=3, attn_logit_softcapping=5.0, final_logit_softcapping=3.0, **gemma),
        # The largest, whose scores are divided by another number.
        "gemma2-46-layers": case("Gemma2", num_hidden_layers=46, num_attention_heads=2, num_key_value_heads=1, **{
            **gemma, "hidden_size": 8, "intermediate_size": 8, "head_dim": 6, "query_pre_attn_scalar": 4,
            "attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0}),
        "gemma3": case("Gemma3Text", num_hidden_layers=7, num_key_value_heads=1, **{
            **gemma, "hidden_size": 24, "intermediate_size": 24,
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
                "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}}),
        "olmo2": case("Olmo2", tie_word_embeddings=False, **small),
        "smollm3": case("SmolLM3", num_hidden_layers=4, **small),
        "granite": case(
            "Granite", attention_bias=True, mlp_bias=True, tie_word_embeddings=False, embedding=1.0,
            attention_multiplier=0.3, embedding_multiplier=2.5, logits_scaling=2.0, residual_multiplier=0.35, **small),
        "stablelm-parallel-qknorm": case(
            "StableLm", use_parallel_residual=True, qk_layernorm=True, **{**small, "hidden_size": 48},
            **rope(partial_rotary_factor=0.5)),
        "stablelm-sequential-qknorm": case(
            "StableLm", qk_layernorm=True, use_qkv_bias=True, **small, **rope(partial_rotary_factor=0.5)),
    }


def make(name, case, folder):
    from make_oracles import make as make_oracle
    with tempfile.TemporaryDirectory() as oracle:
        make_oracle(name, case, oracle)
        convert(oracle, os.path.join(folder, name + ".gguf"))
        with open(os.path.join(oracle, "golden.json")) as file:
            golden = json.load(file)
    del golden["logits_shape"]
    with open(os.path.join(folder, name + ".json"), "w") as file:
        json.dump(golden, file)
        file.write("\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default=os.path.join(HERE, "Fixtures", "gguf"))
    parser.add_argument("--convert", nargs=2, metavar=("CHECKPOINT", "FILE"))
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    if arguments.convert:
        return convert(*arguments.convert)
    os.makedirs(arguments.out, exist_ok=True)
    all_cases = cases()
    for name in arguments.names or all_cases:
        make(name, all_cases[name], arguments.out)


if __name__ == "__main__":
    main()
