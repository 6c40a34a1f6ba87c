#!/usr/bin/env python3
"""Simulates what Chen et al. (arXiv 2410.13461) report of their accelerator, and prints the rows as JSON.

    Scripts/simulate-paper.py paper|boards TAPER

paper: the paper's four models with its precisions and average bits, on the edge NPU of 2 TOPS.
boards: models of three sizes on every description in samples/hardware.
"""

import json
import math
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROMPT, STEPS = 512, 256
# Model, high and low precision, and for each task the average bits of the static and the learned scheduler.
MODELS = [
    ("vicuna-7b", 3, 2, [("CNN/DM", 2.39, 2.43), ("DialogSum", 2.0, 2.74), ("IWSLT", 2.68, 2.37)]),
    ("mobilellama-1.4b", 4, 3, [("CNN/DM", 3.37, 3.19), ("DialogSum", 3.0, 3.21), ("IWSLT", 3.65, 3.48)]),
    ("phi-1.5", 4, 3, [("CNN/DM", 3.71, 3.09), ("DialogSum", 3.30, 3.52)]),
    ("zephyr-3b", 4, 3, [("IWSLT", 3.0, 3.34)]),
]
BOARDS = ["smollm2-135m", "qwen2.5-coder-1.5b", "vicuna-7b"]
SCHEDULE = f"4@0,3@{STEPS // 3},2@{STEPS * 2 // 3}"


def simulate(taper, shape, hardware, options, prompt=PROMPT, steps=STEPS):
    """Rows of one simulation, after those of the two baselines."""
    command = [taper, "simulate", str(shape), "--hardware", str(ROOT / f"samples/hardware/{hardware}.json"), "--quiet",
               "-p", str(prompt), "-n", str(steps), "--json", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    output = json.loads(done.stdout)
    return output["hardware"], output["rows"]


def shape_of(name):
    return ROOT / f"samples/shapes/{name}.json"


def shares(mean):
    """Shares of no, a third, two thirds and all steps with this mean, and otherwise as even as can be (greatest entropy)."""
    low, high = -60.0, 60.0
    for _ in range(200):
        middle = (low + high) / 2
        weights = [math.exp(middle * k / 3 - max(0, middle)) for k in range(4)]
        found = sum(k / 3 * w for k, w in enumerate(weights)) / sum(weights)
        low, high = (middle, high) if found < mean else (low, middle)
    return [w / sum(weights) for w in weights]


def schedules(high, low, tasks):
    options = ["--bits-prefill", str(high)]
    for _, static, learned in tasks:
        switch = round(STEPS * (static - low) / (high - low))
        options += ["--schedule", f"{high}@0,{low}@{switch}" if switch else f"{low}@0"]
    for _, static, learned in tasks:
        text = ",".join(f"{share:.9f}" for share in shares((learned - low) / (high - low)))
        options += ["--learned", f"{high},{low}:{text}"]
    return options


def blocks_alone(name, folder):
    """The same model with hardly a head: what is left are the linear layers of its blocks."""
    document = json.loads(shape_of(name).read_text(encoding="utf-8"))
    document["model"].update(vocab_size=8, bos_token_id=None, eos_token_id=[])
    path = pathlib.Path(folder) / f"{name}.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def paper(taper):
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, high, low, tasks in MODELS:
            options = schedules(high, low, tasks)
            _, whole = simulate(taper, shape_of(name), "edge-npu-2tops", options)
            _, bare = simulate(taper, blocks_alone(name, folder), "edge-npu-2tops", options, prompt=1)
            labels = [f"Baseline-H: {high} bits"] + [f"static, {task[0]}" for task in tasks] + [
                f"learned, {task[0]}" for task in tasks]
            for label, row, alone in zip(labels, whole[1:], bare[1:], strict=True):
                rows.append({
                    "model": name, "schedule": label, "average_bits": row["average_bits"],
                    "speedup_over_16_bits": row["speedup_over_16_bits"],
                    "speedup_over_baseline_h": row["speedup_over_baseline_h"],
                    "blocks_alone": alone["speedup_over_16_bits"], "ms_per_token": row["seconds_per_token"] * 1e3,
                    "mj_per_token": row["joules_per_token"] * 1e3, "table_share": row["table_share"] * 100,
                    "channel_share": row["channel_share"] * 100})
    return rows


def boards(taper):
    rows = []
    for path in sorted((ROOT / "samples/hardware").glob("*.json")):
        for name in BOARDS:
            hardware, found = simulate(taper, shape_of(name), path.stem, ["--bits", "2,4", "--schedule", SCHEDULE])
            half, _, four, two, falling = found
            rows.append({
                "hardware": hardware, "model": name, "ms_16_bits": half["seconds_per_token"] * 1e3,
                "ms_4_bits": four["seconds_per_token"] * 1e3, "ms_2_bits": two["seconds_per_token"] * 1e3,
                "ms_falling": falling["seconds_per_token"] * 1e3,
                "speedup_4_bits": four["speedup_over_16_bits"], "speedup_2_bits": two["speedup_over_16_bits"],
                "speedup_falling": falling["speedup_over_16_bits"],
                "mj_falling": falling["joules_per_token"] * 1e3,
                "switch_us": falling["switch_seconds"] * 1e6, "bound_16_bits": half["bound"], "bound_2_bits": two["bound"]})
    return rows


def main(arguments):
    if len(arguments) != 2 or arguments[0] not in ("paper", "boards"):
        print(__doc__, file=sys.stderr)
        return 64
    rows = (paper if arguments[0] == "paper" else boards)(arguments[1])
    print(json.dumps({"schema": "taper-simulations-1", "prompt_tokens": PROMPT, "new_tokens": STEPS, "rows": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
