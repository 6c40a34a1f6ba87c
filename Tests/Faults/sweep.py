#!/usr/bin/env python3
"""Makes calls to the file system fail, one a run, while `taper` converts, calibrates and cuts a tiny model, and checks what is left.

    Tests/Faults/sweep.py TAPER [--budget SECONDS] [--scenario NAME] [--at NUMBER --error NAME]

Every scenario is run once undisturbed to count its calls and to have its bytes. Then call after call fails with every error that it may
have, or the process is killed there. Expected each time: an exit code of its own with one line that says why, or a result equal to the
undisturbed one; no output that is not whole; nothing temporary left, unless killed; and afterwards the same command, run again in the
same folder, makes the same bytes and leaves nothing temporary. With a budget a sample is taken, the same one every time.
"""
import argparse
import errno
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What the programs end with where the world is at fault: no input, cannot create, input and output, busy.
EXPECTED = {66, 73, 74, 75}
ERRORS = {
    "open": ["EACCES", "EMFILE", "EIO", "ENOSPC"], "mkdir": ["EACCES", "ENOSPC"], "rename": ["EIO", "EACCES"],
    "write": ["ENOSPC", "EIO", "short"], "pwrite": ["ENOSPC", "EIO", "short"], "fsync": ["EIO", "ENOSPC"],
    "ftruncate": ["ENOSPC"], "fallocate": ["EOPNOTSUPP", "ENOSPC"], "posix_fallocate": ["ENOSPC", "EINVAL"],
    "mmap": ["ENOMEM"], "close": ["EIO"], "unlink": ["EIO"], "read": ["EIO"], "pread": ["EIO"],
}


class Scenario:
    def __init__(self, name, arguments, output, before=()):
        self.name, self.arguments, self.output, self.before = name, arguments, output, before


MODEL = str(ROOT / "samples/tiny")
RECIPE = str(ROOT / "Tests/Faults/recipe.json")
CONVERT = ["convert", MODEL, "-o", "tiny.taper", "--recipe", RECIPE, "--quiet"]
# Those with few calls first.
SCENARIOS = [
    Scenario("cut", ["convert", "tiny.taper", "-o", "cut.taper", "--max-bits", "3", "--quiet"], "cut.taper", before=[CONVERT]),
    Scenario("calibrate", [
        "calibrate", "tiny.taper", "--task", "answer", "--data", str(ROOT / "samples/tasks/tiny.val.jsonl"), "--examples", "2",
        "--max-new-tokens", "4", "--quiet"], "tiny.taper", before=[CONVERT]),
    # With what an earlier conversion left in the store.
    Scenario("convert again", [*CONVERT, "--force"], "tiny.taper", before=[CONVERT]),
    Scenario("convert", CONVERT, "tiny.taper"),
]


