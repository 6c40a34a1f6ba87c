#!/usr/bin/env python3
"""Writes NAME.json beside NAME.taper: what the programs of today compute of a bundle, for the programs of tomorrow.

    formats/golden/written/record.py NAME PROMPT MADE_WITH TAPER TAPER_RUN

Only for bundles that are new in this folder: what stands beside an old one is what it computed then.
"""
import json
import pathlib
import subprocess
import sys

FOLDER = pathlib.Path(__file__).resolve().parent


def ask(*command):
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def main():
    name, prompt, made_with, taper, runner = sys.argv[1:]
    bundle, record = str(FOLDER / f"{name}.taper"), FOLDER / f"{name}.json"
    if record.exists():
        sys.exit(f"{record} exists: it says what was computed when the bundle was written")
    facts = ask(taper, "inspect", bundle, "--json")
    tokens = [1, 5, 3, 8, 2, 13, 21, 4, 7, 34, 6, 9]
    precisions = [str(p["bits"]) for p in facts["precisions"]]
    logits = []
    for bits in precisions:
        rows = ask(taper, "logits", bundle, "--tokens", ",".join(map(str, tokens)), "--bits", bits, "--json")["logits"]
        argmax = [max(range(len(row)), key=row.__getitem__) for row in rows]
        logits.append({"bits": bits, "argmax": argmax, "last": rows[-1][:24]})
    schedules = [["--schedule", "static:" + s["task"]] for s in facts.get("schedules") or []]
    if facts.get("learned"):
        schedules.append(["--schedule", "learned"])
    if facts.get("adaptive"):
        schedules.append(["--schedule", "adaptive"])
    switch = ["--switch", f"{precisions[-1]}@0,{precisions[-2]}@3,{precisions[0]}@6"] if len(precisions) > 2 else []
    generations = []
    for arguments in [["--bits", bits] for bits in precisions] + schedules + ([switch] if switch else []):
        outcome = ask(runner, "-m", bundle, "-p", prompt, "-n", "40", "--json", "-q", *arguments)
        generations.append({"arguments": arguments, "tokens": outcome["tokens"], "text": outcome["text"]})
    contents = {"made_with": made_with, "tokens": tokens, "logits": logits, "prompt": prompt, "generations": generations}
    record.write_text(json.dumps(contents, indent=1) + "\n")


if __name__ == "__main__":
    main()
