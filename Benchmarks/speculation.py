#!/usr/bin/env python3
"""Plain steps and drafted ones in turns, on the same prompts: ratio of their speeds, and whether they wrote the same.

    Benchmarks/speculation.py model.taper --bits 8 --draft 2,3,4 [--runner build/taper-run] [--tokens 128] [--prompts FILE]
        [--count 8] [--rounds 3] [--threads 2] [--temp 0]

PROMPTS is a task file (JSONL with "prompt"). Prints JSON for `Scripts/record-run.py`. Ends with 1 where a text differs.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run(arguments, prompt, options):
    command = [
        arguments.runner, "-m", arguments.model, "-p", prompt, "-n", str(arguments.tokens), "-t", str(arguments.threads),
        "--bits", arguments.bits, "--temp", str(arguments.temp), "--json", "--quiet", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--bits", default="8")
    parser.add_argument("--draft", default="3")
    parser.add_argument("--runner", default=str(ROOT / "build/taper-run"))
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--prompts", default=str(ROOT / "samples/tasks/general.jsonl"))
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--temp", type=float, default=0)
    arguments = parser.parse_args()
    lines = pathlib.Path(arguments.prompts).read_text().splitlines()[: arguments.count]
    prompts = [json.loads(line)["prompt"] for line in lines]
    drafts = arguments.draft.split(",")
    ways = {"plain": []} | {bits: ["--draft-bits", bits] for bits in drafts}
    seconds = {way: [[] for _ in prompts] for way in ways}
    counts = {way: {"drafted": 0, "repeated": 0, "accepted": 0, "verifications": 0} for way in ways}
    steps = [0] * len(prompts)
    different = 0
    for turn in range(arguments.rounds):
        for index, prompt in enumerate(prompts):
            tokens = None
            # In another order every turn.
            order = list(ways)[turn % len(ways):] + list(ways)[: turn % len(ways)]
            for way in order:
                report = run(arguments, prompt, ways[way])
                seconds[way][index].append(report["decode_seconds"])
                steps[index] = len(report["bits_per_step"])
                if tokens is None:
                    tokens = report["tokens"]
                different += tokens != report["tokens"]
                if turn == 0 and report["draft"]:
                    for key in counts[way]:
                        counts[way][key] += report["draft"][key]
    plain = [statistics.median(times) for times in seconds["plain"]]
    rows = []
    for way in ways:
        own = [statistics.median(times) for times in seconds[way]]
        ratios = sorted(a / b for a, b in zip(plain, own))
        drafted = counts[way]["drafted"] + counts[way]["repeated"]
        rows.append({
            "draft_bits": way, "tokens_per_second": round(sum(steps) / sum(own), 1), "ratio": round(sum(plain) / sum(own), 2),
            "least_ratio": round(ratios[0], 2), "most_ratio": round(ratios[-1], 2),
            "accepted": round(counts[way]["accepted"] / drafted, 3) if drafted else None,
            "tokens_per_verification": round(1 + counts[way]["accepted"] / counts[way]["verifications"], 2)
            if counts[way]["verifications"] else None})
    print(json.dumps({
        "bits": arguments.bits, "threads": arguments.threads, "temperature": arguments.temp, "prompts": len(prompts),
        "tokens": sum(steps), "different": different, "rows": rows}, indent=1))
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
