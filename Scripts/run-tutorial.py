#!/usr/bin/env python3
"""Runs every command of docs/tutorial.md and compares what it prints with the page.

    Scripts/run-tutorial.py TAPER RUNNER            exit code 1 if a command fails or prints another thing
    Scripts/run-tutorial.py --write TAPER RUNNER    puts what they print into the page

Blocks fenced as `console` hold commands after "$ ", each followed by its output. They run one after the other in an empty
folder that has samples/ in it. Figures differ from machine to machine and from run to run, so what is compared is the text
around them; a line that a model wrote is compared whole.
"""

import itertools
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.S | re.M)


def skeleton(line):
    """A line without its figures, their units' prefixes, and the room that tables leave for them."""
    line = re.sub(r"[0-9a-f]{16}", "#", line)
    line = re.sub(r"[\d.]+@\d+(?:,[\d.]+@\d+)*", "#@#", line)
    line = re.sub(r"-?\d[\d.,]*", "#", line)
    line = re.sub(r"# ?(?:[kMGT]?B|ms|s|min|h)\b(?: # ?(?:ms|s|min)\b)?", "#", line)
    return re.sub(r"\s+", " ", line).strip()


def outline(text):
    """Skeletons of the lines; rows of a table that differ in nothing but figures count once, as their number may differ, too."""
    return [line for line, _ in itertools.groupby(map(skeleton, text.splitlines()))]


def run(command, folder, environment):
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False, timeout=600)
    return done.returncode, done.stdout


def commands(block):
    """Pairs of a command and the output that follows it."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.M)
    if parts[0]:
        raise ValueError(f"a block begins with output: {parts[0]!r}")
    return list(zip(parts[1::2], parts[2::2]))


def main(arguments):
    writes = arguments[:1] == ["--write"]
    if len(arguments) != 2 + writes:
        print(__doc__, file=sys.stderr)
        return 64
    programs = {"taper": arguments[-2], "taper-run": arguments[-1]}
    text = PAGE.read_text(encoding="utf-8")
    failures, count = [], 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "bin").mkdir()
        (folder / "work").mkdir()
        for name, path in programs.items():
            shutil.copy(path, folder / "bin" / name)
        (folder / "work" / "samples").symlink_to(ROOT / "samples")
        environment = {
            **os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(folder / "cache"),
            "COLUMNS": "100",
        }

        def shown(match):
            nonlocal count
            lines = ""
            for command, expected in commands(match.group(1)):
                status, output = run(command, folder / "work", environment)
                output = output.replace(str(folder / "cache"), "~/.cache")
                count += 1
                if status:
                    failures.append(f"$ {command}\nended with {status}:\n{output}")
                elif not writes and outline(output) != outline(expected):
                    failures.append(f"$ {command}\nprinted\n{output}where the page has\n{expected}")
                lines += f"$ {command}\n{output}"
            return f"```console\n{lines}```"

        written = BLOCK.sub(shown, text)
    if writes and not failures:
        PAGE.write_text(written, encoding="utf-8")
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    print(f"tutorial: {count} commands, {len(failures)} failures")
    return 1 if failures or not count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
