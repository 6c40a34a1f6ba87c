"""Makes the oracles of this folder: checkpoints with random weights, and what other software computes on them.

    python make_oracles.py [--out FOLDER] [--cases FILE] [NAME ...]

Needs transformers 5 and PyTorch (made with 5.24.0 and 2.13.0). A case of CASES is one folder: `config.json` and
`model.safetensors` as transformers writes them, `golden.json` with logits and greedy tokens, `gradients.json` with the loss
and its gradients, all in float32 on the CPU with eager attention and without a key-value cache.

Every norm and bias is random too: one that is left out, or added where none belongs, shows in the logits. The seed is the
first at which the two best logits stay apart wherever a test asks for the best, so that rounding cannot decide.
"""
import argparse
import json
import math
import os
import runpy
import shutil

import numpy
import torch
import transformers
from transformers import AutoModelForCausalLM

from oracle_cases import CASES

transformers.utils.logging.disable_progress_bar()

SMALLEST_GAP = 0.01
GREEDY_TOKENS = 16


def config_of(case):
    """The case's config object; `case` names the class and gives its arguments."""
    values = dict(
        num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, hidden_size=48, intermediate_size=80,
        vocab_size=112, max_position_embeddings=256, bos_token_id=1, eos_token_id=2, pad_token_id=0)
    values.update(case["config"])
    return getattr(transformers, case["class"] + "Config")(**values)


def fill(model, case, seed):
    """Random weights with activations of about one, whatever the sizes."""
    random = numpy.random.RandomState(seed)
    hidden = model.config.hidden_size
    for name, parameter in model.named_parameters():
        shape = tuple(parameter.shape)
        normal = random.standard_normal(shape)
        if "embed_tokens" in name:
            values = normal * case.get("embedding", 2.0) / math.sqrt(hidden)
        elif len(shape) == 2 and "norm" not in name:
            gain = 1.7 if any(part in name for part in ("q_proj", "k_proj", "qkv_proj")) else 1.4
            values = normal * gain / math.sqrt(shape[1])
        elif name.endswith(".bias"):
            values = normal * 0.3
        else:
            # Gemma's norms multiply by one more than their weight.
            values = normal * 0.3 + (0.0 if case["class"].startswith("Gemma") else 1.0)
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(values.astype(numpy.float32)))


def older_spelling(config):
    """`config.json` as transformers 4 wrote it: RoPE's values apart, kinds of layers not listed."""
    config = dict(config)
    rope = config.pop("rope_parameters", None) or {}
    if "full_attention" in rope:
        whole, local = dict(rope["full_attention"]), rope["sliding_attention"]
        config["rope_local_base_freq"] = local["rope_theta"]
    else:
        whole = dict(rope)
    config["rope_theta"] = whole.pop("rope_theta")
    if "partial_rotary_factor" in whole:
        config["partial_rotary_factor"] = whole.pop("partial_rotary_factor")
    config["rope_scaling"] = whole if whole.get("rope_type", "default") != "default" else None
    config.pop("layer_types", None)
    if "_sliding_window_pattern" in config:
        config["sliding_window_pattern"] = config.pop("_sliding_window_pattern")
    config["torch_dtype"] = config.pop("dtype", "float32")
    config["transformers_version"] = "4.55.0"
    return config


def logits_of(model, tokens):
    with torch.no_grad():
        return model(torch.tensor([tokens]), use_cache=False).logits[0]


def gap(row):
    best = torch.topk(row, 2).values
    return float(best[0] - best[1])


def golden(model, tokens):
    """None where rounding could decide between two tokens."""
    logits = logits_of(model, tokens)
    if min(gap(row) for row in logits) < SMALLEST_GAP:
        return None
    prompt = tokens[:len(tokens) * 2 // 3]
    text = list(prompt)
    for _ in range(GREEDY_TOKENS):
        row = logits_of(model, text)[-1]
        if gap(row) < SMALLEST_GAP:
            return None
        text.append(int(row.argmax()))
    count = len(tokens)
    positions = sorted({0, 1, count // 5, count * 2 // 3, count - 1})
    return {
        "source": f"transformers {transformers.__version__}, torch {torch.__version__}, float32 CPU",
        "input_ids": tokens, "logits_shape": list(logits.shape), "logits_positions": positions,
        "logits": [[round(float(value), 6) for value in logits[position]] for position in positions],
        "argmax": [int(row.argmax()) for row in logits], "greedy_prompt": prompt,
        "greedy_continuation": text[len(prompt):]}


def gradients(model, tokens):
    model.zero_grad()
    logits = model(torch.tensor([tokens]), use_cache=False).logits[0]
    loss = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(tokens[1:]))
    loss.backward()
    found = {}
    for name, parameter in model.named_parameters():
        flat = parameter.grad.double().flatten()
        places = [0, len(flat) // 3, len(flat) - 1]
        found[name] = {
            "l2": float(flat.norm()), "sum": float(flat.sum()), "at": places,
            "values": [float(flat[place]) for place in places]}
    return {
        "source": f"torch {torch.__version__}, float32 CPU", "input_ids": tokens,
        "cross_entropy": {
            "what": "mean over positions 0..n-2 of -log p(next token)", "value": float(loss.detach()),
            "gradients": found}}


def write(path, value):
    with open(path, "w") as file:
        json.dump(value, file)
        file.write("\n")


def make(name, case, folder):
    """Writes one oracle; what is computed is computed on what was written and read back."""
    os.makedirs(folder, exist_ok=True)
    config = config_of(case)
    config._attn_implementation = "eager"
    for seed in range(1, 200):
        model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
        fill(model, case, seed)
        model.save_pretrained(folder)
        path = os.path.join(folder, "config.json")
        with open(path) as file:
            written = json.load(file)
        if case.get("older"):
            written = older_spelling(written)
        for key in case.get("without", []):
            written.pop(key, None)
        with open(path, "w") as file:
            json.dump(written, file, indent=2)
            file.write("\n")
        model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
        tokens = numpy.random.RandomState(1000 + seed).randint(3, config.vocab_size, case.get("length", 48)).tolist()
        result = golden(model, tokens)
        if result is None:
            continue
        write(os.path.join(folder, "golden.json"), result)
        write(os.path.join(folder, "gradients.json"), gradients(model, tokens))
        size = sum(entry.stat().st_size for entry in os.scandir(folder))
        print(f"{name}: seed {seed}, {size // 1024} KiB")
        return
    shutil.rmtree(folder)
    raise SystemExit(f"{name}: no seed keeps the two best logits apart")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default=os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument("--cases", help="a Python file with a table CASES of its own")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cases = runpy.run_path(arguments.cases)["CASES"] if arguments.cases else CASES
    for name in arguments.names or cases:
        make(name, cases[name], os.path.join(arguments.out, name))


if __name__ == "__main__":
    main()
