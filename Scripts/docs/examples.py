"""Command lines that pages show: the flags in them exist."""

import re

import programs


def flags_of(commands):
    """Flags by the name of every command and subcommand."""
    known = {}
    for command in commands:
        known[command.name] = {name for _, options in command.groups for option in options for name in option.names}
        known.update(flags_of(command.commands))
    return known


def lines(text):
    """Commands of a page: lines of code that begin with a program, and code within sentences that does."""
    for line in text.split("\n"):
        if re.match(r"(?:    |\$ )(?:\$ )?taper(?:-run)? ", line) or re.match(r"taper(?:-run)? -|taper [a-z]+ ", line):
            yield re.sub(r"^(?:    )?(?:\$ )?", "", line)
        else:
            yield from re.findall(r"`(taper(?:-run)? [^`]+)`", line)


def wrong(text, known):
    """What a page says of flags that are not there."""
    for line in lines(text):
        # Comments, quoted texts and what follows in a pipeline are no flags of ours.
        command = re.sub(r'"[^"]*"|\s#.*', "", line)
        command = re.split(r"[|;<>]|&&", command)[0]
        words = command.split()
        name = words[0]
        while len(words) > len(name.split()) and f"{name} {words[len(name.split())]}" in known:
            name += " " + words[len(name.split())]
        for flag in re.findall(r"(?<![\w@-])(--?[a-zA-Z][\w-]*)", command[len(name):]):
            if flag.replace("_", "-") not in known[name]:
                yield f"{line.strip()}: {name} has no {flag}"


def check(pages, commands):
    """Messages about all pages."""
    known = flags_of(commands)
    if "taper" not in known or "taper-run" not in known:
        raise programs.ProgramError("expected the commands of both programs")
    return [f"{page.name}: {message}" for page in pages for message in wrong(page.read_text(encoding="utf-8"), known)]
