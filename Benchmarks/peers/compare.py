#!/usr/bin/env python3
"""Decode speed of a bundle beside llama.cpp on the same machine, in turns.

    pip install xllamacpp && python3 compare.py --taper .build/release/taper --bundle model.taper --gguf model-q4_0.gguf

xllamacpp is a wheel of llama.cpp built for AVX2; a natively built llama.cpp is a stronger peer.
"""
import argparse, json, statistics, subprocess


def peer(gguf, threads, new_tokens):
    """One generation in a fresh process, timed by llama.cpp itself: tokens per second of prefill and decode."""
    code = f"""
import json, xllamacpp as x
p = x.CommonParams()
p.model.path = {gguf!r}
p.n_ctx = 1024; p.n_parallel = 1; p.warmup = True; p.verbosity = -1
p.cpuparams.n_threads = {threads}; p.cpuparams_batch.n_threads = {threads}
s = x.Server(p)
prompt = "word " * 256
best = None
for _ in range(2):
    r = s.handle_completions({{"prompt": prompt, "n_predict": {new_tokens}, "temperature": 0, "ignore_eos": True, "cache_prompt": False}})
    r = r if isinstance(r, dict) else json.loads(r)
    t = r["timings"]
    best = (t["prompt_per_second"], t["predicted_per_second"])
print("RESULT", json.dumps(best), flush=True)
import os; os._exit(0)
"""
    import sys
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    line = [l for l in out.stdout.splitlines() if l.startswith("RESULT")]
    if not line:
        raise SystemExit("llama.cpp gave no result:\n" + out.stdout[-500:] + out.stderr[-1500:])
    return json.loads(line[0][7:])


def ours(taper, bundle, threads, new_tokens, bits):
    out = subprocess.run([taper, "bench", bundle, "-p", "256", "-n", str(new_tokens), "-r", "1", "-t", str(threads), "--bits", str(bits), "-o", "json"],
                         capture_output=True, text=True, check=True)
    row = json.loads(out.stdout)["rows"][0]
    return row["prefill_tokens_per_second"][0], row["decode_tokens_per_second"][0]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--taper", default=".build/release/taper")
    p.add_argument("--bundle", required=True)
    p.add_argument("--gguf", required=True)
    p.add_argument("--threads", default="1,2")
    p.add_argument("--bits", default="4,3,2")
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("-n", type=int, default=128)
    a = p.parse_args()
    print("| threads | program | prefill 256 tok/s | decode %d tok/s | decode ratio |\n|---:|---|---:|---:|---:|" % a.n)
    for threads in map(int, a.threads.split(",")):
        theirs, mine = [], {b: [] for b in map(int, a.bits.split(","))}
        for _ in range(a.runs):
            theirs.append(peer(a.gguf, threads, a.n))
            for bits in mine:
                mine[bits].append(ours(a.taper, a.bundle, threads, a.n, bits))
        middle = lambda rows, i: statistics.median(r[i] for r in rows)
        spread = lambda rows, i: f"{middle(rows, i):.0f} ({min(r[i] for r in rows):.0f}-{max(r[i] for r in rows):.0f})"
        print(f"| {threads} | llama.cpp (xllamacpp), {a.gguf.split('/')[-1]} | {spread(theirs, 0)} | {spread(theirs, 1)} | 1 |")
        for bits, rows in mine.items():
            ratio = statistics.median(m[1] / t[1] for m, t in zip(rows, theirs))
            print(f"| {threads} | taper {bits} bits | {spread(rows, 0)} | {spread(rows, 1)} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
