#!/usr/bin/env python3
"""Writes a checkpoint of seeded random weights in the layout of Hugging Face, to try conversions of sizes that cannot be had.

    Scripts/make-checkpoint.py samples/shapes/vicuna-7b.json OUT [--layers N] [--seed S]

BF16 shards of at most 4 GB, config.json and the tokenizer of samples/tiny. Weights are normal with a deviation of 0.02, as models
are initialized; the head's rows of tokens that the tokenizer lacks are zero. Families: llama and qwen2.
"""
import argparse
import json
import os
import shutil
import sys
import zlib

import numpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checkpoints

HERE = os.path.dirname(os.path.abspath(__file__))
SHARD = 4 << 30


def values(name, shape, seed, known):
    if name.endswith("norm.weight"):
        data = numpy.ones(shape, numpy.float32)
    else:
        random = numpy.random.Generator(numpy.random.PCG64([seed, zlib.crc32(name.encode())]))
        data = random.standard_normal(shape, numpy.float32) * numpy.float32(0.02)
    if name == "lm_head.weight":
        data[known:] = 0
    bits = data.view(numpy.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2")


def write_shard(path, names, shapes, make):
    with open(path + ".part", "wb") as out:
        out.write(checkpoints.header({name: shapes[name] for name in names})[0])
        for name in names:
            make(name).tofile(out)
    os.replace(path + ".part", path)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape")
    parser.add_argument("out")
    parser.add_argument("--layers", type=int)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with open(options.shape) as file:
        model = json.load(file)["model"]
    if model["family"] not in ("llama", "qwen2") or model["normalization"] != "rms" or not model["gated_mlp"]:
        sys.exit(f"error: {options.shape}: only shapes of LLaMA's and Qwen2's family can be written")
    if options.layers:
        model["num_hidden_layers"] = options.layers
    os.makedirs(options.out, exist_ok=True)
    tiny = os.path.join(HERE, "..", "samples", "tiny")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(os.path.join(tiny, name), options.out)
    with open(os.path.join(tiny, "config.json")) as file:
        known = json.load(file)["vocab_size"]
    shapes = dict(checkpoints.tensors(model))
    shards, sizes = [[]], [0]
    for name, shape in shapes.items():
        size = 2 * int(numpy.prod(shape))
        if shards[-1] and sizes[-1] + size > SHARD:
            shards.append([])
            sizes.append(0)
        shards[-1].append(name)
        sizes[-1] += size
    index = {"metadata": {"total_size": sum(sizes)}, "weight_map": {}}
    for number, names in enumerate(shards):
        file = f"model-{number + 1:05}-of-{len(shards):05}.safetensors"
        write_shard(os.path.join(options.out, file), names, shapes, lambda name: values(name, shapes[name], options.seed, known))
        index["weight_map"].update(dict.fromkeys(names, file))
    config = {
        "architectures": ["Qwen2ForCausalLM" if model["family"] == "qwen2" else "LlamaForCausalLM"],
        "model_type": model["family"], "rms_norm_eps": model["norm_eps"], "torch_dtype": "bfloat16",
        "bos_token_id": 0, "eos_token_id": 2,
    }
    for key in ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim",
                "vocab_size", "max_position_embeddings", "rope_theta", "hidden_act", "tie_word_embeddings"):
        config[key] = model[key]
    for name, content in (("model.safetensors.index.json", index), ("config.json", config)):
        with open(os.path.join(options.out, name), "w") as file:
            json.dump(content, file, indent=1)
    print(f"{options.out}: {sum(sizes) / 1e9:.2f} GB in {len(shards)} shards")


if __name__ == "__main__":
    main()
