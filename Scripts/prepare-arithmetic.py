#!/usr/bin/env python3
"""Arithmetic with checked answers as tasks for `taper eval --metric exact-number` (pipelines/arithmetic.md).

usage: prepare-arithmetic.py [--from WHEEL] [--seed N] [--test N] [--dev N] FOLDER
       prepare-arithmetic.py [--from WHEEL] --oracle FILE

Takes the generators gsm_symbolic (word problems from the templates of GSM-Symbolic, arXiv 2410.05229) and chain_sum (sums and
differences of two to six numbers) of the PyPI package reasoning-gym 0.1.25 (Apache-2.0), which pip downloads, and writes
FOLDER/gsm.test.jsonl, gsm.dev.jsonl, sums.test.jsonl and sums.dev.jsonl. The problems follow from the seed alone. No problem is in
two files, and those are left out whose own answer the package's own check refuses.

A line has "messages", "reference" and where it comes from. The package is read from its wheel without what it depends on, which
these two generators do not need. --oracle writes what the package's check says of answers, for the tests of the metric.
"""
import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import types
from pathlib import Path

PACKAGE, VERSION = "reasoning-gym", "0.1.25"
SHA256 = "7f17a3eddb13c015d7d4a755ed576a061df889faf9468bcc2cca334ebe9e0435"
REQUEST = "{}\nThink step by step. Write the result as a number, and nothing else, in the last line."
TASKS = {"gsm": "gsm_symbolic", "sums": "chain_sum"}


def fail(text):
    sys.exit("prepare-arithmetic: " + text)


def download(folder):
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, f"{PACKAGE}=={VERSION}"]
    try:
        subprocess.run(command, check=True, stdout=sys.stderr)
    except (OSError, subprocess.CalledProcessError) as error:
        fail(f"{PACKAGE} {VERSION} cannot be downloaded ({error}); name a wheel that is there with --from")
    return next(Path(folder).glob("*.whl"))


def load(wheel):
    """The generators by name, and the package's `extract_answer`."""
    try:
        found = hashlib.sha256(Path(wheel).read_bytes()).hexdigest()
    except OSError as error:
        fail(f"{wheel} cannot be read: {error}")
    if found != SHA256:
        fail(f"{wheel}: expected the wheel of {PACKAGE} {VERSION} with SHA-256 {SHA256}, found {found}")
    sys.path.insert(0, str(wheel))

    def package(name):
        # In place of the package's own __init__, which loads every generator there is and what they depend on.
        module = types.ModuleType(name)
        module.__path__ = [str(wheel) + "/" + name.replace(".", "/")]
        sys.modules[name] = module
        return module

    package("reasoning_gym")
    package("reasoning_gym.arithmetic")
    coaching = package("reasoning_gym.coaching")
    from reasoning_gym.coaching.attributes import RangeAttributeDefinition
    from reasoning_gym.coaching.base_curriculum import BaseCurriculum
    coaching.RangeAttributeDefinition, coaching.BaseCurriculum = RangeAttributeDefinition, BaseCurriculum
    from reasoning_gym.arithmetic.chain_sum import ChainSumConfig, ChainSumDataset
    from reasoning_gym.arithmetic.gsm_symbolic.gsm_symbolic import GSMSymbolicDataset, GSMSymbolicDatasetConfig
    from reasoning_gym.utils import extract_answer
    return {
        "gsm_symbolic": lambda seed, size: GSMSymbolicDataset(GSMSymbolicDatasetConfig(seed=seed, size=size)),
        "chain_sum": lambda seed, size: ChainSumDataset(ChainSumConfig(seed=seed, size=size)),
    }, extract_answer


def problems(data, count):
    """The first `count` different ones that can be checked."""
    known, found = set(), []
    for index in range(len(data)):
        entry = data[index]
        if len(found) == count:
            break
        if entry["question"] in known or data.score_answer(entry["answer"], entry) != 1:
            continue
        known.add(entry["question"])
        found.append({
            "messages": [{"role": "user", "content": REQUEST.format(entry["question"])}],
            "reference": entry["answer"],
            "source": f"{PACKAGE} {VERSION}, {entry['metadata']['source_dataset']}, seed {data.seed}, "
                      f"index {entry['metadata']['source_index']}",
        })
    if len(found) < count:
        fail(f"the generator has only {len(found)} different problems of {count}")
    return found


def write(path, text):
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def oracle(generators, extract):
    """Answers with the package's verdict: bare ones, and ends of longer ones in the tags that the package looks for."""
    forms = ["{}", " {} ", "+{}", "0{}", "{}.0", "{}.00", "{}.", "-{}", "{}1", "1{}", "{}.5", "{}.05"]
    texts = ["<answer>{}</answer>", "12 and 30 make 42, so <answer>{}</answer>", "<answer>7</answer> No: <answer> {} </answer>"]
    cases = []
    for name, make in sorted(generators.items()):
        data = make(5, 200)
        chosen = [data[index] for index in range(200)]
        own = [entry for entry in chosen if data.score_answer(entry["answer"], entry) == 1]
        for entry in own[:6] + [entry for entry in own if entry["answer"].startswith("-")][:2] + [
                entry for entry in own if "." in entry["answer"]][:2]:
            right = entry["answer"]
            answers = [form.format(right) for form in forms if "." not in right or not form.startswith("{}.")]
            if name == "chain_sum":
                answers = [answer for answer in answers if not answer.startswith(("+-", "0-", "--", "1-"))]
                if len(right.lstrip("-")) == 4:
                    answers.append(right[:-3] + "," + right[-3:])
            else:
                # The check of this generator reads no sign: https://docs.python.org/3/library/re.html, \b before -.
                answers = [answer for answer in answers if not answer.startswith(("-", "+-", "0-", "1-"))]
            for answer in answers + ["", "no number"]:
                cases.append({"task": name, "reference": right, "answer": answer,
                              "right": data.score_answer(answer, entry) == 1})
            for text in texts:
                for answer in (right, right + "3"):
                    whole = text.format(answer)
                    cases.append({"task": name, "reference": right, "answer": whole,
                                  "right": data.score_answer(extract(whole), entry) == 1})
    return cases


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--from", dest="source", type=Path, help="the package's wheel")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--test", type=int, default=200, help="problems to test with (default: 200)")
    parser.add_argument("--dev", type=int, default=64, help="others to calibrate on (default: 64)")
    parser.add_argument("--oracle", type=Path, help="write the check's verdicts on some answers instead")
    options = parser.parse_args()
    if (options.folder is None) == (options.oracle is None):
        fail("name a folder, or --oracle with a file")
    if min(options.test, options.dev) < 1:
        fail("--test and --dev are at least 1")
    with tempfile.TemporaryDirectory() as folder:
        generators, extract = load(options.source or download(folder))
        if options.oracle:
            lines = ",\n".join(json.dumps(case) for case in oracle(generators, extract))
            return write(options.oracle, "[\n" + lines + "\n]\n")
        options.folder.mkdir(parents=True, exist_ok=True)
        for name, generator in TASKS.items():
            count = options.test + options.dev
            found = problems(generators[generator](options.seed, 2 * count + 100), count)
            for use, some in (("test", found[:options.test]), ("dev", found[options.test:])):
                path = options.folder / f"{name}.{use}.jsonl"
                write(path, "".join(json.dumps(problem) + "\n" for problem in some))
                print(f"{path}: {len(some)} problems", file=sys.stderr)


if __name__ == "__main__":
    main()
