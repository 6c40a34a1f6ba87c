#!/usr/bin/env python3
"""One text under a memory limit that falls from all precisions to the lowest and rises again: what changing costs, and what is resident.

    Benchmarks/memory.py model.taper [--runner build/taper-run] [--tokens 1000] [--threads 2] [--svg FILE]

The limit stands in a file, which the runner reads again while it writes (`--memory-limit file:PATH`). Resident memory is what the
kernel says of the process every 10 ms. Prints JSON for `Scripts/record-run.py`.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROMPT = "Write a long story about a lighthouse keeper and his daughter, chapter by chapter."
PAGE = os.sysconf("SC_PAGESIZE")
# What the runner needs to see a limit that fell: the time between two looks, and a step.
LAG = 0.25


def command(arguments, *options):
    return [arguments.runner, "-m", arguments.model, "-p", PROMPT, "-t", str(arguments.threads), "--ignore-eos", "--json",
            "--quiet", *options]


def report(arguments, *options):
    done = subprocess.run(command(arguments, *options), capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"taper-run: {done.stderr}")
    return json.loads(done.stdout)


def resident(process):
    """Bytes; None when the process is gone."""
    try:
        fields = pathlib.Path(f"/proc/{process.pid}/statm").read_text().split()
    except OSError:
        return None
    return int(fields[1]) * PAGE if len(fields) > 2 and int(fields[1]) else None


def set_limit(path, count):
    # Replaced at once: nobody reads half of it.
    temporary = path.with_suffix(".new")
    temporary.write_text(f"{count}\n")
    temporary.rename(path)


def stages(arguments):
    """Levels from high to low and back, each with the limit that lets it hold and the seconds that it has; the last keeps the rest."""
    first = report(arguments, "-n", "2", "--memory-limit", "1000TB")["memory"]
    levels = sorted(first["levels"], key=lambda level: level["bits"])
    others = first["changes"][0]["needed_bytes"] - levels[-1]["weight_bytes"]
    order = levels[::-1] + levels[1:]
    share = arguments.tokens / len(order)
    result = []
    for level in order:
        bits = f"{level['bits']}"
        long = report(arguments, "-n", str(int(share) + 2), "--bits", bits)
        # Room for the cache of the whole text, and for what rising asks beyond the need.
        limit = int(level["weight_bytes"] * 1.032) + others + (48 << 20)
        result.append({"bits": level["bits"], "limit": limit, "seconds": 0.85 * long["decode_seconds"]})
    return result


def run(arguments, plan):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "limit"
        set_limit(path, plan[0]["limit"])
        process = subprocess.Popen(
            command(arguments, "-n", str(arguments.tokens), "--memory-limit", f"file:{path}"), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        samples = []
        start = time.monotonic()
        # Loading and reading the prompt.
        ends = [start + 1]
        for stage in plan:
            ends.append(ends[-1] + stage["seconds"])
        stage = 0
        while process.poll() is None:
            now = time.monotonic()
            while stage + 1 < len(plan) and now >= ends[stage + 1]:
                stage += 1
                set_limit(path, plan[stage]["limit"])
            held = resident(process)
            if held:
                samples.append({
                    "seconds": now - start, "limit": plan[stage]["limit"], "resident": held, "bits": plan[stage]["bits"]})
            time.sleep(0.01)
        output, errors = process.communicate()
        if process.returncode != 0:
            sys.exit(f"taper-run: {process.returncode}: {errors}")
        # The last ones saw it end.
        end = samples[-1]["seconds"] - 0.1
        return json.loads(output), [sample for sample in samples if sample["seconds"] < end]


def excess(samples):
    """The most that was resident beyond the limit, as a share of it, when a fall had had time to be seen."""
    most, fell = -1.0, -LAG
    for before, sample in zip(samples, samples[1:]):
        if sample["limit"] < before["limit"]:
            fell = sample["seconds"]
        if sample["seconds"] - fell > LAG:
            most = max(most, sample["resident"] / sample["limit"] - 1)
    return most


def plot(samples, path):
    """Limit and resident memory over the seconds of a run."""
    width, height, left, bottom = 860, 320, 60, 40
    end, top = samples[-1]["seconds"], max(max(s["limit"], s["resident"]) for s in samples) * 1.05

    def points(key):
        # A sample in ten is enough for the eye, but none that differs from its neighbour.
        kept = [s for i, s in enumerate(samples) if i % 10 == 0 or abs(s[key] - samples[i - 1][key]) > top / 200]
        return " ".join(
            f"{left + s['seconds'] / end * (width - left - 20):.1f},{height - bottom - s[key] / top * (height - bottom - 20):.1f}"
            for s in kept)

    marks = []
    step = 0.5e9 if top > 1.2e9 else 0.1e9 if top > 0.25e9 else 0.05e9
    for index in range(int(top / step) + 1):
        y = height - bottom - index * step / top * (height - bottom - 20)
        marks.append(f'<line x1="{left}" y1="{y:.1f}" x2="{width - 20}" y2="{y:.1f}" stroke="#ddd"/>')
        marks.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{index * step / 1e9:.2g} GB</text>')
    for index in range(0, int(end) + 1, max(1, int(end) // 8)):
        x = left + index / end * (width - left - 20)
        marks.append(f'<text x="{x:.1f}" y="{height - bottom + 18}" text-anchor="middle">{index} s</text>')
    # What the limit leaves room for, where it changes.
    for index, sample in enumerate(samples):
        if index == 0 or sample["limit"] != samples[index - 1]["limit"]:
            x = left + sample["seconds"] / end * (width - left - 20)
            y = height - bottom - sample["limit"] / top * (height - bottom - 20)
            marks.append(f'<text x="{x + 4:.1f}" y="{y - 5:.1f}" fill="#d62728">{sample["bits"]} bits</text>')
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">\n'
        f'<title>Memory limit and resident memory of one text</title>\n<rect width="{width}" height="{height}" fill="#fff"/>\n'
        + "\n".join(marks)
        + f'\n<polyline fill="none" stroke="#d62728" stroke-width="1.5" stroke-dasharray="5 3" points="{points("limit")}"/>\n'
        f'<polyline fill="none" stroke="#1f77b4" stroke-width="1.8" points="{points("resident")}"/>\n'
        f'<text x="{width - 150}" y="16" fill="#d62728">limit</text><text x="{width - 100}" y="16" fill="#1f77b4">resident</text>\n'
        "</svg>\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--runner", default=str(ROOT / "build/taper-run"))
    parser.add_argument("--tokens", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--svg", type=pathlib.Path)
    arguments = parser.parse_args()
    result, samples = run(arguments, stages(arguments))
    if arguments.svg:
        plot(samples, arguments.svg)
    memory = result["memory"]
    rows = []
    for before, change in zip([None, *memory["changes"]], memory["changes"]):
        later = change["later_step_seconds"]
        rows.append({
            "from_step": change["from_step"], "bits": change["bits"], "direction":
                "start" if before is None else "down" if change["bits"] < before["bits"] else "up",
            "limit": change["limit_bytes"], "needed": change["needed_bytes"], "resident": change["resident_bytes"],
            "resident_over_needed": round(change["resident_bytes"] / change["needed_bytes"], 3),
            "change_ms": round(change["seconds"] * 1000, 1), "longest_ms": round(change["longest_seconds"] * 1000, 1),
            "first_step_ms": round(change["first_step_seconds"] * 1000, 1),
            "step_ms": round(later * 1000, 1) if later else None,
            "kl_mean": change["kl_mean"]})
    print(json.dumps({
        "tokens": len(result["tokens"]), "decode_seconds": round(result["decode_seconds"], 2), "threads": arguments.threads,
        "most_over_limit": round(excess(samples), 4), "looks": memory["looks"],
        "ms_per_look": round(1000 * (memory["seconds"] - sum(c["seconds"] for c in memory["changes"])) / max(1, memory["looks"]), 3),
        "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
