"""Recorded runs: one JSON file a measurement in docs/results, read and checked here.

Numbers are read as decimals, so that a figure keeps the digits it was recorded with.
"""

import datetime
import decimal
import json
import pathlib
import re
import statistics

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "results"
PAGE = "page.json"

RECORD = "taper-record-1"
REQUIRED = {
    "schema": str, "title": str, "date": str, "machine": dict, "commands": list, "commit": str, "version": str,
    "columns": list, "rows": list,
}
# recorded: how date and commit are known where the run itself did not write them. rows_from: where in `output` the rows stand.
OPTIONAL = {"recorded": str, "intro": list, "notes": list, "views": dict, "output": dict, "rows_from": str}
MACHINE = {"name": str, "cpu": str, "cores": int, "memory": (str, int, decimal.Decimal)}
COLUMN = {"key": str, "title": str}
COLUMN_OPTIONAL = {
    "format": str, "align": str, "from": str, "reduce": str, "divide": (int, decimal.Decimal), "digits": int,
}
VIEW = {"columns": list, "where": dict, "titles": dict, "formats": dict}
SECTION = {"title": str, "intro": list, "records": list, "notes": list}


class RecordError(Exception):
    """A record that says too little, or something nobody reads."""


def parse(text, where):
    """JSON with decimals, without NaN and repeated keys."""

    def constant(word):
        raise RecordError(f"{where}: {word} is no figure")

    def pairs(items):
        keys = [key for key, _ in items]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise RecordError(f"{where}: the key \"{twice.pop()}\" stands twice")
        return dict(items)

    try:
        return json.loads(text, parse_float=decimal.Decimal, parse_constant=constant, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        raise RecordError(f"{where}: not JSON: {error}") from None


def fields(value, required, optional, where):
    """Refuses missing and unknown keys and values of another type."""
    if not isinstance(value, dict):
        raise RecordError(f"{where}: expected an object")
    for key in required:
        if key not in value:
            raise RecordError(f"{where}: \"{key}\" is missing")
    for key, found in value.items():
        kind = required.get(key) or optional.get(key)
        if kind is None:
            known = ", ".join(sorted({**required, **optional}))
            raise RecordError(f"{where}: unknown key \"{key}\"; there are {known}")
        if not isinstance(found, kind) or isinstance(found, bool):
            raise RecordError(f"{where}: \"{key}\" has the wrong type")
        # A column may have no title; nothing else that is there says nothing.
        if key != "title" and found == "" or found in ({}, []):
            raise RecordError(f"{where}: \"{key}\" is empty")


def texts(value, where):
    if not all(isinstance(text, str) and text.strip() for text in value):
        raise RecordError(f"{where}: expected a list of texts")


def check(record, where):
    """Refuses a record that a reader could not place, or that the page could not show."""
    fields(record, REQUIRED, OPTIONAL, where)
    if record["schema"] != RECORD:
        raise RecordError(f"{where}: schema \"{record['schema']}\", expected {RECORD}")
    try:
        date = datetime.date.fromisoformat(record["date"])
    except ValueError:
        raise RecordError(f"{where}: date \"{record['date']}\", expected year-month-day") from None
    if date > datetime.date.today() + datetime.timedelta(days=1):
        raise RecordError(f"{where}: date {date} has not come yet")
    if not re.fullmatch(r"[0-9a-f]{7,40}", record["commit"]):
        raise RecordError(f"{where}: commit \"{record['commit']}\", expected 7 to 40 hexadecimal digits")
    fields(record["machine"], MACHINE, {"note": str}, where + ", machine")
    for key in ("commands", "intro", "notes"):
        texts(record.get(key, []), f"{where}, {key}")
    for column in record["columns"]:
        fields(column, COLUMN, COLUMN_OPTIONAL, f"{where}, column")
        if column.get("align", "right") not in ("left", "right"):
            raise RecordError(f"{where}, column {column['key']}: align is left or right")
    keys = [column["key"] for column in record["columns"]]
    if len(set(keys)) != len(keys):
        raise RecordError(f"{where}: two columns have one key")
    for row in record["rows"]:
        if not isinstance(row, list) or len(row) != len(keys):
            raise RecordError(f"{where}: a row has not the {len(keys)} cells of the columns: {row}")
        for column, cell in zip(record["columns"], row):
            show(cell, column, where)
    for name, view in record.get("views", {}).items():
        fields(view, {}, VIEW, f"{where}, view {name}")
        for key in [*view.get("columns", []), *view.get("where", {}), *view.get("titles", {}), *view.get("formats", {})]:
            if key not in keys:
                raise RecordError(f"{where}, view {name}: no column \"{key}\"; there are {', '.join(keys)}")
    if "rows_from" in record:
        if "output" not in record:
            raise RecordError(f"{where}: rows_from without output")
        if derive(record, where) != record["rows"]:
            raise RecordError(f"{where}: rows are not those of the output; record the run again")


def show(cell, column, where, form=None):
    """A cell as text: null is empty, a text is itself, figures go through the column's format."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    figures = cell if isinstance(cell, list) else [cell]
    for figure in figures:
        if isinstance(figure, bool) or not isinstance(figure, (int, decimal.Decimal)):
            raise RecordError(f"{where}, column {column['key']}: {figure!r} is no figure")
    try:
        text = (form or column.get("format", "{}")).format(*figures)
    except (IndexError, ValueError) as error:
        raise RecordError(f"{where}, column {column['key']}: {cell} does not fit its format: {error}") from None
    if form is None and column.get("format", "{}").count("{") != len(figures):
        raise RecordError(f"{where}, column {column['key']}: {len(figures)} figures, the format has other places")
    return text


def derive(record, where):
    """The rows that the columns' rules read off a program's output."""
    found = record["output"]
    for key in record["rows_from"].split("."):
        if not isinstance(found, dict) or key not in found:
            raise RecordError(f"{where}: the output has no \"{record['rows_from']}\"")
        found = found[key]
    return [[figure(item, column, where) for column in record["columns"]] for item in found]


def figure(item, column, where):
    value = item
    for key in column.get("from", column["key"]).split("."):
        value = value.get(key) if isinstance(value, dict) else None
    if value is None or isinstance(value, str):
        return value

    def scaled(number):
        result = decimal.Decimal(number) / column.get("divide", 1)
        return round(result, column["digits"]) if "digits" in column else result

    how = column.get("reduce")
    if how is None:
        return scaled(value)
    reduced = {
        "median": lambda: scaled(statistics.median(value)),
        "range": lambda: [scaled(statistics.median(value)), scaled(min(value)), scaled(max(value))],
    }
    if how not in reduced or not isinstance(value, list) or not value:
        raise RecordError(f"{where}, column {column['key']}: reduce is median or range, of a list")
    return reduced[how]()


def read_all(folder=FOLDER):
    """All records by name, and the page that orders them."""
    records = {}
    for path in sorted(folder.glob("*.json")):
        content = parse(path.read_text(encoding="utf-8"), path.name)
        if path.name == PAGE:
            continue
        check(content, path.name)
        records[path.stem] = content
    page = parse((folder / PAGE).read_text(encoding="utf-8"), PAGE)
    fields(page, {"schema": str, "title": str, "intro": list, "sections": list}, {}, PAGE)
    for section in page["sections"]:
        fields(section, {"title": str}, SECTION, PAGE + ", section")
        for name in section.get("records", []):
            if name not in records:
                raise RecordError(f"{PAGE}: there is no record \"{name}\"")
    return records, page


def write(value, indent=0):
    """JSON as the records have it: a line for every row, column and text, figures with their digits."""
    flat = _flat(value)
    inner = isinstance(value, dict) and indent < 2 or isinstance(value, list) and indent < 2 and len(flat) > 60
    if not inner or not value:
        return flat
    pad = "  " * (indent + 1)
    if isinstance(value, dict):
        lines = [pad + json.dumps(key) + ": " + write(item, indent + 1) for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + "\n" + "  " * indent + "}"
    return "[\n" + ",\n".join(pad + _flat(item) for item in value) + "\n" + "  " * indent + "]"


def _flat(value):
    if isinstance(value, dict):
        return "{" + ", ".join(json.dumps(key, ensure_ascii=False) + ": " + _flat(item) for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flat(item) for item in value) + "]"
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    return json.dumps(value, ensure_ascii=False)