class Sweep:
    def __init__(self, taper, folder):
        self.taper, self.folder = str(pathlib.Path(taper).resolve()), pathlib.Path(folder)
        self.library = self.folder / "faults.so"
        subprocess.run(
            ["clang", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", str(ROOT / "Tests/Faults/faults.c"), "-ldl",
             "-o", str(self.library)], check=True)
        self.faults = self.kills = 0
        self.findings = []
        # A run may take long on a busy machine, and must not hang.
        self.patience = 120

    def run(self, arguments, work, **fault):
        # Intermediate results are kept below the user's cache, which is in the folder, too.
        environment = os.environ | {"XDG_CACHE_HOME": str(work / "cache"), "HOME": str(work), "LC_ALL": "C"}
        pipes = None
        if fault:
            environment |= {"LD_PRELOAD": str(self.library), "TAPER_FAULT_FOLDER": str(work)}
            if "at" in fault:
                environment |= {"TAPER_FAULT_AT": str(fault["at"]), "TAPER_FAULT_ERRNO": fault["error"]}
            if "log" in fault:
                environment["TAPER_FAULT_LOG"] = str(fault["log"])
                pipes = [fault["log"]]
        # Paths are given in full: the library knows what counts by them.
        arguments = [str(work / a) if a.endswith(".taper") else a for a in arguments]
        return subprocess.run(
            [self.taper, *arguments], cwd=work, env=environment, pass_fds=pipes or (), capture_output=True, text=True,
            timeout=self.patience)

    def prepared(self, scenario):
        """A folder with what the scenario begins with, to be copied."""
        work = self.folder / "start"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        for arguments in scenario.before:
            done = self.run(arguments, work)
            if done.returncode != 0:
                sys.exit(f"{scenario.name}: cannot prepare: {done.stderr}")
        return work

    def fresh(self, start):
        work = self.folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(start, work)
        return work

    def calls(self, scenario, start):
        """Names of the calls of an undisturbed run, and the bytes it makes."""
        work = self.fresh(start)
        log = os.open(self.folder / "calls", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        done = self.run(scenario.arguments, work, log=log)
        os.close(log)
        if done.returncode != 0:
            sys.exit(f"{scenario.name}: fails undisturbed: {done.stderr}")
        lines = (self.folder / "calls").read_text(errors="replace").splitlines()
        return [line.split()[1].removesuffix("64") for line in lines], (work / scenario.output).read_bytes()

    def temporary(self, work):
        return sorted(str(p.relative_to(work)) for p in work.rglob("*") if ".partial-" in p.name)

    def check(self, scenario, start, number, name, error, expected):
        work = self.fresh(start)
        before = (work / scenario.output).read_bytes() if (work / scenario.output).exists() else None
        wrong = []
        code = str(getattr(errno, error, error))
        done = self.run(scenario.arguments, work, at=number, error=code)
        output = work / scenario.output
        found = output.read_bytes() if output.exists() else None
        if error == "kill":
            self.kills += 1
            if done.returncode not in (-9, 0):
                wrong.append(f"ended with {done.returncode}, not killed")
        else:
            self.faults += 1
            if done.returncode == 0:
                if found != expected:
                    wrong.append("success, and other bytes")
            elif done.returncode not in EXPECTED:
                wrong.append(f"exit code {done.returncode}")
            elif not done.stderr.splitlines() or not any(l.startswith("error: ") for l in done.stderr.splitlines()):
                wrong.append(f"no message: {done.stderr!r}")
            if self.temporary(work):
                wrong.append(f"left {self.temporary(work)}")
        if found not in (before, expected):
            wrong.append("the output is half-written")
        if found != expected or error == "kill":
            arguments = scenario.arguments
            if found is not None and arguments[0] == "convert" and "--force" not in arguments:
                arguments = [*arguments, "--force"]
            again = self.run(arguments, work)
            if again.returncode != 0:
                wrong.append(f"a second run fails: {again.stderr.strip()}")
            elif output.read_bytes() != expected:
                wrong.append("a second run makes other bytes")
            if self.temporary(work):
                wrong.append(f"a second run leaves {self.temporary(work)}")
        if wrong:
            message = f"{scenario.name}, call {number} ({name}), {error}: {'; '.join(wrong)}"
            if done.stderr.strip():
                message += f"\n    it said: {done.stderr.strip().splitlines()[-1]}"
            self.findings.append(message)
            print(message, flush=True)

    def sweep(self, scenario, budget, only):
        start = self.prepared(scenario)
        names, expected = self.calls(scenario, start)
        cases = [
            (number, name, error) for number, name in enumerate(names, 1) for error in [*ERRORS.get(name, ["EIO"]), "kill"]
            if only is None or only == (number, error)]
        total = len(cases)
        if budget:
            random.Random(7).shuffle(cases)
            # Every kind of call with every error first, then whatever there is time for.
            seen, first, rest = set(), [], []
            for case in cases:
                (rest if case[1:] in seen else first).append(case)
                seen.add(case[1:])
            cases = first + rest
        end, done = time.monotonic() + (budget or 1e9), 0
        for case in cases:
            if time.monotonic() > end:
                break
            self.check(scenario, start, *case, expected)
            done += 1
        print(f"{scenario.name}: {len(names)} calls, {done} of {total} faults injected", flush=True)
        if done == 0:
            sys.exit("nothing was tried")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("taper")
    parser.add_argument("--budget", type=float, default=0)
    parser.add_argument("--scenario")
    parser.add_argument("--at", type=int)
    parser.add_argument("--error")
    options = parser.parse_args()
    chosen = [s for s in SCENARIOS if options.scenario in (None, s.name)]
    only = (options.at, options.error) if options.at else None
    with tempfile.TemporaryDirectory() as folder:
        sweep = Sweep(options.taper, folder)
        end = time.monotonic() + options.budget
        for number, scenario in enumerate(chosen):
            # What the short ones leave is for those behind them.
            share = max(1, (end - time.monotonic()) / (len(chosen) - number)) if options.budget else 0
            sweep.sweep(scenario, share, only)
        print(f"{sweep.faults} calls failed, {sweep.kills} kills, {len(sweep.findings)} findings")
        sys.exit(1 if sweep.findings else 0)


if __name__ == "__main__":
    main()
