#!/usr/bin/env python3
"""Tokens per second of `taper serve` by streams and precisions, beside `taper-run` and llama.cpp's server, in turns.

    Benchmarks/serve.py BUNDLE --gguf MODEL.gguf [--taper PATH] [--runner PATH] [-t 2] [-r 5] [-n 128] [--bits 4] [--mixed 2,4,6]

Prints JSON for Scripts/record-run.py. Both servers get the same prompts through /v1/completions, as tokens of the bundle's
tokenizer, ignore the end of text, and write as many tokens; every figure is the list of all rounds, between which the
programs take turns, because machines drift. llama.cpp comes from PyPI (`pip install xllamacpp`); without --gguf it is left out.
"""

import argparse
import asyncio
import contextlib
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time
import urllib.request

PROMPT = "Regular exercise is good for you, because"

# Runs llama.cpp's server in a process of its own, until standard input closes.
PEER = """
import sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.n_parallel = int(sys.argv[2])
params.n_ctx = int(sys.argv[3]) * params.n_parallel
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(sys.argv[4])
params.port = 0
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


class BenchmarkError(Exception):
    """What keeps a figure from being one."""


class Program:
    """A server in a process, and where it listens."""

    def __init__(self, command, pattern, stream):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE if stream == "stdout" else subprocess.DEVNULL,
            stderr=subprocess.PIPE if stream == "stderr" else subprocess.DEVNULL, text=True)
        lines = []
        for line in getattr(self.process, stream):
            lines.append(line)
            found = re.search(pattern, line)
            if found:
                self.address = found.group(0)
                return
        raise BenchmarkError(" ".join(command[:3]) + " does not serve: " + "".join(lines[-5:]))

    def close(self):
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait(20)


def post(address, path, body):
    request = urllib.request.Request(
        address + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


async def stream(address, body):
    """Seconds to the first token and to the last, and how many tokens there were."""
    host, port = address.removeprefix("http://").split(":")
    start = time.monotonic()
    reader, writer = await asyncio.open_connection(host, int(port))
    data = json.dumps(body).encode()
    writer.write(
        f"POST /v1/completions HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode() + data)
    first, count = None, 0
    async for line in reader:
        if line.startswith(b"HTTP/1.1") and b" 200 " not in line:
            raise BenchmarkError((line + await reader.read(2000)).decode())
        if line.startswith(b"data: [DONE]"):
            break
        if not line.startswith(b"data: "):
            continue
        event = json.loads(line[6:])
        if event.get("usage"):
            count = event["usage"]["completion_tokens"]
        if event.get("choices") and first is None:
            first = time.monotonic() - start
    end = time.monotonic() - start
    writer.close()
    return first, end, count


async def together(address, bodies):
    start = time.monotonic()
    results = await asyncio.gather(*(stream(address, body) for body in bodies))
    seconds = time.monotonic() - start
    for _, _, count in results:
        if count != bodies[0]["max_tokens"]:
            raise BenchmarkError(f"an answer has {count} tokens, not {bodies[0]['max_tokens']}")
    return {
        "tokens_per_second": sum(count for _, _, count in results) / seconds,
        "first_token_ms": 1000 * statistics.mean(first for first, _, _ in results),
    }


class Measurement:
    def __init__(self, options):
        self.options = options
        self.rows = {}

    def add(self, program, bits, streams, figures):
        key = (program, bits, streams)
        row = self.rows.setdefault(key, {"program": program, "bits": bits, "streams": streams})
        for name, value in figures.items():
            row.setdefault(name, []).append(round(value, 2))

    def bodies(self, streams, precisions, tokens):
        bodies = []
        for index in range(streams):
            body = {
                "prompt": tokens, "max_tokens": self.options.n, "temperature": 0, "stream": True,
                "stream_options": {"include_usage": True}, "ignore_eos": True,
            }
            if precisions:
                body["precision"] = {"bits": precisions[index % len(precisions)]}
            else:
                body["cache_prompt"] = False
            bodies.append(body)
        return bodies

    def runner(self, prompt):
        options = self.options
        done = subprocess.run(
            [options.runner, "-m", options.bundle, "-p", prompt, "-no-cnv", "-n", str(options.n), "--ignore-eos",
             "--bits", str(options.bits), "-t", str(options.t), "--json", "-q"],
            capture_output=True, text=True, check=True)
        report = json.loads(done.stdout)
        seconds = report["prefill_seconds"] + report["decode_seconds"]
        self.add("taper-run", str(options.bits), 1, {
            "tokens_per_second": len(report["tokens"]) / seconds, "first_token_ms": 1000 * report["prefill_seconds"]})

    def run(self):
        options = self.options
        with contextlib.ExitStack() as stack:
            taper = Program(
                [options.taper, "serve", options.bundle, "--port", "0", "-np", "8", "-t", str(options.t), "-c", "1024"],
                r"http://\S+:\d+", "stderr")
            stack.callback(taper.close)
            peer = None
            if options.gguf:
                peer = Program(
                    [sys.executable, "-c", PEER, options.gguf, "8", "1024", str(options.t)], r"http://\S+:\d+", "stdout")
                stack.callback(peer.close)
            tokens = post(taper.address, "/tokenize", {"content": PROMPT, "add_special": True})["tokens"]
            mixed = [float(bits) for bits in options.mixed.split(",")]
            for number in range(options.r + 1):
                for streams in (1, 8):
                    one = [options.bits]
                    turns = [("taper serve", str(options.bits), taper, self.bodies(streams, one, tokens))]
                    if streams > 1:
                        turns.append(("taper serve", options.mixed, taper, self.bodies(streams, mixed, tokens)))
                    if peer:
                        name = pathlib.Path(options.gguf).stem
                        turns.append(("llama.cpp server", name, peer, self.bodies(streams, None, tokens)))
                    for program, bits, server, bodies in turns:
                        figures = asyncio.run(together(server.address, bodies))
                        print(f"round {number}: {program}, {bits}, {streams}: {figures}", file=sys.stderr)
                        # The first round reads the weights from the disk.
                        if number:
                            self.add(program, bits, streams, figures)
                if number and options.runner:
                    self.runner(PROMPT)
        for row in self.rows.values():
            row["median_tokens_per_second"] = round(statistics.median(row["tokens_per_second"]), 1)
        return list(self.rows.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    parser.add_argument("--gguf", help="the same model for llama.cpp")
    parser.add_argument("--taper", default=".build/release/taper")
    parser.add_argument("--runner", default="build/taper-run")
    parser.add_argument("-t", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("-r", type=int, default=5, help="rounds")
    parser.add_argument("-n", type=int, default=128, help="new tokens of an answer")
    parser.add_argument("--bits", type=float, default=4)
    parser.add_argument("--mixed", default="2,4,6", help="precisions of streams that differ")
    options = parser.parse_args()
    options.bits = int(options.bits) if options.bits == int(options.bits) else options.bits
    try:
        rows = Measurement(options).run()
    except (BenchmarkError, OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"error: {error}")
    print(json.dumps({
        "schema": "taper-serve-benchmark-1", "prompt": PROMPT, "new_tokens": options.n, "threads": options.t,
        "rounds": options.r, "rows": rows,
    }, indent=1))


if __name__ == "__main__":
    main()
