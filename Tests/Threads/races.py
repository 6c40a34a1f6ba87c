#!/usr/bin/env python3
"""Reads what a program under the thread sanitizer wrote: prints the races with the names of functions, and fails where there is one.

    Tests/Threads/races.py LOG

The library behind Swift's Mutex is built without the sanitizer: where a lock had to be waited for, nothing tells it that the one access
came after the other. Races between two closures of `Mutex.withLock` are passed over; their type, (inout sending Value) throws -> sending
Result, is no other function's, and what they guard lies inside the Mutex, where nobody else gets at it. The names are looked up here,
because the sanitizer cannot start a program where memory is short.
"""
import pathlib
import re
import shutil
import subprocess
import sys

FRAME = re.compile(r"^\s+#(\d+) .*?\(([^()]+)\+(0x[0-9a-f]+)\)", re.M)
LOCKED = "zYuYTXE"


def names(path, offset):
    """Functions and lines of an address, inlined ones first."""
    folder = pathlib.Path(shutil.which("swift")).resolve().parent
    file = next(iter(pathlib.Path().glob(f".build-threads/**/{path}")), None)
    if file is None:
        return f"{path}+{offset}"
    result = subprocess.run(
        [folder / "llvm-symbolizer", "--no-demangle", f"--obj={file}", offset], stdout=subprocess.PIPE, text=True, check=True)
    return " < ".join(result.stdout.split("\n\n")[0].split("\n"))


def main():
    text = pathlib.Path(sys.argv[1]).read_text(errors="backslashreplace")
    reports = re.findall(r"^WARNING: ThreadSanitizer: .*?^SUMMARY: ThreadSanitizer: ", text, re.M | re.S)
    wrong = 0
    for report in reports:
        # The two that are at odds stand first; where the memory and the threads come from follows.
        accesses = report.split("\n\n")[:2]
        first = [names(*frames[0][1:]) for frames in map(FRAME.findall, accesses) if frames]
        if len(first) == 2 and all(LOCKED in name for name in first):
            continue
        wrong += 1
        print(report)
        for frames in map(FRAME.findall, accesses):
            print("\n".join(f"    {names(path, offset)}" for _, path, offset in frames[:12]), end="\n\n")
    print(f"{len(reports)} reports of the thread sanitizer, {len(reports) - wrong} of a Mutex, {wrong} races")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
