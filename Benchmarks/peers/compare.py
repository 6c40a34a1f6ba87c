#!/usr/bin/env python3
"""Speed of a bundle beside llama.cpp, natively built, on the same machine: both programs in turns.

    Benchmarks/peers/build_llama.sh build/peer
    python3 Benchmarks/peers/compare.py --llama-bench build/peer/build/bin/llama-bench --bundle model.taper --pair 4=model-q4_0.gguf

A pair sets one of our precisions beside one of their files; the ratio is the median over rounds of ours to theirs in the
same round.
"""
import argparse, json, statistics, subprocess


def run(command):
    out = subprocess.run(command, capture_output=True, text=True)
    if out.returncode:
        raise SystemExit(" ".join(command) + "\n" + out.stderr[-2000:])
    return json.loads(out.stdout)


def theirs(bench, gguf, threads, p, n):
    rows = run([bench, "-m", gguf, "-t", str(threads), "-p", str(p), "-n", str(n), "-r", "2", "-o", "json"])
    return tuple(max(next(r for r in rows if r[key] > 0)["samples_ts"]) for key in ("n_prompt", "n_gen"))


def ours(taper, bundle, threads, p, n, bits):
    rows = run([taper, "bench", bundle, "-p", str(p), "-n", str(n), "-r", "2", "-t", str(threads), "--bits", bits, "-o", "json"])["rows"]
    return max(rows[0]["prefill_tokens_per_second"]), max(rows[0]["decode_tokens_per_second"]), max(rows[0]["read_bytes_per_second"]) / 1e9


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--taper", default=".build/release/taper")
    p.add_argument("--llama-bench", required=True)
    p.add_argument("--bundle", required=True)
    p.add_argument("--pair", action="append", required=True, help="BITS=FILE.gguf")
    p.add_argument("--threads", default="1,2")
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("-p", type=int, default=512)
    p.add_argument("-n", type=int, default=128)
    a = p.parse_args()
    print(f"| threads | taper | llama.cpp | prefill {a.p} tok/s, taper | llama.cpp | ratio | decode {a.n} tok/s, taper | llama.cpp | ratio | read GB/s |")
    print("|---:|---|---|---:|---:|---:|---:|---:|---:|---:|")
    for threads in map(int, a.threads.split(",")):
        rounds = {pair: [] for pair in a.pair}
        for _ in range(a.runs):
            for pair in a.pair:
                bits, gguf = pair.split("=", 1)
                rounds[pair].append((theirs(a.llama_bench, gguf, threads, a.p, a.n), ours(a.taper, a.bundle, threads, a.p, a.n, bits)))
        for pair, rows in rounds.items():
            bits, gguf = pair.split("=", 1)

            def cell(side, i):
                values = [r[side][i] for r in rows]
                return f"{statistics.median(values):.1f} ({min(values):.1f}-{max(values):.1f})"

            ratio = lambda i: f"{statistics.median(r[1][i] / r[0][i] for r in rows):.2f}"
            print(f"| {threads} | {bits} bits | {gguf.split('/')[-1]} | {cell(1, 0)} | {cell(0, 0)} | {ratio(0)} | "
                  f"{cell(1, 1)} | {cell(0, 1)} | {ratio(1)} | {cell(1, 2)} |", flush=True)


if __name__ == "__main__":
    main()
