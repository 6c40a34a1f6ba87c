#!/usr/bin/env python3
"""French and English paragraphs of Debian's manual pages, as a translation task for `--task-data manpages-fr-en=FILE`.

usage: prepare-manpages.py [--from DIR] [--dev N] [--test N] FOLDER

Downloads the packages manpages, manpages-dev, manpages-fr and manpages-fr-dev with apt-get into a folder of its own (nothing is
installed; --from DIR takes .deb files that are there), pairs pages of the same name, and writes FOLDER/manpages-fr-en.dev.jsonl
and FOLDER/manpages-fr-en.test.jsonl, one {"translation": {"fr", "en"}, "page", "section"} a line.

Pages are aligned by structure: the same number of sections, and in a section the same sequence of paragraph macros; sections
that differ are left out whole. What is no prose (examples, tables, synopses, lists of names) is left out, and pairs whose
numbers differ or whose lengths do not fit. A page is in one of the files only, and no paragraph comes twice. The same packages
give the same files.

The translations are GPL-3 or later, the English pages are under licences of their own, most of which allow verbatim copies with
their notice: what this writes is yours to measure with, and is not part of Taper.
"""
import argparse
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

PACKAGES = ["manpages", "manpages-dev", "manpages-fr", "manpages-fr-dev"]
# Sections that are no prose, by their English names.
SKIPPED = {"NAME", "SYNOPSIS", "SEE ALSO", "ATTRIBUTES", "STANDARDS", "LIBRARY", "AUTHORS", "AUTHOR", "COLOPHON"}
PARAGRAPHS = {"PP", "P", "LP", "TP", "TQ", "IP", "HP", "RS", "RE"}
FONTS = {"B", "I", "BR", "RB", "BI", "IB", "IR", "RI", "SM", "SB"}
# From a macro that begins something that is no prose to the one that ends it.
VERBATIM = {"EX": "EE", "nf": "fi", "TS": "TE", "EQ": "EN", "de": ".", "ig": ".", "ie": None, "el": None, "if": None}
CHARACTERS = {
    "aq": "'", "dq": '"', "cq": "’", "oq": "‘", "lq": "“", "rq": "”", "bu": "•", "em": "—", "en": "–", "hy": "-", "ha": "^",
    "ti": "~", "rs": "\\", "mi": "-", "co": "©", "mu": "×", "->": "→", "<-": "←", "==": "≡", "<=": "≤", ">=": "≥", "+-": "±",
    "ga": "`", "aa": "´", "Fo": "«", "Fc": "»", "at": "@", "sh": "#", "de": "°", "if": "∞", "lB": "[", "rB": "]", "bs": "\\",
}


class NoProse(Exception):
    """The text has an escape that says more than letters."""


def plain(text):
    """Text of roff without its escapes."""

    def escape(match):
        kind = match[0][1:2] or "end"
        if kind == "-":
            return "-"
        if kind in " ~0":
            return " "
        if kind in "&|^/,)%:c":
            return ""
        if kind == "e":
            return "\\"
        if kind == "'" or kind == "`":
            return kind
        if kind in "fs":
            return ""
        if kind in ("(", "["):
            name = match[0][2:].rstrip("]")
            if name in CHARACTERS:
                return CHARACTERS[name]
        if kind == "*" and match[0][2:].strip("([]") in ("lq", "rq"):
            return '"'
        raise NoProse(match[0])

    text = re.sub(r'\\".*', "", text)
    text = re.sub(
        r"\\(?:f(?:\(..|\[[^]]*\]|.)|s[-+]?(?:\d\d?|\[[^]]*\])|\*(?:\(..|\[[^]]*\]|.)|\(..|\[[^]]*\]|.|$)", escape, text)
    return re.sub(r"[ \t\n\u00a0\u202f]+", " ", text).strip()


def arguments(line):
    """Of a macro: separated by blanks, or in quotes."""
    found = re.findall(r'"((?:[^"]|"")*)"?|((?:\\.|[^\s"\\])(?:\\.|[^\s\\])*)', line)
    return [quoted.replace('""', '"') if quoted else bare for quoted, bare in found]


def font(macro, line):
    """The text of a font macro: alternating ones join their arguments, the others keep the blanks."""
    return ("" if len(macro) == 2 and macro not in ("SM", "SB") else " ").join(arguments(line))


