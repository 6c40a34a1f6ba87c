#!/usr/bin/env python3
"""Quality of bundles beside llama.cpp's own quantizations of the same weights, at the bytes each reads per token.

    Benchmarks/peers/build_llama.sh build/peer llama-quantize llama-imatrix
    python3 Benchmarks/peers/quality.py --peer build/peer --model model.gguf --calibration text --data test.txt model.taper ...

The importance matrix is of the calibration text; both sides should know the same one. A model that is quantized already is taken
for its dequantized weights, by both. Every file is then measured by `taper eval compare` with the model as full precision; its
report goes to --report.
"""
import argparse
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path


def run(*command, **options):
    print("+ " + " ".join(map(str, command)), file=sys.stderr)
    result = subprocess.run(list(map(str, command)), **options)
    if result.returncode:
        sys.exit(f"{command[0]} ended with status {result.returncode}" + ("\n" + result.stderr[-2000:] if result.stderr else ""))
    return result


def made(path, *command):
    """Runs a program that writes to {out}, unless its result is there already; half a result never is."""
    if not path.exists():
        part = path.with_name("part-" + path.name)
        run(*[part if word == "{out}" else word for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        os.replace(part, path)
    return path


def quantized(args, programs, work):
    """Files of the types asked for; their names tell model and calibration text apart."""
    facts = [(os.path.realpath(path), os.stat(path).st_size, os.stat(path).st_mtime) for path in (args.model, args.calibration)]
    key = hashlib.sha256(repr((facts, args.window)).encode()).hexdigest()[:8]
    matrix = made(work / f"importance-{key}.gguf", programs / "llama-imatrix", "-m", args.model, "-f", args.calibration, "-o", "{out}",
                  "-c", args.window, "-t", args.threads)
    return [made(work / f"{Path(args.model).stem}-{key}-{kind}.gguf", programs / "llama-quantize", "--allow-requantize", "--imatrix",
                 matrix, args.model, "{out}", kind, args.threads) for kind in args.types.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="*")
    parser.add_argument("--taper", default=".build/release/taper")
    parser.add_argument("--peer", required=True, help="folder of build_llama.sh")
    parser.add_argument("--model", required=True, help="GGUF file that everything is made of")
    parser.add_argument("--calibration", required=True, help="text of the importance matrix")
    parser.add_argument("--data", required=True, help="text to measure on")
    parser.add_argument("--types", default="Q2_K,Q3_K_S,Q3_K_M,Q4_0")
    parser.add_argument("--window", default="512")
    parser.add_argument("--windows", default="16")
    parser.add_argument("--threads", default=str(os.cpu_count()))
    parser.add_argument("--work", help="folder of the quantized files (default: PEER/quality)")
    parser.add_argument("--report", help="folder for the report")
    args = parser.parse_args()
    work = Path(args.work or Path(args.peer) / "quality")
    work.mkdir(parents=True, exist_ok=True)
    files = quantized(args, Path(args.peer) / "build" / "bin", work)
    command = [args.taper, "eval", "compare", *args.bundles, *files, "--reference", args.model, "-f", args.data, "--window", args.window,
               "--windows", args.windows, "-t", args.threads, "--json", "--quiet"]
    if args.report:
        command += ["--report", args.report]
    json.dump(json.loads(run(*command, stdout=subprocess.PIPE).stdout), sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
