#!/usr/bin/env python3
"""Time, memory and disk of conversions by size of the model, as JSON that Scripts/record-run.py records.

    Benchmarks/conversions.py [--taper taper] [--effort fast,default] [--shape 1.1b,7b] [--measure] [NAME=CHECKPOINT...]

Every checkpoint and shape is estimated with `taper convert --dry-run`; with --measure the checkpoints are converted, too, one
after the other in an empty store. A shape is a LLaMA checkpoint of that size whose weights are holes in a file: it takes no
disk, and only estimates make sense of it.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Scripts"))
import checkpoints

# hidden size, layers, heads, key-value heads, intermediate size, vocabulary, head tied to the embedding
SHAPES = {
    "135m": (576, 30, 9, 3, 1536, 49152, True),
    "360m": (960, 32, 15, 5, 2560, 49152, True),
    "1.1b": (2048, 22, 32, 4, 5632, 32000, False),
    "1.7b": (2048, 24, 32, 32, 8192, 49152, True),
    "3b": (2560, 32, 32, 32, 6912, 50304, False),
    "7b": (4096, 32, 32, 32, 11008, 32000, False),
    "13b": (5120, 40, 40, 40, 13824, 32000, False),
}


def make_shape(folder, shape):
    """A checkpoint of this shape: a header, and holes where weights would be."""
    hidden, layers, heads, kv_heads, inner, vocabulary, tied = shape
    folder.mkdir()
    header, byte_count = checkpoints.header(dict(checkpoints.tensors({
        "hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": kv_heads,
        "head_dim": hidden // heads, "intermediate_size": inner, "vocab_size": vocabulary, "tie_word_embeddings": tied,
        "qkv_bias": False,
    })))
    with open(folder / "model.safetensors", "wb") as file:
        file.write(header)
        file.truncate(len(header) + byte_count)
    config = json.loads((ROOT / "samples/tiny/config.json").read_text())
    config.update({
        "hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": kv_heads,
        "head_dim": hidden // heads, "intermediate_size": inner, "vocab_size": vocabulary, "tie_word_embeddings": tied,
        "max_position_embeddings": 2048,
    })
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        shutil.copy(ROOT / "samples/tiny" / name, folder)


def run(arguments, work):
    done = subprocess.run(
        [*arguments, "--json", "--quiet", "--force", "--work", str(work)], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"error: {' '.join(map(str, arguments))} ended with {done.returncode}")
    return json.loads(done.stdout)


def row(taper, name, path, effort, folder, measures):
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    command = [taper, "convert", path, "-o", folder / "model.taper", "--effort", effort]
    plan = run([*command, "--dry-run"], work)
    found = {
        "model": name, "million_weights": round((plan["linear_weights"] + plan["other_weights"]) / 1e6, 1), "effort": effort,
        "estimated_seconds": plan["seconds"], "estimated_memory_bytes": plan["memory_bytes"],
        "estimated_disk_bytes": plan["work_bytes"] + plan["estimated_bytes"], "left_out": ", ".join(text.partition(" is left out")[0] for text in plan["left_out"]) or None,
        "seconds": None, "peak_resident_bytes": None, "bundle_bytes": None,
    }
    if measures:
        done = run(command, work)
        found.update({
            "seconds": round(done["seconds"], 1), "peak_resident_bytes": done["peak_resident_bytes"],
            "bundle_bytes": done["bytes"],
        })
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="*", metavar="NAME=CHECKPOINT")
    parser.add_argument("--taper", default="taper", help="the program to ask")
    parser.add_argument("--effort", default="fast,default")
    parser.add_argument("--shape", default="", help=f"of {', '.join(SHAPES)}")
    parser.add_argument("--measure", action="store_true", help="convert the checkpoints as well")
    options = parser.parse_args()
    shapes = [name for name in options.shape.split(",") if name]
    for name in shapes:
        if name not in SHAPES:
            parser.error(f"no shape \"{name}\"; there are {', '.join(SHAPES)}")
    pairs = [text.partition("=") for text in options.checkpoints]
    if any(not path for _, _, path in pairs):
        parser.error("a checkpoint is NAME=PATH")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name, _, path in pairs:
            rows += [row(options.taper, name, path, effort, folder, options.measure) for effort in options.effort.split(",")]
        for name in shapes:
            make_shape(folder / name, SHAPES[name])
            title = f"shape of {name[:-1]} {'million' if name[-1] == 'm' else 'billion'}"
            rows += [row(options.taper, title, folder / name, effort, folder, False) for effort in options.effort.split(",")]
            shutil.rmtree(folder / name)
    print(json.dumps({"schema": "taper-conversions-1", "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
