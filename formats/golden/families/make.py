#!/usr/bin/env python3
"""Makes this folder: a bundle of random weights for every kind of model in `model.md`, with logits and texts.

    python3 formats/golden/families/make.py .build/release/taper .build/release/taper-run

Bundles that are there stay; delete one to make it anew. No matrix has more than 64 columns, for which kernels hardly
round activations, so the logits test a reader closely."""

import json
import os
import struct
import subprocess
import sys
import tempfile

import numpy as np

FOLDER = os.path.dirname(os.path.abspath(__file__))
VOCABULARY, HIDDEN, INNER = 256, 32, 40
TOKENS = [5, 17, 3, 250, 17, 96, 31, 5, 5, 200, 128, 64]
PROMPT, NEW_TOKENS = "rate-distortion", 16

LINEAR = dict(rope_type="linear", factor=4.0)
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=64)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=64)
SHARP_YARN = dict(rope_type="yarn", factor=2.0, original_max_position_embeddings=32, beta_fast=4.0, beta_slow=0.25,
                  attention_factor=1.25, truncate=False)
LONG = dict(rope_type="longrope", short_factor=[1.0, 1.2, 1.7, 3.0], long_factor=[1.0, 2.0, 4.0, 8.0])
# A tied head would mostly repeat the last token if embeddings, times their factor, were larger than what blocks add.
SMALL = dict(tie_word_embeddings=True, initializer_range=0.12)
GEMMA = dict(SMALL, head_dim=16, num_key_value_heads=1, query_pre_attn_scalar=24, sliding_window=3,
             hidden_activation="gelu_pytorch_tanh")
# Name, architecture, keys of config.json beside the common ones, flags of `convert`, flags of `calibrate`.
VARIANTS = [
    ("mistral", "Mistral", dict(sliding_window=3, head_dim=16, num_hidden_layers=1), ["--bits", "2-8"], []),
    ("llama-linear", "Llama", dict(rope_scaling=LINEAR), ["--bits", "3"], []),
    ("llama-llama3", "Llama", dict(rope_scaling=LLAMA3, rope_theta=500000.0),
     ["--bits", "6", "--embedding-bits", "4"], []),
    ("qwen2-rung", "Qwen2", dict(tie_word_embeddings=True),
     ["--bits", "2,4", "--embedding-bits", "2-3"], ["--rungs", "3.4"]),
    ("phi", "Phi", dict(hidden_act="gelu_new", partial_rotary_factor=0.5), ["--bits", "3,16"], []),
    ("phi-tied", "Phi", dict(hidden_act="gelu", partial_rotary_factor=0.5, tie_word_embeddings=True),
     ["--bits", "2,16"], []),
    ("stablelm", "StableLm", dict(partial_rotary_factor=0.25, num_key_value_heads=4), ["--bits", "4"], []),
    ("stablelm-parallel", "StableLm",
     dict(partial_rotary_factor=0.5, use_parallel_residual=True, use_qkv_bias=True, num_key_value_heads=1),
     ["--bits", "2,16"], []),
    ("stablelm-heads", "StableLm",
     dict(partial_rotary_factor=0.25, use_parallel_residual=True, qk_layernorm=True), ["--bits", "3,16"], []),
    ("llama-biases", "Llama", dict(attention_bias=True, mlp_bias=True), ["--bits", "4,16"], []),
    ("llama-yarn", "Llama", dict(rope_scaling=YARN), ["--bits", "4"], []),
    ("qwen2-window", "Qwen2", dict(use_sliding_window=True, sliding_window=4, max_window_layers=1),
     ["--bits", "5"], []),
    ("qwen3", "Qwen3", dict(head_dim=16), ["--bits", "3,16"], []),
    ("gemma2", "Gemma2",
     dict(GEMMA, tie_word_embeddings=False, attn_logit_softcapping=2.0, final_logit_softcapping=3.0),
     ["--bits", "4,16"], []),
    ("gemma3", "Gemma3", dict(GEMMA, sliding_window_pattern=2, rope_local_base_freq=100.0, rope_scaling=LINEAR),
     ["--bits", "2-3"], []),
    ("olmo2", "Olmo2", dict(attention_bias=True), ["--bits", "4,16"], []),
    ("smollm3", "SmolLM3", dict(no_rope_layers=[1, 0], rope_scaling=SHARP_YARN, tie_word_embeddings=False),
     ["--bits", "6"], []),
    ("granite", "Granite",
     dict(SMALL, embedding_multiplier=7.0, residual_multiplier=0.6, attention_multiplier=0.5, logits_scaling=0.4),
     ["--bits", "4,16"], []),
    ("llama-longrope", "Llama", dict(rope_scaling=LONG, original_max_position_embeddings=64), ["--bits", "4,16"], []),
]
TYPES = {"Gemma3": "gemma3_text"}
# What goes by other names than those of LLaMA. Of the three, OLMo 2 has no norms of inputs.
GEMMA_NORMS = ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm")
NORMS = {"Gemma2": GEMMA_NORMS, "Gemma3": GEMMA_NORMS, "Phi": ("input_layernorm",),
         "Olmo2": ("post_attention_layernorm", "post_feedforward_layernorm")}


