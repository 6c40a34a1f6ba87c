#!/usr/bin/env python3
"""Speed of bundles beside llama.cpp, natively built, on the same machine: both programs in turns.

    Benchmarks/peers/build_llama.sh build/peer
    Benchmarks/peers/compare.py --llama-bench build/peer/build/bin/llama-bench --pair "SmolLM2-135M: model.taper 4 model-q4_0.gguf"

A pair sets one of our precisions beside one of their files. Tokens are written after the prompt, so a long one costs both sides its
attention. Ratios are the median over rounds of ours to theirs in the same round. Prints JSON, which Scripts/record-run.py keeps.
"""
import argparse
import json
import re
import statistics
import subprocess
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    model: str
    bundle: str
    bits: str
    file: str

    @classmethod
    def parsed(cls, text):
        found = re.fullmatch(r"(.+): +(\S+) +([\d.]+) +(\S+\.gguf)", text)
        if not found:
            raise argparse.ArgumentTypeError(f"{text!r} is not \"NAME: BUNDLE BITS FILE.gguf\"")
        return cls(*found.groups())

    @property
    def kind(self):
        """The quantization that the file's name ends in."""
        return re.split(r"[-.]", self.file.split("/")[-1].removesuffix(".gguf"))[-1].upper()


def run(command):
    out = subprocess.run(command, capture_output=True, text=True, check=False)
    if out.returncode:
        sys.exit(" ".join(command) + f"\nended with status {out.returncode}\n" + out.stderr[-2000:])
    return json.loads(out.stdout)


def theirs(args, pair, threads, prompt):
    """Tokens a second of the prompt, and of new ones after it."""
    common = [args.llama_bench, "-m", pair.file, "-t", str(threads), "-r", "1", "-o", "json"]
    read = run([*common, "-p", str(prompt), "-n", "0"])
    written = run([*common, "-p", "0", "-n", str(args.new_tokens), "-d", str(prompt)])
    return tuple(next(row["samples_ts"][0] for row in rows if row[key] > 0) for rows, key in ((read, "n_prompt"), (written, "n_gen")))


def ours(args, pair, threads, prompt):
    """The same, and the bytes a second that a loop gets which only reads."""
    row = run([args.taper, "bench", pair.bundle, "-p", str(prompt), "-n", str(args.new_tokens), "-d", str(prompt), "-r", "1",
               "-t", str(threads), "--bits", pair.bits, "-o", "json"])["rows"][0]
    return row["prefill_tokens_per_second"][0], row["decode_tokens_per_second"][0], row["read_bytes_per_second"][0] / 1e9


def spread(values):
    return [round(statistics.median(values), 1), round(min(values), 1), round(max(values), 1)]


def figures(pair, threads, prompt, new_tokens, rounds):
    """A row of the report, of rounds of (theirs, ours)."""
    column = lambda side, i: [r[side][i] for r in rounds]
    ratio = lambda i: round(statistics.median(r[1][i] / r[0][i] for r in rounds), 2)
    return {
        "model": pair.model, "tokens": f"{prompt} + {new_tokens}", "threads": threads, "taper": f"{pair.bits} bits", "peer": pair.kind,
        "prefill_taper": spread(column(1, 0)), "prefill_peer": spread(column(0, 0)), "prefill_ratio": ratio(0),
        "decode_taper": spread(column(1, 1)), "decode_peer": spread(column(0, 1)), "decode_ratio": ratio(1),
        "read_gb_s": spread(column(1, 2)),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--taper", default=".build/release/taper")
    parser.add_argument("--llama-bench", required=True)
    parser.add_argument("--pair", action="append", required=True, type=Pair.parsed, help="NAME: BUNDLE BITS FILE.gguf; repeat for more")
    parser.add_argument("-t", "--threads", default="1,2")
    parser.add_argument("-r", "--rounds", type=int, default=5)
    parser.add_argument("-p", "--prompts", default="512", help="tokens of the prompts, such as 512,4000")
    parser.add_argument("-n", "--new-tokens", type=int, default=64)
    args = parser.parse_args()
    rows = []
    for prompt in map(int, args.prompts.split(",")):
        for threads in map(int, args.threads.split(",")):
            rounds = [(pair, []) for pair in args.pair]
            for number in range(args.rounds):
                for pair, measured in rounds:
                    print(f"{prompt} tokens, {threads} threads, round {number + 1} of {args.rounds}: {pair.model}, {pair.bits} bits", file=sys.stderr)
                    measured.append((theirs(args, pair, threads, prompt), ours(args, pair, threads, prompt)))
            rows += [figures(pair, threads, prompt, args.new_tokens, measured) for pair, measured in rounds]
    json.dump({"rows": rows}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
