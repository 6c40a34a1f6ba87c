#!/usr/bin/env python3
"""Runs the fuzz targets, two at a time, and prints a line for each: inputs tried, places reached, findings.

    Tests/Fuzz/run.py FUZZER SECONDS [TARGET...]

What is found lies in build/fuzz/findings/<target>, and inputs that reached something new in build/fuzz/corpus/<target>, where the
next run goes on. A finding becomes a test when it is copied to Tests/Fuzz/crashes/<target> under a name that says what it is.
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "build/fuzz"


def environment(target):
    # Swift keeps what it allocates once, which is no leak; its own reports of crashes take longer than the fuzzing.
    return os.environ | {
        "TAPER_FUZZ": target, "SWIFT_BACKTRACE": "enable=no",
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1", "UBSAN_OPTIONS": "print_stacktrace=1",
    }


def targets(fuzzer):
    """Name, longest input and seeds of every target."""
    listed = subprocess.run([fuzzer], env=environment("list"), capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        name, longest, *seeds = line.split("\t")
        yield name, int(longest), seeds


def run(fuzzer, seconds, name, longest, seeds):
    corpus, findings, begin = WORK / "corpus" / name, WORK / "findings" / name, WORK / "seeds" / name
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(begin, ignore_errors=True)
    begin.mkdir(parents=True)
    known = ROOT / "Tests/Fuzz/crashes" / name
    for number, path in enumerate([*seeds, *sorted(known.glob("*"))]):
        shutil.copy(path, begin / f"{number}-{pathlib.Path(path).name}")
    before = set(findings.iterdir())
    done = subprocess.Popen(
        [fuzzer, str(corpus), str(begin), f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
         f"-max_len={longest}", f"-artifact_prefix={findings}/", "-print_final_stats=1", "-use_value_profile=1"],
        env=environment(name), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        output = done.communicate(timeout=seconds + 120)[0].decode(errors="replace")
    except subprocess.TimeoutExpired:
        # A crash inside the crash's own report: the input is the last one kept.
        done.kill()
        output = done.communicate()[0].decode(errors="replace") + "\nstopped: it did not end\n"
    (WORK / f"{name}.log").write_text(output)
    executions = re.findall(r"stat::number_of_executed_units:\s*(\d+)", output)
    reached = re.findall(r"cov: (\d+)", output)
    found = sorted(set(findings.iterdir()) - before)
    failed = done.returncode != 0 or bool(found)
    line = f"{name:20} {int(executions[-1]) if executions else 0:>10,} inputs, {reached[-1] if reached else 0:>6} places, "
    line += f"{max(len(found), int(failed))} findings"
    for path in found:
        line += f"\n    {path.relative_to(ROOT)}"
    if failed:
        line += "".join(
            "\n    " + text[:200] for text in output.splitlines()
            if re.search(r"ERROR: |SUMMARY: |runtime error|Fatal error|Precondition|stopped: |such target", text))
    return line, failed, bool(executions)


def main():
    fuzzer, seconds, names = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    chosen = [t for t in targets(fuzzer) if not names or t[0] in names]
    if not chosen or len(names) not in (0, len(chosen)):
        sys.exit("no such target; there are " + " ".join(t[0] for t in targets(fuzzer)))
    failures = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for line, failed, ran in pool.map(lambda t: run(fuzzer, seconds, *t), chosen):
            print(line, flush=True)
            failures += failed or not ran
    print(f"{len(chosen)} targets, {failures} with findings")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
