#!/usr/bin/env python3
"""Pages, manual pages and completion of both programs, from what the programs say of themselves.

    Scripts/write-commands.py pages TAPER RUNNER           the help in docs/commands/*.md
    Scripts/write-commands.py check TAPER RUNNER           the same, but only says what differs; exit code 1 if anything does
    Scripts/write-commands.py share FOLDER TAPER RUNNER    FOLDER/man/man1 and completion for bash, zsh and fish

TAPER and RUNNER are the built programs. What is written by hand in docs/commands stays; manual pages repeat it.
"""

import datetime
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "docs"))

import completions
import examples
import manual
import programs

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "commands"
OPENING, CLOSING = "<!-- help -->", "<!-- end -->"
# Sections of the overview that every manual page ends with.
COMMON = ("Exit status", "Environment", "Files")


def cell(text):
    """Text of a table's cell: nothing in it means anything to Markdown."""
    return re.sub(r"([\\|<*])", r"\\\1", text).replace("\n", " ")


def help_of(command, level=2):
    """Usage, words and options of a command and those below it, as Markdown."""
    text = ["\n".join("    " + line for line in command.usage)]
    # A command that stands on its own page is named there by its abstract.
    text += [command.abstract] if level > 2 else []
    if command.discussion:
        text.append("\n\n".join(command.discussion))
    for title, options in command.groups:
        rows = [f"| {title.lower()} | |", "|---|---|"]
        for option in options:
            if option.is_positional:
                name = f"`<{option.value}>`"
            else:
                name = ", ".join(f"`{name}`" for name in option.names)
                if option.value:
                    name = name[:-1] + f" {option.value}`" if command.name == "taper-run" else name[:-1] + f" <{option.value}>`"
            name = name.replace("|", "\\|")
            rows.append(f"| {name} | {cell(option.text)} |")
        text.append("\n".join(rows))
    if command.ending:
        text.append(command.ending)
    for below in command.commands:
        if command.name != "taper":
            text.append(f"{'#' * (level + 1)} {below.name}\n\n{help_of(below, level + 1)}")
    if command.name == "taper":
        rows = [f"| [{below.name}]({below.page}.md) | {cell(below.abstract)} |" for below in command.commands]
        text.insert(1, "\n".join(["| command | |", "|---|---|", *rows]))
    return "\n\n".join(text)


def filled(path, command):
    """The page with the help written anew; a command without a page gets one."""
    text = path.read_text(encoding="utf-8") if path.exists() else (
        f"# {command.name}\n{command.abstract}\n\n## Options\n{OPENING}\n{CLOSING}\n")
    before, opening, rest = text.partition(OPENING)
    _, closing, after = rest.partition(CLOSING)
    if not opening or not closing:
        raise programs.ProgramError(f"{path.name}: no place for the help: {OPENING} and {CLOSING}")
    return f"{before}{OPENING}\n{help_of(command)}\n{CLOSING}{after}"


def sections(path):
    """What stands under the headings of a page, without the help."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(re.escape(OPENING) + ".*?" + re.escape(CLOSING), "", text, flags=re.S)
    parts = re.split(r"^## (.+)$", text, flags=re.M)
    return [(title, body) for title, body in zip(parts[1::2], parts[2::2]) if body.strip()]


def read(taper, runner):
    """Every command that has a page of its own."""
    top = programs.workstation(taper)
    return [top, *top.commands, programs.runner(runner)], programs.version(taper)


def pages(commands):
    return {FOLDER / f"{command.page}.md": command for command in commands}


def check(commands, writes):
    status = 0
    for path, command in pages(commands).items():
        text = filled(path, command)
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if writes:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
        else:
            print(f"error: {path.relative_to(ROOT)} is not what the programs say; run `make commands`", file=sys.stderr)
            status = 1
    shown = [*ROOT.glob("*.md")]
    for name in ("docs", "formats", "pipelines", "samples"):
        shown += (ROOT / name).rglob("*.md")
    for message in examples.check(sorted(shown), commands):
        print(f"error: {message}", file=sys.stderr)
        status = 1
    known = {path.name for path in pages(commands)} | {"README.md"}
    for path in sorted(FOLDER.glob("*.md")):
        if path.name not in known:
            print(f"error: {path.relative_to(ROOT)}: there is no such command", file=sys.stderr)
            status = 1
    return status


def date():
    """The day of the sources: the same sources give the same pages."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    if seconds is None:
        done = subprocess.run(["git", "-C", str(ROOT), "log", "-1", "--format=%ct"], capture_output=True, text=True, check=False)
        seconds = done.stdout.strip() or None
    moment = datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc) if seconds else datetime.datetime.now()
    return moment.strftime("%Y-%m-%d")


def share(folder, commands, version, taper):
    common = [(title, body) for title, body in sections(FOLDER / "README.md") if title in COMMON]
    if len(common) != len(COMMON):
        raise programs.ProgramError(f"docs/commands/README.md: expected the sections {', '.join(COMMON)}")
    files = {}
    day, related = date(), [command.page for command in commands]
    for path, command in pages(commands).items():
        text = manual.page(command, version, day, sections(path) + common, related)
        files[f"man/man1/{command.page}.1"] = text
    places = {
        "bash": "bash-completion/completions/{}", "zsh": "zsh/site-functions/_{}", "fish": "fish/vendor_completions.d/{}.fish",
    }
    for shell, place in places.items():
        files[place.format("taper")] = programs.ask(taper, "--generate-completion-script", shell)
        files[place.format("taper-run")] = completions.SHELLS[shell](commands[-1])
    for name, text in files.items():
        path = pathlib.Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


def main(arguments):
    try:
        if len(arguments) == 3 and arguments[0] in ("pages", "check"):
            return check(read(*arguments[1:])[0], arguments[0] == "pages")
        if len(arguments) == 4 and arguments[0] == "share":
            commands, version = read(*arguments[2:])
            return share(arguments[1], commands, version, arguments[2])
    except (programs.ProgramError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(__doc__, file=sys.stderr)
    return 64


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
