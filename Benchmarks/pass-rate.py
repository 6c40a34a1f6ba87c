#!/usr/bin/env python3
"""Share of code problems whose tests the answers pass, by precision or schedule, and what the answers read.

    Benchmarks/pass-rate.py --data humaneval.test.jsonl WAY ... [--taper PATH] [-t 2] [--places 16] [--limit 320]
        [--samples 1] [--temp 0] [--prefill 4]

WAY is NAME=BUNDLE,PRECISION: "3 bits=model.taper,3", or "need=model.taper,adaptive". Answers come from `taper serve`, several at
once, each as it is alone; `taper eval code` runs them, confined. The first way is what others are compared with: differences
are paired by problem, intervals are a bootstrap's. Prints JSON for `Scripts/record-run.py`.
"""
import argparse
import concurrent.futures
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent


def ask(address, body):
    request = urllib.request.Request(
        address + "/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def answers(arguments, problems, bundle, precision):
    """Completions of every problem, and their bits and tokens."""
    command = [arguments.taper, "serve", bundle, "--port", "0", "-np", str(arguments.places), "-t", str(arguments.threads)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        for line in server.stdout:
            found = re.search(r"http://[^\s/]+", line)
            if found:
                break
        else:
            sys.exit(f"{' '.join(command)} does not serve")
        wanted = {"schedule": precision} if not re.fullmatch(r"[\d.]+", precision) else {"bits": float(precision)}
        bodies = [{
            "messages": problem["messages"], "max_tokens": arguments.limit, "temperature": arguments.temp, "top_p": 0.95,
            "top_k": 0, "min_p": 0, "seed": 1000 * index + sample,
            "precision": {**wanted, "prefill_bits": arguments.prefill},
        } for index, problem in enumerate(problems) for sample in range(arguments.samples)]
        with concurrent.futures.ThreadPoolExecutor(arguments.places) as pool:
            replies = list(pool.map(lambda body: ask(found.group(0), body), bodies))
    finally:
        server.terminate()
        server.wait(30)
    usage = [reply["usage"] for reply in replies]
    return (
        [reply["choices"][0]["message"]["content"] for reply in replies],
        [(one["completion_tokens"], one["taper"]["average_bits"], one["taper"]["bytes_per_token"]) for one in usage])


def passed(arguments, problems, texts):
    """By problem: share of its samples that pass."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        for index, text in enumerate(texts):
            task = problems[index // arguments.samples]["task_id"]
            file.write(json.dumps({"task_id": task, "completion": text}) + "\n")
        file.flush()
        command = [arguments.taper, "eval", "code", file.name, "--data", arguments.data, "--run-code", "--json", "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    rows = {one["task_id"]: one["outcomes"] for one in json.loads(done.stdout)["problems"]}
    return [
        sum(outcome == "passed" for outcome in rows[problem["task_id"]]) / arguments.samples for problem in problems]


def interval(values, draws=2000):
    generator, count = random.Random(7), len(values)
    means = sorted(sum(generator.choices(values, k=count)) / count for _ in range(draws))
    return [round(100 * means[int(draws * share)], 1) for share in (0.025, 0.975)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ways", nargs="+")
    parser.add_argument("--data", required=True)
    parser.add_argument("--taper", default=str(ROOT / ".build/release/taper"))
    parser.add_argument("-t", "--threads", type=int, default=2)
    parser.add_argument("--places", type=int, default=16)
    parser.add_argument("--limit", type=int, default=320)
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--temp", type=float, default=0)
    parser.add_argument("--prefill", type=float, default=4)
    arguments = parser.parse_args()
    problems = [json.loads(line) for line in pathlib.Path(arguments.data).read_text().splitlines()]
    rows, first = [], None
    for way in arguments.ways:
        name, _, what = way.partition("=")
        bundle, _, precision = what.rpartition(",")
        texts, costs = answers(arguments, problems, bundle, precision)
        shares = passed(arguments, problems, texts)
        first = first or shares
        tokens = sum(count for count, _, _ in costs)
        rows.append({
            "way": name, "pass_at_1": round(100 * sum(shares) / len(shares), 1), "interval": interval(shares),
            "difference": interval([a - b for a, b in zip(shares, first)]),
            "tokens": round(tokens / len(costs), 1),
            "average_bits": round(sum(count * bits for count, bits, _ in costs) / tokens, 2),
            "mb_per_token": round(sum(count * read for count, _, read in costs) / tokens / 1e6, 1),
            "mb_per_right_answer": round(
                sum(count * read for count, _, read in costs) / arguments.samples / 1e6 / sum(shares)) if sum(shares) else None})
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    print(json.dumps({"problems": len(problems), "samples": arguments.samples, "temperature": arguments.temp, "rows": rows}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
