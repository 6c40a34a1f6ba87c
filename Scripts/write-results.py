#!/usr/bin/env python3
"""Writes docs/results.md, and the tables between markers of all other pages, from the recorded runs in docs/results.

With --check nothing is written: exit code 1 and the names of the pages that are not what this script would write.
"""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "docs"))

import records as recorded
import tables


def pages():
    """Every page of the project that may hold markers."""
    root = recorded.ROOT
    found = [*root.glob("*.md")]
    for folder in ("docs", "formats", "pipelines", "samples"):
        found += (root / folder).rglob("*.md")
    return sorted(page for page in found if page != root / "docs" / "results.md")


def wanted():
    """What every page should hold."""
    records, page = recorded.read_all()
    shown = {name for part in page["sections"] for name in part.get("records", [])}
    contents = {recorded.ROOT / "docs" / "results.md": tables.results(records, page)}
    for path in pages():
        folder = os.path.relpath(recorded.FOLDER, path.parent)
        contents[path], names = tables.fill(path.read_text(encoding="utf-8"), records, path.name, folder)
        shown |= names
    unseen = sorted(set(records) - shown)
    if unseen:
        raise recorded.RecordError(f"no page shows {', '.join(unseen)}: add them to docs/results/page.json")
    return contents


def main(arguments):
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 64
    try:
        contents = wanted()
    except recorded.RecordError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    stale = [
        path for path, text in contents.items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        name = path.relative_to(recorded.ROOT)
        if arguments:
            print(f"error: {name} is not what its records say; run `make results`", file=sys.stderr)
        else:
            path.write_text(contents[path], encoding="utf-8")
            print(f"wrote {name}")
    return 1 if arguments and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
