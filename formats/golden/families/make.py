#!/usr/bin/env python3
"""Makes this folder: a bundle of random weights for every kind of model that `model.md` describes, and its logits.

    python3 formats/golden/families/make.py .build/release/taper

No matrix has more than 64 columns, for which kernels hardly round activations, so the logits test a reader closely."""

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

LINEAR = dict(rope_type="linear", factor=4.0)
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=64)
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
]


def checkpoint(folder, architecture, keys, seed):
    """Writes config, tokenizer of single bytes and random weights in Hugging Face layout."""
    config = dict(
        architectures=[f"{architecture}ForCausalLM"], model_type=architecture.lower(), hidden_size=HIDDEN,
        intermediate_size=INNER, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
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

    def norm(name):
        tensors[f"{name}.weight"] = 1 + 0.3 * random.normal(size=HIDDEN)
        if layer:
            tensors[f"{name}.bias"] = 0.3 * random.normal(size=HIDDEN)

    tensors["model.embed_tokens.weight"] = random.normal(size=(VOCABULARY, HIDDEN))
    biased = phi or architecture == "Qwen2" or config.get("use_qkv_bias", False)
    for i in range(config["num_hidden_layers"]):
        block = f"model.layers.{i}"
        norm(f"{block}.input_layernorm")
        if not (phi or config.get("use_parallel_residual")):
            norm(f"{block}.post_attention_layernorm")
        for name, rows in ("q", queries), ("k", keys), ("v", keys):
            linear(f"{block}.self_attn.{name}_proj", rows, HIDDEN, biased)
        linear(f"{block}.self_attn.{'dense' if phi else 'o_proj'}", HIDDEN, queries, phi)
        if phi:
            linear(f"{block}.mlp.fc1", INNER, HIDDEN, True)
            linear(f"{block}.mlp.fc2", HIDDEN, INNER, True)
        else:
            linear(f"{block}.mlp.gate_proj", INNER, HIDDEN, False)
            linear(f"{block}.mlp.up_proj", INNER, HIDDEN, False)
            linear(f"{block}.mlp.down_proj", HIDDEN, INNER, False)
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


def main():
    def taper(*arguments):
        command = [os.path.abspath(sys.argv[1]), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    for seed, (name, architecture, keys, convert, calibrate) in enumerate(VARIANTS, 1):
        bundle = os.path.join(FOLDER, f"{name}.taper")
        with tempfile.TemporaryDirectory() as work:
            source, text = f"{work}/{name}", os.path.join(FOLDER, "../../../samples/tiny/calibration.txt")
            checkpoint(source, architecture, keys, seed)
            taper("convert", source, "-o", bundle, *convert, "--effort", "fast", "--no-calibrate", "--force", "--quiet",
                  "--work", f"{work}/intermediate")
            if calibrate:
                taper("calibrate", bundle, *calibrate, "--calibration", text, "--reference", source, "--quiet")
        held = json.loads(taper("inspect", bundle, "--json"))
        precisions = [p["bits"] for p in held["precisions"]] + [r["bits"] for r in held.get("rungs", [])]
        results = []
        for bits in sorted(precisions):
            tokens = ",".join(map(str, TOKENS))
            logits = np.array(json.loads(taper("logits", bundle, "--tokens", tokens, "--bits", f"{bits:g}"))["logits"])
            last = [round(value, 5) for value in logits[-1].tolist()]
            results.append(dict(bits=f"{bits:g}", argmax=logits.argmax(1).tolist(), last=last))
        version = taper("--version").strip()
        made = f"taper {version} from random weights (make.py): convert {' '.join(convert)} --effort fast"
        if calibrate:
            made += f", calibrate {' '.join(calibrate)}"
        with open(os.path.join(FOLDER, f"{name}.json"), "w") as file:
            json.dump(dict(made_with=made, tokens=TOKENS, logits=results), file)
            file.write("\n")


if __name__ == "__main__":
    main()
