"""What both programs say about their own commands and flags, asked of the programs themselves."""

import dataclasses
import json
import re
import subprocess


class ProgramError(Exception):
    """A program that cannot be asked, or whose answer has another form."""


@dataclasses.dataclass
class Option:
    names: list[str]
    help: str
    value: str | None = None
    default: str | None = None
    is_positional: bool = False
    # What a shell may offer for the value: "file", "folder", or a list of words.
    kind: str | list[str] | None = None
    # All that is possible, where the parser knows it.
    values: list[str] | None = None

    @property
    def text(self):
        ending = "; ".join(
            ([f"values: {', '.join(self.values)}"] if self.values else [])
            + ([f"default: {self.default}"] if self.default else []))
        ending = ending and f" ({ending})"
        if ending and self.help.endswith("."):
            return self.help[:-1] + ending + "."
        return self.help + ending


@dataclasses.dataclass
class Command:
    # "taper eval kl"
    name: str
    abstract: str
    usage: list[str]
    discussion: list[str] = dataclasses.field(default_factory=list)
    # Headings with their options, in the order of the help.
    groups: list[tuple[str, list[Option]]] = dataclasses.field(default_factory=list)
    commands: list["Command"] = dataclasses.field(default_factory=list)
    ending: str = ""

    @property
    def page(self):
        """Name of the manual page: that of the command under the program."""
        return "-".join(self.name.split()[:2])


def ask(program, *arguments):
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProgramError(f"{program}: {error}") from None
    if done.returncode:
        raise ProgramError(f"{program} {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def paragraphs(text):
    """Lines that were broken at a width become paragraphs; indented ones stay as they are."""
    result = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        lines = block.split("\n")
        indented = [line for line in lines if line.startswith("  ")]
        plain = " ".join(line.strip() for line in lines if not line.startswith("  "))
        result += [plain] if plain else []
        result += ["    " + line.strip() for line in indented]
    return result


def version(program):
    return ask(program, "--version").strip().split()[-1]


def workstation(program):
    """`taper` from the description that its parser prints of itself."""
    answer = json.loads(ask(program, "--experimental-dump-help"))
    if answer.get("serializationVersion") != 0 or "command" not in answer:
        raise ProgramError(f"{program}: its description has a form that is not known here")
    return _command(program, answer["command"], [])


def _command(program, described, above):
    words = [*above, described["commandName"]]
    help_text = ask(program, *words[1:], "--help")
    usage = re.search(r"^USAGE: (.+?)\n\n", help_text, re.M | re.S)
    if not usage:
        raise ProgramError(f"{' '.join(words)}: its help shows no usage")
    result = Command(
        " ".join(words), described["abstract"], [line.strip() for line in usage.group(1).split("\n")],
        paragraphs(described.get("discussion", "")))
    groups = {}
    for item in described.get("arguments", []):
        if item.get("shouldDisplay", True):
            title = item.get("sectionTitle") or ("Arguments" if item["kind"] == "positional" else "Options")
            groups.setdefault(title, []).append(_option(item))
    order = sorted(groups, key=lambda title: (title != "Arguments", title == "Options"))
    result.groups = [(title, groups[title]) for title in order]
    for below in described.get("subcommands", []):
        if below["commandName"] != "help" and below.get("shouldDisplay", True):
            result.commands.append(_command(program, below, words))
    return result


def _option(item):
    dashes = {"short": "-", "long": "--", "longWithSingleDash": "-"}
    names = [dashes[name["kind"]] + name["name"] for name in item.get("names", [])]
    names.sort(key=lambda name: name.startswith("--"))
    kind, described = None, item.get("completionKind", {})
    if "list" in described:
        kind = described["list"]["values"]
    elif "file" in described:
        kind = "file"
    elif "directory" in described:
        kind = "folder"
    elif item.get("allValues"):
        kind = item["allValues"]
    return Option(
        names, item.get("abstract", ""), None if item["kind"] == "flag" else item["valueName"],
        item.get("defaultValue") if item["kind"] != "flag" else None, item["kind"] == "positional", kind,
        item.get("allValues"))


# What of the runner's values a shell can offer; the runner itself has no room for completions.
RUNNER_KINDS = {"FILE": "file", "S": ["static:", "learned", "fixed"]}


def runner(program):
    """`taper-run` from its help, which it prints from the table that its parser reads."""
    lines = ask(program, "--help").rstrip("\n").split("\n")
    usage = lines[0].removeprefix("usage: ")
    if usage == lines[0] or len(lines) < 4:
        raise ProgramError(f"{program}: its help has a form that is not known here")
    result = Command("taper-run", lines[2], [usage])
    pending = None
    for line in lines[3:]:
        if not line:
            continue
        if re.fullmatch(r"[A-Z].*:", line):
            result.groups.append((line[:-1], []))
        elif line.startswith("  -"):
            # Names end where two blanks or the line do; the help may stand on the next line.
            left, _, text = line.strip().partition("  ")
            pending = _runner_option(left, text.strip())
            result.groups[-1][1].append(pending)
        elif line.startswith(" " * 30) and pending:
            pending.help = (pending.help + " " + line.strip()).strip()
        elif result.groups:
            result.ending = (result.ending + " " + line).strip()
    if not result.groups or any(not option.help for _, options in result.groups for option in options):
        raise ProgramError(f"{program}: its help has a form that is not known here")
    return result


def _runner_option(left, text):
    *names, last = left.split(", ")
    name, _, value = last.partition(" ")
    return Option([*names, name], text, value or None, kind=RUNNER_KINDS.get(value))
