#!/usr/bin/env python3
"""How much of the code that reads what others wrote is run by tests: lines by file, and a total that must not fall below a bound.

    Scripts/coverage.py [--least PERCENT] [--report]

Builds the tests without optimization in .build-coverage, with counters, and runs those of the modules below. `--report` looks at the
counts of the last run again.
"""
import argparse
import glob
import json
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
SCRATCH = ROOT / ".build-coverage"
SOURCES = {
    "JSON, bytes, numbers": ["Runner/Storage/JSON*", "Runner/Storage/Byte*", "Runner/Storage/Numbers.swift", "Runner/Storage/Zstd.swift"],
    "bundles": ["Runner/Bundle/**"],
    "models": ["Runner/Model/*JSON.swift", "Runner/Model/ModelFields.swift", "Runner/Model/Precision*.swift"],
    "tokenizers": [
        "Runner/Text/Tokenizer+[CGJ]*", "Runner/Text/*TokenizerVersion.swift", "Runner/Text/TokenizerPipeline.swift",
        "Runner/Text/JSONVocabulary.swift", "Runner/Text/Base64.swift", "Runner/Text/Charsmap.swift", "Runner/Text/ChatTemplate+JSON.swift"],
    "checkpoints, chat templates": ["Maker/Checkpoint/**"],
    "Jinja": ["Maker/Jinja/**"],
    "recipes": ["Maker/Pipeline/Recipe.swift"],
    "requests": [
        "Tools/Server/*Request*", "Tools/Server/AnswerParameters.swift", "Tools/Server/HostRule.swift", "Tools/Server/Endpoint.swift"],
}
# Whose tests are built, and which of them run; ten megabytes take too long without optimization.
MODULES = "Storage Model Bundle Text Jinja Checkpoint Chat Pipeline Server"
TESTS = "^(Storage|Model|Bundle|Text|Jinja|Checkpoint|Chat|Server)Tests[.]|^PipelineTests[.]RecipeTests/"
LEFT_OUT = ["LinearTimeTests", "ServeProgramTests"]


def run(*command):
    environment = os.environ | {"TAPER_TESTS": MODULES}
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=environment)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command[:4]))} failed:\n{result.stdout[-8000:]}")
    return result.stdout


def measure():
    """Builds and runs the tests."""
    SCRATCH.mkdir(exist_ok=True)
    # Dependencies that an ordinary build fetched need not be fetched again.
    for name in ("checkouts", "repositories", "workspace-state.json"):
        source, copy = ROOT / ".build" / name, SCRATCH / name
        if source.is_dir() and not copy.exists():
            shutil.copytree(source, copy, symlinks=True)
        elif source.is_file() and not copy.exists():
            shutil.copy2(source, copy)
    run("swift", "build", "--build-tests", "--enable-code-coverage", "--scratch-path", SCRATCH)
    left_out = [word for name in LEFT_OUT for word in ("--skip", name)]
    output = run(
        "swift", "test", "--skip-build", "--enable-code-coverage", "--scratch-path", SCRATCH, "--filter", TESTS, *left_out)
    print(next(line for line in reversed(output.splitlines()) if "Test run with" in line).strip())


def files():
    """Groups with their files."""
    for name, patterns in SOURCES.items():
        paths = {path for pattern in patterns for path in glob.glob(str(ROOT / "Sources" / pattern), recursive=True)}
        found = sorted(path for path in paths if path.endswith(".swift"))
        if not found:
            sys.exit(f"no files of {name}")
        yield name, found


def counts():
    """Lines and lines that ran, by path."""
    folder = SCRATCH / "debug"
    program = next(folder.glob("*PackageTests.xctest"))
    # The toolchain's own, which knows its format.
    tool = pathlib.Path(shutil.which("swift")).resolve().parent / "llvm-cov"
    report = subprocess.run(
        [tool, "export", "-summary-only", "-instr-profile", folder / "codecov/default.profdata", program, ROOT / "Sources"],
        stdout=subprocess.PIPE, check=True)
    return {file["filename"]: file["summary"]["lines"] for file in json.loads(report.stdout)["data"][0]["files"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--least", type=float, default=90.0)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    if not options.report:
        measure()
    known = counts()
    total = [0, 0]
    for name, paths in files():
        part = [0, 0]
        for path in paths:
            # Declarations alone have no lines that run.
            lines = known.get(path, {"count": 0, "covered": 0})
            part = [part[0] + lines["count"], part[1] + lines["covered"]]
            if lines["count"]:
                print(f"{100 * lines['covered'] / lines['count']:6.1f} %{lines['count']:6}  {os.path.relpath(path, ROOT / 'Sources')}")
        total = [total[0] + part[0], total[1] + part[1]]
        print(f"{100 * part[1] / max(1, part[0]):6.1f} %{part[0]:6}  {name}\n")
    share = 100 * total[1] / total[0]
    print(f"{share:6.1f} %{total[0]:6}  in total, at least {options.least:g} are wanted")
    sys.exit(0 if share >= options.least else 1)


if __name__ == "__main__":
    main()
