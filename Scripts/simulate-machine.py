#!/usr/bin/env python3
"""A bundle's decode steps on this machine, measured by the runner and simulated from what its parts do by themselves.

    Scripts/simulate-machine.py TAPER BUNDLE [--threads N] [--runs N] [--schedule POINTS] [--prompt TOKENS] [--json]

Every run describes the machine and measures decode steps in turns, and then simulates them on its own description, so that
what drifts between runs is on both sides of a difference. Shown are medians over the runs, and of the differences the middle
half and the ends. Prompts are counted, not timed. build/simulation keeps the last description, benchmark and comparison. Exit
code 2 where the simulation counts other bytes or multiplications than the runner.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "build/simulation"
# Of decode steps; rounds of all precisions within a run.
DEPTH, STEPS, ROUNDS = 64, 48, 3


def run(options):
    """Rows of one comparison: what the simulator prints as JSON."""
    hardware, bench = FOLDER / "this.json", FOLDER / "bench.json"
    command = [options.taper, "bench", options.bundle, "-p", str(options.prompt), "-n", str(STEPS), "-d", str(DEPTH), "-r",
               str(ROUNDS), "-t", str(options.threads), "-o", "json", "--bits", options.bits, "--describe", str(hardware)]
    for schedule in options.schedule:
        command += ["--schedule", schedule]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    bench.write_bytes(done.stdout)
    done = subprocess.run(
        [options.taper, "simulate", options.bundle, "--hardware", str(hardware), "--measured", str(bench), "--json"],
        stdout=subprocess.PIPE, check=False)
    if done.returncode not in (0, 2):
        sys.exit(done.returncode)
    (FOLDER / "simulate-measured.json").write_bytes(done.stdout)
    return json.loads(done.stdout)


def row(runs):
    """One precision or schedule over all runs."""
    differences = sorted(100 * item["difference"] for item in runs)
    quarter = len(differences) // 4
    return {
        "run": runs[0]["label"],
        "measured_ms": statistics.median(1e3 * item["measured_seconds_per_token"] for item in runs),
        "simulated_ms": statistics.median(1e3 * item["simulated_seconds_per_token"] for item in runs),
        "difference": statistics.median(differences),
        "half_from": differences[quarter], "half_to": differences[-1 - quarter],
        "least": differences[0], "most": differences[-1],
        "counts": "equal" if all(item["counts_agree"] for item in runs) else "differ",
    }


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("taper")
    parser.add_argument("bundle")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--bits", default="2-6")
    parser.add_argument("--schedule", action="append", default=[])
    parser.add_argument("--prompt", type=int, default=0, help="tokens of a prompt that is read and counted")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    FOLDER.mkdir(parents=True, exist_ok=True)
    runs = [run(options) for _ in range(options.runs)]
    rows = [row(list(items)) for items in zip(*(item["rows"] for item in runs))]
    if options.json:
        print(json.dumps({"schema": "taper-simulate-machine-1", "hardware": runs[-1]["hardware"], "runs": len(runs),
                          "prompt_tokens": options.prompt, "rows": rows}, indent=1))
    else:
        print(f"{runs[-1]['hardware']}, medians of {len(runs)} runs")
        print(f"{'run':24} {'measured ms':>12} {'simulated':>10} {'difference':>11} {'middle half':>16} {'ends':>16}  counts")
        for item in rows:
            print(f"{item['run']:24} {item['measured_ms']:12.3f} {item['simulated_ms']:10.3f} {item['difference']:+10.1f}% "
                  f"{item['half_from']:+7.1f} {item['half_to']:+7.1f} {item['least']:+8.1f} {item['most']:+7.1f}  "
                  f"{item['counts']}")
    return 0 if all(item["counts"] == "equal" for item in rows) else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
