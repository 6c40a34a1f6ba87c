#!/usr/bin/env python3
"""Runs a command that prints JSON and records it in docs/results/NAME.json.

    Scripts/record-run.py NAME [--title TEXT] [--machine NAME] [--recorded TEXT] [--note TEXT] [-- COMMAND...]

Machine, date, commit and version are those of the moment. A record that is there keeps its title, prose, columns and views;
without a command its own is run again. A new record gets a column for every figure of the output's rows: then choose, name
and round them in the file. Add the name to a section of docs/results/page.json, and run `make results`.
"""

import argparse
import datetime
import decimal
import os
import pathlib
import re
import shlex
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "docs"))

import records as recorded

RecordError = recorded.RecordError


def machine(name):
    """The processor, what of it this process may use, and its memory."""
    information = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    found = re.search(r"^(?:model name|Model)\s*: (.+)$", information, re.M)
    cpu = re.sub(r"\s+", " ", found.group(1)).strip() if found else os.uname().machine
    flags = set(re.findall(r"\b(avx2|avx512f|avx512vbmi|avx512_vnni|avx_vnni|amx_int8|asimddp|asimd)\b", information))
    if flags:
        cpu += f" ({', '.join(sorted(flags))})"
    total = re.search(r"^MemTotal:\s+(\d+) kB", pathlib.Path("/proc/meminfo").read_text(encoding="utf-8"), re.M)
    memory = round(decimal.Decimal(int(total.group(1))) / 1024 / 1024, 1) if total else "not known"
    cores = len(os.sched_getaffinity(0))
    known = {"name": name or "", "cpu": cpu, "cores": cores, "memory": memory}
    for other in recorded.read_all()[0].values():
        if {**other["machine"], "name": "", "note": ""} == {**known, "name": "", "note": ""}:
            return other["machine"]
    known["name"] = name or f"{re.sub(r'[^a-z]+', '-', cpu.split('(')[0].lower()).strip('-')}-{cores}"
    return known


def git(*arguments):
    done = subprocess.run(["git", "-C", str(recorded.ROOT), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RecordError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def version():
    """The programs' version, as their source has it."""
    for path in (recorded.ROOT / "Sources").rglob("*.swift"):
        found = re.search(r"^public let taperVersion = \"([^\"]+)\"", path.read_text(encoding="utf-8"), re.M)
        if found:
            return found.group(1)
    raise RecordError("Sources: no taperVersion")


def plain(value):
    """Folders of this machine say nothing to others: of an absolute path the name alone is kept."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, str) and re.fullmatch(r"(/[^/\s]+){2,}/?", value):
        return pathlib.PurePath(value).name
    return value


def rows_of(output):
    """Name and items of the first list of objects."""
    for key, value in output.items():
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            return key, value
    raise RecordError("the output has no list of objects to take rows from")


def columns_of(items):
    """A column for everything that is a figure, a text or a list of figures in all items."""
    columns = []
    for key in dict.fromkeys(key for item in items for key in item):
        values = [item[key] for item in items if item.get(key) is not None]
        column = {"key": key, "title": key.replace("_", " ")}
        for end, unit, divisor, digits in UNITS:
            if key.endswith(end):
                column.update({"title": f"{key.replace('_', ' ')} ({unit})", "divide": divisor, "digits": digits})
        if values and all(isinstance(value, str) for value in values):
            columns.append({**column, "align": "left"})
        elif values and all(_is_figure(value) for value in values):
            columns.append(column)
        elif values and all(isinstance(value, list) and value and all(map(_is_figure, value)) for value in values):
            columns.append({"digits": 1, **column, "format": "{} ({}-{})", "reduce": "range"})
    return columns


# Units that people read, by the end of a key.
UNITS = (("bytes_per_second", "GB/s", 10**9, 1), ("bytes_per_token", "MB", 10**6, 1), ("_bytes", "MB", 10**6, 0))


def _is_figure(value):
    return isinstance(value, (int, decimal.Decimal)) and not isinstance(value, bool)


def record(options, command):
    """The record to write: what stands in the file, with the figures of this run."""
    path = recorded.FOLDER / f"{options.name}.json"
    old = recorded.parse(path.read_text(encoding="utf-8"), path.name) if path.exists() else {}
    if old and "rows_from" not in old:
        raise RecordError(f"{path.name}: its rows were entered by hand and no output gives them; take another name")
    if not command:
        if not old:
            raise RecordError(f"{options.name}: a new record needs a command, after --")
        command = shlex.split(old["commands"][0])
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise RecordError(f"{command[0]} ended with {done.returncode}; nothing was recorded")
    output = plain(recorded.parse(done.stdout.decode("utf-8"), "the command's output"))
    if not isinstance(output, dict):
        raise RecordError("the command's output is no object")
    key, items = (old["rows_from"], []) if old else rows_of(output)
    new = {
        "schema": recorded.RECORD, "title": options.title or old.get("title", options.name.replace("-", " ").capitalize()),
        "date": datetime.date.today().isoformat(), "machine": machine(options.machine),
        "commands": [shlex.join(map(plain, command))],
        "commit": git("rev-parse", "--short=7", "HEAD"), "version": version(),
    }
    said = [options.recorded] if options.recorded else []
    if git("status", "--porcelain", "--", "Sources", "Package.swift"):
        said.append("sources had changes that were not committed")
    if said:
        new["recorded"] = "; ".join(said)
    if "intro" in old:
        new["intro"] = old["intro"]
    new["columns"] = old.get("columns") or columns_of(items)
    new["rows"] = []
    notes = [options.note] if options.note else old.get("notes", [])
    if notes:
        new["notes"] = notes
    if "views" in old:
        new["views"] = old["views"]
    new["rows_from"], new["output"] = key, output
    new["rows"] = recorded.derive(new, path.name)
    text = recorded.write(new) + "\n"
    recorded.check(recorded.parse(text, path.name), path.name)
    return path, text


def main(arguments):
    command = []
    if "--" in arguments:
        place = arguments.index("--")
        arguments, command = arguments[:place], arguments[place + 1:]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="the record's file in docs/results, without .json")
    parser.add_argument("--title", help="heading of the table")
    parser.add_argument("--machine", help="short name of a machine that no record has seen")
    parser.add_argument("--recorded", help="what to know of this run, such as \"machine shared with other work\"")
    parser.add_argument("--note", help="a caveat, below the table")
    options = parser.parse_args(arguments)
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", options.name) or options.name == "page":
        parser.error("NAME is lower-case words joined by -")
    try:
        path, text = record(options, command)
    except (RecordError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    path.write_text(text, encoding="utf-8")
    print(f"recorded {path.relative_to(recorded.ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
