#!/usr/bin/env python3
"""Constant precisions, drafts and precision by need in turns, on the same prompts: speed, bits and bytes of each.

    Benchmarks/adaptive.py model.taper --bits 4,3,2 [--adaptive more.taper,...] [--draft 4:2] [--runner build/taper-run]
        [--tokens 128] [--prompts FILE] [--count 8] [--rounds 3] [--threads 2]

The bundle holds a rule (`taper calibrate --adaptive`), and so do those of --adaptive, which differ from it by nothing else.
PROMPTS is a task file (JSONL with "prompt"), read at the first of the bits. Prints JSON for `Scripts/record-run.py`.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run(arguments, bundle, prompt, options):
    command = [
        arguments.runner, "-m", bundle, "-p", prompt, "-n", str(arguments.tokens), "-t", str(arguments.threads),
        "--bits-prefill", arguments.bits.split(",")[0], "--json", "--quiet", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--bits", default="4,3,2")
    parser.add_argument("--adaptive", default="")
    parser.add_argument("--draft", default="")
    parser.add_argument("--runner", default=str(ROOT / "build/taper-run"))
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--prompts", default=str(ROOT / "samples/tasks/code.jsonl"))
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    lines = pathlib.Path(arguments.prompts).read_text().splitlines()[: arguments.count]
    prompts = [json.loads(line)["prompt"] for line in lines]
    ways = {f"{bits} bits": (arguments.model, ["--bits", bits]) for bits in arguments.bits.split(",")}
    for pair in filter(None, arguments.draft.split(",")):
        bits, draft = pair.split(":")
        ways[f"{bits} bits, drafted at {draft}"] = (arguments.model, ["--bits", bits, "--draft-bits", draft])
    for bundle in [arguments.model, *filter(None, arguments.adaptive.split(","))]:
        ways["by need, " + pathlib.Path(bundle).stem] = (bundle, ["--schedule", "adaptive"])
    found = {way: {"seconds": [[] for _ in prompts], "steps": 0, "bits": 0.0, "bytes": 0.0, "looks": 0} for way in ways}
    for turn in range(arguments.rounds):
        for index, prompt in enumerate(prompts):
            # In another order every turn.
            order = list(ways)[turn % len(ways):] + list(ways)[: turn % len(ways)]
            for way in order:
                bundle, options = ways[way]
                report, own = run(arguments, bundle, prompt, options), found[way]
                steps = len(report["bits_per_step"])
                own["seconds"][index].append(report["decode_seconds"])
                if turn == 0:
                    own["steps"] += steps
                    own["bits"] += report["average_bits"] * steps
                    own["bytes"] += report["bytes_per_token"] * steps
                    own["looks"] += (report["adaptive"] or {}).get("looks", 0)
    rows = []
    for way, own in found.items():
        seconds = sum(statistics.median(times) for times in own["seconds"])
        rows.append({
            "way": way, "tokens_per_second": round(own["steps"] / seconds, 1), "tokens": own["steps"],
            "average_bits": round(own["bits"] / own["steps"], 2), "mb_per_token": round(own["bytes"] / own["steps"] / 1e6, 1),
            "looks_per_token": round(own["looks"] / own["steps"], 3) if own["looks"] else None})
    for row in rows:
        row["ratio"] = round(row["tokens_per_second"] / rows[0]["tokens_per_second"], 2)
    print(json.dumps({"threads": arguments.threads, "prompts": len(prompts), "rounds": arguments.rounds, "rows": rows}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
