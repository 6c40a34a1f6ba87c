#!/usr/bin/env python3
"""Gives both programs malformed files of every kind, and holds them to what formats/limits.md promises: an exit code for bad data and
not a signal, one line that says where, little memory, little time, and no output.

    Tests/Robustness/malformed.py TAPER TAPER_RUN [--every N]

With --every only each N-th case of a kind is tried.
"""
import argparse
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import cases

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Above what the program takes for `--version`; of which the header is a part.
MEMORY = 64 << 20
SECONDS = 1.0
USAGE, BAD_DATA, NO_INPUT, UNSUPPORTED, INPUT_OUTPUT, UNSOUND = 64, 65, 66, 69, 74, 2


class Tries:
    def __init__(self, every):
        self.every, self.count, self.wrong = every, 0, []
        self.slowest, self.largest = 0.0, 0

    def run(self, what, command, expected, output=None, bytes_given=0, sound=False):
        """`sound`: the damage may lie where nobody reads."""
        errors = tempfile.TemporaryFile()
        start = time.monotonic()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True)
        signal.alarm(20)
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except TimeoutError:
            process.kill()
            _, status, usage = os.wait4(process.pid, 0)
        finally:
            signal.alarm(0)
        process.returncode = 0
        # Processor time: other work on the machine is not the program's fault.
        seconds, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024
        self.slowest, self.largest = max(self.slowest, seconds), max(self.largest, peak)
        errors.seek(0)
        text = errors.read().decode(errors="backslashreplace")
        code = os.waitstatus_to_exitcode(status)
        problems = []
        if code not in expected and not (sound and code == 0):
            problems.append(f"exit code {code}, expected {'/'.join(map(str, expected))}")
        lines = [line for line in text.splitlines() if line.startswith("error: ")]
        if code != 0 and len(lines) < 1:
            problems.append("no message")
        if any(ord(c) < 32 and c not in "\n\t" for c in text):
            problems.append("control characters in the message")
        if seconds > SECONDS:
            problems.append(f"{seconds:.1f} s")
        if peak > self.base + MEMORY + 30 * bytes_given:
            problems.append(f"{peak >> 20} MB")
        if output is not None and os.path.lexists(output):
            problems.append("there is an output")
            os.unlink(output)
        self.count += 1
        if problems:
            self.wrong.append(what)
            print(f"{what}: {'; '.join(problems)}\n    {text.strip()[:300]}", flush=True)

    def measure_base(self, program):
        subprocess.run([program, "--version"], stdout=subprocess.DEVNULL, check=True)
        self.base = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024

    def sample(self, pairs):
        # One at a time: a process begins with the memory of the one that starts it.
        return (pair for number, pair in enumerate(pairs) if number % self.every == 0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("taper")
    parser.add_argument("runner")
    parser.add_argument("--every", type=int, default=1)
    options = parser.parse_args()
    taper, runner = (str(pathlib.Path(p).resolve()) for p in (options.taper, options.runner))

    def late(*_):
        raise TimeoutError

    signal.signal(signal.SIGALRM, late)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        tries = Tries(options.every)
        tries.measure_base(taper)
        output = folder / "out.taper"
        convert = lambda path: [taper, "convert", str(path), "-o", str(output), "--no-calibrate", "--quiet"]
        small = ROOT / "Tests/Cases/config-key-with-nul"
        config = json.loads((ROOT / "Tests/Cases/chat-phi3/config.json").read_text())

        path = folder / "model.safetensors"
        for what, data in tries.sample(cases.weights()):
            path.write_bytes(data)
            tries.run("safetensors: " + what, [taper, "inspect", str(path)], [BAD_DATA, UNSUPPORTED], bytes_given=len(data))
        path.unlink()
        path = folder / "model.gguf"
        for what, data in tries.sample(cases.ggufs()):
            path.write_bytes(data)
            tries.run("GGUF: " + what, convert(path), [BAD_DATA, UNSUPPORTED], output, len(data))
        model = folder / "model"
        shutil.copytree(ROOT / "Tests/Cases/chat-phi3", model)
        for what, data in tries.sample(cases.configs(config)):
            (model / "config.json").write_bytes(data)
            tries.run("config.json: " + what, convert(model), [BAD_DATA, UNSUPPORTED], output, len(data))
        good = (ROOT / "formats/golden/written/after-0.1.0-layers.taper").read_bytes()
        path = folder / "model.taper"
        for what, data in tries.sample(cases.bundles(good)):
            path.write_bytes(data)
            tries.run("bundle, verified: " + what, [taper, "inspect", str(path), "--verify"], [BAD_DATA, UNSUPPORTED, UNSOUND])
            tries.run(
                "bundle, run: " + what, [runner, "-m", str(path), "-p", "a", "-n", "2", "-q"], [BAD_DATA, UNSUPPORTED, UNSOUND],
                sound=True)
        for what, place in cases.places(folder).items():
            expected = [USAGE, BAD_DATA, NO_INPUT, INPUT_OUTPUT]
            tries.run("convert " + what, convert(place), expected, output)
            tries.run("inspect " + what, [taper, "inspect", str(place)], expected)
            tries.run("run " + what, [runner, "-m", str(place), "-p", "a"], expected)
            tries.run("prompt from " + what, [runner, "-m", str(ROOT / "formats/golden/written/after-0.1.0-layers.taper"), "-f", str(place)], expected)
            tries.run("recipe " + what, convert(small) + ["--recipe", str(place)], expected, output)
    print(f"{tries.count} malformed inputs, {len(tries.wrong)} treated wrongly; at most {tries.slowest:.2f} s "
          f"and {tries.largest >> 20} MB")
    sys.exit(1 if tries.wrong else 0)


if __name__ == "__main__":
    main()
