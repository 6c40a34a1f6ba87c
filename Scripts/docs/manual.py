"""Manual pages (man(7)) of commands."""

import re
import textwrap


def escaped(text, wraps=True):
    """Text as roff takes it literally: no escapes, no line that looks like a request, code in bold."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = re.sub(r"`([^`]+)`", r"\\fB\1\\fP", text)
    text = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text)
    if wraps:
        text = "\n".join(textwrap.wrap(text, 79, break_long_words=False, break_on_hyphens=False))
    return "\n".join(("\\&" + line) if line[:1] in ".'" else line for line in text.split("\n"))


def names(option):
    value = f" \\fI{escaped(option.value)}\\fP" if option.value and not option.is_positional else ""
    if option.is_positional:
        return f"\\fI{escaped(option.value)}\\fP"
    return ", ".join(f"\\fB{escaped(name)}\\fP" for name in option.names) + value


def options(groups, nested=False):
    lines = []
    for title, group in groups:
        if nested:
            lines += [".PP", f"\\fI{escaped(title)}\\fP"]
        else:
            lines.append(f".SH {escaped(title).upper()}")
        for option in group:
            lines += [".TP", names(option), escaped(option.text)]
    return lines


def discussion(texts):
    lines = []
    for place, text in enumerate(texts):
        if text.startswith("    "):
            lines += [".PP", ".EX", escaped(text.strip(), wraps=False), ".EE"]
        else:
            lines += ([".PP"] if place else []) + [escaped(text)]
    return lines


def synopsis(usage):
    lines = []
    for place, line in enumerate(usage):
        lines += ([".br"] if place else []) + [escaped(line)]
    return lines


def prose(markdown):
    """Text of a page's section: paragraphs, indented or fenced code, and tables of two columns."""
    lines, inside = [], False
    # The row above a table's rule names the columns.
    markdown = re.sub(r"^\|.*\n\|[-|: ]+\|$", "", markdown, flags=re.M)
    for line in re.sub(r"\n{2,}", "\n\n", markdown.strip("\n")).split("\n"):
        code = line.startswith("    ") or line.startswith("```")
        if code and not inside:
            lines += [".PP", ".EX"]
        elif inside and line.strip() and not code:
            lines += [".EE", ".PP"]
        if line.strip() or inside:
            inside = code or (inside and not line.strip())
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|"):
            if len(cells) > 1 and cells[0]:
                lines += [".TP", escaped(cells[0]), escaped(cells[1])]
        elif line.strip():
            lines.append(escaped(line.strip(), wraps=False) if code else escaped(line))
        elif lines and not inside and lines[-1] != ".PP":
            lines.append(".PP")
    if inside:
        lines.append(".EE")
    while lines and lines[-1] == ".PP":
        lines.pop()
    if lines and lines[0] == ".PP":
        lines.pop(0)
    return [line for place, line in enumerate(lines) if line != ".PP" or lines[place + 1:place + 2] != [".PP"]]


def page(command, version, date, sections, related):
    """The whole page. `sections` are headings with Markdown, `related` names of other pages."""
    title = command.page.upper()
    lines = [
        f'.TH {escaped(title)} 1 "{date}" "Taper {version}" "Taper"', ".SH NAME",
        f"{escaped(command.page)} \\- {escaped(command.abstract.rstrip('.'))}", ".SH SYNOPSIS", *synopsis(command.usage),
    ]
    texts = [*command.discussion, *([command.ending] if command.ending else [])] or [command.abstract]
    lines += [".SH DESCRIPTION", *discussion(texts)]
    if command.commands:
        lines.append(".SH COMMANDS")
        for below in command.commands:
            if command.name == "taper":
                lines += [".TP", f"\\fB{escaped(below.page)}\\fP(1)", escaped(below.abstract)]
                continue
            lines += [f".SS {escaped(below.name)}", escaped(below.abstract), ".PP", *synopsis(below.usage)]
            lines += [".PP", *discussion(below.discussion)] if below.discussion else []
            lines += options(below.groups, nested=True)
    lines += options(command.groups)
    for heading, text in sections:
        lines += [f".SH {escaped(heading).upper()}", *prose(text)]
    if related:
        links = [f"\\fB{escaped(name)}\\fP(1)" for name in related if name != command.page]
        lines += [".SH SEE ALSO", ",\n".join(links)]
    return "\n".join(lines) + "\n"