def checkpoint(folder, architecture, keys, seed):
    """Writes config, tokenizer of single bytes and random weights in Hugging Face layout."""
    config = dict(
        architectures=[f"{architecture}ForCausalLM"], model_type=TYPES.get(architecture, architecture.lower()),
        hidden_size=HIDDEN, intermediate_size=INNER, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=VOCABULARY, max_position_embeddings=256, rope_theta=10000.0, hidden_act="silu", bos_token_id=1,
        eos_token_id=2, tie_word_embeddings=False, torch_dtype="float32", rms_norm_eps=1e-6, layer_norm_eps=1e-5)
    config.update(keys)
    phi, layer = architecture == "Phi", architecture in ("Phi", "StableLm")
    heads = config["num_attention_heads"]
    size = config.get("head_dim", HIDDEN // heads)
    queries, keys = heads * size, config["num_key_value_heads"] * size
    random, tensors = np.random.default_rng(seed), {}

    def linear(name, rows, columns, bias):
        # A little more than what keeps the size of activations, so that attention is not uniform.
        tensors[f"{name}.weight"] = random.normal(size=(rows, columns)) * 1.2 / columns**0.5
        if bias:
            tensors[f"{name}.bias"] = 0.3 * random.normal(size=rows)

    def norm(name, count=HIDDEN, bias=layer):
        # Gemma's norms multiply by one more than their weight.
        tensors[f"{name}.weight"] = 0.3 * random.normal(size=count) + (not architecture.startswith("Gemma"))
        if bias:
            tensors[f"{name}.bias"] = 0.3 * random.normal(size=count)

    tensors["model.embed_tokens.weight"] = random.normal(size=(VOCABULARY, HIDDEN)) * config.get("initializer_range", 1)
    attention_bias, mlp_bias = phi or config.get("attention_bias", False), phi or config.get("mlp_bias", False)
    biased = attention_bias or architecture == "Qwen2" or config.get("use_qkv_bias", False)
    for i in range(config["num_hidden_layers"]):
        block = f"model.layers.{i}"
        usual = ("input_layernorm", "post_attention_layernorm")
        for name in NORMS.get(architecture, usual[:1] if config.get("use_parallel_residual") else usual):
            norm(f"{block}.{name}")
        for head, rows in ("q", queries), ("k", keys):
            if architecture in ("Qwen3", "Gemma3"):
                norm(f"{block}.self_attn.{head}_norm", size)
            elif architecture == "Olmo2":
                norm(f"{block}.self_attn.{head}_norm", rows)
            elif config.get("qk_layernorm"):
                for n in range(rows // size):
                    norm(f"{block}.self_attn.{head}_layernorm.norms.{n}", size, bias=False)
        for name, rows in ("q", queries), ("k", keys), ("v", keys):
            linear(f"{block}.self_attn.{name}_proj", rows, HIDDEN, biased)
        linear(f"{block}.self_attn.{'dense' if phi else 'o_proj'}", HIDDEN, queries, attention_bias)
        if phi:
            linear(f"{block}.mlp.fc1", INNER, HIDDEN, True)
            linear(f"{block}.mlp.fc2", HIDDEN, INNER, True)
        else:
            linear(f"{block}.mlp.gate_proj", INNER, HIDDEN, mlp_bias)
            linear(f"{block}.mlp.up_proj", INNER, HIDDEN, mlp_bias)
            linear(f"{block}.mlp.down_proj", HIDDEN, INNER, mlp_bias)
    norm("model.final_layernorm" if phi else "model.norm")
    linear("lm_head", VOCABULARY, HIDDEN, phi)
    if config["tie_word_embeddings"]:
        del tensors["lm_head.weight"]

    os.mkdir(folder)
    header, data = {}, b""
    for name, values in tensors.items():
        stored = values.astype("<f4").tobytes()
        header[name] = dict(dtype="F32", shape=values.shape, data_offsets=[len(data), len(data) + len(stored)])
        data += stored
    head = json.dumps(header).encode()
    with open(f"{folder}/model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head + data)
    with open(f"{folder}/config.json", "w") as file:
        json.dump(config, file)
    with open(f"{folder}/tokenizer.json", "w") as file:
        json.dump(tokenizer(), file)


def tokenizer():
    """Byte-level BPE without merges, in the printable alphabet of GPT-2."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    characters = {**{b: chr(b) for b in plain}, **{b: chr(256 + i) for i, b in enumerate(others)}}
    byte_level = dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=True)
    model = dict(type="BPE", dropout=None, unk_token=None, continuing_subword_prefix=None, end_of_word_suffix=None,
                 fuse_unk=False, byte_fallback=False, vocab={characters[b]: b for b in range(256)}, merges=[])
    return dict(version="1.0", truncation=None, padding=None, added_tokens=[], normalizer=None,
                pre_tokenizer=byte_level, post_processor=None, decoder=byte_level, model=model)


def run(program, *arguments):
    command = [os.path.abspath(program), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def make(taper, bundle, seed, name, architecture, keys, convert, calibrate):
    """Writes a bundle; returns what it was made with."""
    text = os.path.join(FOLDER, "../../../samples/tiny/calibration.txt")
    with tempfile.TemporaryDirectory() as work:
        source = f"{work}/{name}"
        checkpoint(source, architecture, keys, seed)
        run(taper, "convert", source, "-o", bundle, *convert, "--effort", "fast", "--no-calibrate", "--quiet", "--work",
            f"{work}/intermediate")
        if calibrate:
            run(taper, "calibrate", bundle, *calibrate, "--calibration", text, "--reference", source, "--quiet")
    version = run(taper, "--version").strip()
    made = f"taper {version} from random weights (make.py): convert {' '.join(convert)} --effort fast"
    return made + (f", calibrate {' '.join(calibrate)}" if calibrate else "")


def record(taper, runner, bundle):
    """Logits and greedy texts at every precision and rung."""
    held = json.loads(run(taper, "inspect", bundle, "--json"))
    precisions = [p["bits"] for p in held["precisions"]] + [r["bits"] for r in held.get("rungs", [])]
    results, texts = [], []
    for bits in (f"{bits:g}" for bits in sorted(precisions)):
        tokens = ",".join(map(str, TOKENS))
        logits = np.array(json.loads(run(taper, "logits", bundle, "--tokens", tokens, "--bits", bits))["logits"])
        last = [round(value, 5) for value in logits[-1].tolist()]
        results.append(dict(bits=bits, argmax=logits.argmax(1).tolist(), last=last))
        text = json.loads(run(runner, "-m", bundle, "-p", PROMPT, "-n", str(NEW_TOKENS), "--bits", bits, "--json"))
        texts.append(dict(bits=bits, tokens=text["tokens"]))
    return dict(tokens=TOKENS, logits=results, prompt=PROMPT, generations=texts)


def main():
    taper, runner = sys.argv[1:]
    for seed, variant in enumerate(VARIANTS, 1):
        path = os.path.join(FOLDER, variant[0])
        if os.path.exists(f"{path}.taper"):
            with open(f"{path}.json") as file:
                made = json.load(file)["made_with"]
        else:
            made = make(taper, f"{path}.taper", seed, *variant)
        results = record(taper, runner, f"{path}.taper")
        with open(f"{path}.json", "w") as file:
            json.dump(dict(made_with=made, **results), file)
            file.write("\n")
        print(variant[0])


if __name__ == "__main__":
    main()