def sections(path):
    """[(title, [(macro, text or None)])] of a page; None stands for what is no prose."""
    with gzip.open(path, "rt", encoding="utf-8", errors="strict") as file:
        lines = file.read().split("\n")
    found = []
    closing = None
    lines.append(".SH")
    macro, words, is_tag, is_prose = "SH", [], False, True

    def end():
        nonlocal words, is_prose
        if found and (words or not is_prose):
            try:
                text = plain("\n".join(words)) if is_prose else None
            except NoProse:
                text = None
            found[-1][1].append((macro, text))
        words, is_prose = [], True

    for line in lines:
        if closing:
            if line.lstrip(".' ") == closing or closing == "." and line.startswith(".."):
                closing = None
            continue
        if line.startswith(('.\\"', "'\\\"", ".\\ ", "'''")):
            continue
        match = re.match(r"[.']\s*([A-Za-z]+)\s*(.*)", line)
        if not match:
            if line.startswith("."):
                continue
            if line.strip() == "":
                continue
            if is_tag:
                is_tag = False
            else:
                words.append(line)
            continue
        name, rest = match[1], match[2]
        if name in FONTS:
            if is_tag:
                is_tag = False
            elif rest:
                words.append(font(name, rest))
        elif name in ("SH", "SS"):
            end()
            try:
                title = plain(" ".join(arguments(rest)))
            except NoProse:
                title = "?"
            if name == "SH":
                found.append((title, []))
            elif found:
                found[-1][1].append(("SS", None))
            macro, is_tag = name, False
        elif name in PARAGRAPHS:
            end()
            macro, is_tag = name, name in ("TP", "TQ")
            if name in ("RS", "RE") and found:
                found[-1][1].append((name, None))
        elif name in VERBATIM:
            closing = VERBATIM[name]
            is_prose = False
        elif name in ("TH", "br", "sp", "in", "ad", "na", "hy", "nh", "PD", "DT", "ft", "ta", "UE", "ME", "fi", "EE", "ne", "so"):
            if name == "so":
                return []
        else:
            # UR, MT, OP and macros of other packages: the paragraph says more than its words.
            is_prose = False
    return [section for section in found if section[1]]


def usable(french, english):
    """Whether the two are a paragraph of prose and its translation, by all that can be seen."""
    if not french or not english or french == english or not 40 <= len(english) <= 600:
        return False
    if not 0.7 <= len(french) / len(english) <= 2.2 or french[-1] not in ".:;!?)»" or english[-1] not in ".:;!?)":
        return False
    words = re.findall(r"[a-z]{2,}", english.lower())
    if len(words) < 8 or len(set(words) & {"the", "a", "an", "is", "of", "to", "in", "and", "this", "that", "are"}) < 2:
        return False
    # Untranslated text has the words of English.
    if len(re.findall(r"\b(?:the|is|of|and|this|that|are|with)\b", french.lower())) > 2:
        return False
    return Counter(re.findall(r"\d+", french)) == Counter(re.findall(r"\d+", english))


def pairs(french, english):
    """Usable pairs of one page, with the English title of their section."""
    theirs, ours = sections(french), sections(english)
    # Who translated stands at the end of the translation alone.
    if theirs and theirs[-1][0] == "TRADUCTION":
        theirs.pop()
    if len(theirs) != len(ours):
        return
    for (_, foreign), (title, native) in zip(theirs, ours):
        if title.upper() in SKIPPED or [item[0] for item in foreign] != [item[0] for item in native]:
            continue
        for (_, a), (_, b) in zip(foreign, native):
            if usable(a, b):
                yield title, a, b


def download(folder):
    print("download " + ", ".join(PACKAGES) + " with apt-get", file=sys.stderr)
    try:
        subprocess.run(["apt-get", "-qq", "download", *PACKAGES], cwd=folder, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(
            f"prepare-manpages: the packages cannot be downloaded ({error}). This needs Debian or Ubuntu, the network and current "
            "lists (apt-get update); or name a folder that holds the .deb files with --from")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--from", dest="source", type=Path, help="folder of the four .deb files")
    parser.add_argument("--dev", type=int, default=200, help="pairs to calibrate on (default 200)")
    parser.add_argument("--test", type=int, default=1000, help="pairs to test with (default 1000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        debs = options.source or Path(work)
        if not options.source:
            download(work)
        for package in PACKAGES:
            files = sorted(debs.glob(package + "_*.deb"))
            if len(files) != 1:
                sys.exit(f"prepare-manpages: {debs} holds {len(files)} files {package}_*.deb, and must hold one")
            print(files[0].name, file=sys.stderr)
            try:
                subprocess.run(["dpkg-deb", "-x", str(files[0].resolve()), work + "/x"], check=True)
            except (OSError, subprocess.CalledProcessError) as error:
                sys.exit(f"prepare-manpages: {files[0]} cannot be unpacked ({error})")
        root = Path(work, "x/usr/share/man")
        sets = {"dev": [], "test": []}
        seen = set()
        pages = sorted((root / "fr").glob("man?/*.gz"))
        for page in pages:
            other = root / page.relative_to(root / "fr")
            if not other.exists() or other.is_symlink() or page.is_symlink():
                continue
            name = page.name.removesuffix(".gz")
            # A sixth of the pages, told by their names, is for calibration.
            use = "dev" if hashlib.sha256(name.encode()).digest()[0] % 6 == 0 else "test"
            for section, french, english in pairs(page, other):
                if french in seen or english in seen:
                    continue
                seen.update((french, english))
                sets[use].append({"translation": {"fr": french, "en": english}, "page": name, "section": section})
    options.folder.mkdir(parents=True, exist_ok=True)
    for use, count in (("dev", options.dev), ("test", options.test)):
        # In an order that has nothing to do with the pages', so that any number of first lines is a fair sample.
        lines = sorted(sets[use], key=lambda line: hashlib.sha256(line["translation"]["fr"].encode()).digest())
        path = options.folder / f"manpages-fr-en.{use}.jsonl"
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines[:count])
        part = path.with_name(path.name + ".part")
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
        print(f"{path}: {min(count, len(lines))} of {len(lines)} pairs", file=sys.stderr)


if __name__ == "__main__":
    main()
