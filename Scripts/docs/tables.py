"""Markdown written from recorded runs: whole sections, and tables between markers of any page."""

import datetime
import re

from records import RecordError, show

MARKER = re.compile(r"(<!-- record ([a-z0-9-]+)(?:\.([a-z0-9-]+))? -->\n)(.*?)(<!-- end -->)", re.S)


def table(name, record, view=None):
    """The record's table, or the part of it that a view chooses."""
    columns, rows = record["columns"], record["rows"]
    keys = [column["key"] for column in columns]
    choice = {}
    if view is not None:
        if view not in record.get("views", {}):
            raise RecordError(f"{name}: there is no view \"{view}\"")
        choice = record["views"][view]
    for key, values in choice.get("where", {}).items():
        rows = [row for row in rows if row[keys.index(key)] in values]
    if not rows:
        raise RecordError(f"{name}.{view}: no row is left")
    places = [keys.index(key) for key in choice.get("columns", keys)]
    titles, formats = choice.get("titles", {}), choice.get("formats", {})
    lines = [[titles.get(keys[place], columns[place]["title"]).strip() for place in places]]
    lines.append(["---" if columns[place].get("align") == "left" else "---:" for place in places])
    for row in rows:
        lines.append([
            show(row[place], columns[place], name, formats.get(keys[place])) for place in places
        ])
    rule = lines.pop(1)
    text = ["| " + " | ".join(lines[0]) + " |", "|" + "|".join(rule) + "|"]
    text += ["| " + " | ".join(line) + " |" for line in lines[1:]]
    return "\n".join(text).replace("|  |", "| |").replace("|  |", "| |") + "\n"


def day(date):
    parsed = datetime.date.fromisoformat(date)
    return f"{parsed.day} {parsed:%B %Y}"


def source(record, brief=False):
    """When, where and with what a record was measured; in brief without how that is known."""
    text = f"{day(record['date'])}, {record['machine']['name']}, version {record['version']} at `{record['commit']}`"
    return text + (f"; {record['recorded']}" if "recorded" in record and not brief else "")


def section(name, record):
    """A record with its prose, its table and where it comes from."""
    text = [f"### {record['title']}"]
    text += record.get("intro", [])
    text.append(table(name, record).rstrip("\n"))
    text += record.get("notes", [])
    text.append(f"*{source(record)}.* [Record](results/{name}.json).")
    text.append("\n".join("    " + line for command in record["commands"] for line in command.split("\n")))
    return "\n\n".join(text)


def machines(records):
    """One row for every machine; two records must not mean different ones by one name."""
    known = {}
    for name, record in records.items():
        machine = record["machine"]
        if known.setdefault(machine["name"], machine) != machine:
            raise RecordError(f"{name}: another machine is called \"{machine['name']}\" too")
    lines = ["| machine | processor | cores | memory | |", "|---|---|---:|---:|---|"]
    for machine in known.values():
        memory = machine["memory"] if isinstance(machine["memory"], str) else f"{machine['memory']} GB"
        note = machine.get("note", "")
        lines.append(f"| {machine['name']} | {machine['cpu']} | {machine['cores']} | {memory} | {note} |")
    return "\n".join(lines)


def results(records, page):
    """docs/results.md."""
    text = [
        "<!-- Written by Scripts/write-results.py from docs/results/*.json; change those, then `make results`. -->",
        f"# {page['title']}", *page["intro"], machines(records),
    ]
    for part in page["sections"]:
        text.append(f"## {part['title']}")
        text += part.get("intro", [])
        text += [section(name, records[name]) for name in part.get("records", [])]
        text += part.get("notes", [])
    return "\n\n".join(text) + "\n"


def fill(text, records, where, folder):
    """A page with the tables between its markers written anew, and the names of the records it shows.

    `folder` leads from the page to the records.
    """
    names = set()

    def replace(match):
        opening, name, view, _, closing = match.groups()
        if name not in records:
            raise RecordError(f"{where}: there is no record \"{name}\"")
        names.add(name)
        line = f"\n*{source(records[name], view is not None)}* ([record]({folder}/{name}.json))\n"
        return opening + table(name, records[name], view) + line + closing

    filled = MARKER.sub(replace, text)
    if text.count("<!-- record ") != len(MARKER.findall(text)):
        raise RecordError(f"{where}: a marker of a record has no end, or names it badly")
    return filled, names
