"""Writes Fixtures/json-strings.txt: JSON texts, and what Python's json makes of them.

A line is the text in hexadecimal, a space, and what it holds: "-" where it must be refused, else the keys (K) and strings
(S) in order, each in hexadecimal UTF-8. Python's json takes lone surrogates, which no UTF-8 text can hold: refused here.

    python3 Tests/StorageTests/make_json_corpus.py      written with Python 3.11's json
"""
import json
import pathlib
import random

random.seed(20261126)
LITERAL = ["a", "hidden_size", " ", "é", "Ġ", "中", "\U0001deaa", "\U0001f600", "/", "\x7f", "\u2028", "\ufeff", "\ufffd", "\uffff"]
ESCAPED = [
    "\\n", "\\t", "\\\\", "\\\"", "\\/", "\\b", "\\f", "\\r", "\\u0041", "\\u00e9", "\\u0120", "\\u0000", "\\u001f", "\\u007f",
    "\\ufeff", "\\uFFFD", "\\uffff", "\\ud837\\udeaa", "\\uD83D\\uDE00", "\\ud800\\udc00", "\\udbff\\udfff", "\\ud877\\ude00",
]
HALVES = ["\\ud800", "\\udeaa", "\\udc00\\ud800", "\\ud837\\ud837\\udeaa", "\\ud837x\\udeaa", "\\ud837\\u0041", "\\uD83D"]
WRONG = ["\\x41", "\\u12", "\\u12g4", "\n", "\t", "\0", "\\", "\\u+123"]


def string():
    parts = random.choices(LITERAL + ESCAPED, k=random.randint(0, 6))
    if random.random() < 0.12:
        parts.insert(random.randint(0, len(parts)), random.choice(HALVES))
    if random.random() < 0.05:
        parts.insert(random.randint(0, len(parts)), random.choice(WRONG))
    return '"' + "".join(parts) + '"'


def document():
    kind = random.random()
    if kind < 0.3:
        return string()
    if kind < 0.6:
        return "[" + ", ".join(string() for _ in range(random.randint(1, 4))) + "]"
    return "{" + ",".join(f"{string()} : {string()}" for _ in range(random.randint(1, 3))) + "}"


def flat(value):
    if isinstance(value, str):
        return ["S" + value.encode().hex()]
    if isinstance(value, list) and not isinstance(value, Pairs):
        return [item for element in value for item in flat(element)]
    out = []
    for key, element in value:
        # Refused as a whole: json-c would cut such a key.
        if "\0" in key:
            raise ValueError("NUL in a key")
        out += ["K" + key.encode().hex()] + flat(element)
    if len({key for key, _ in value}) != len(value):
        raise ValueError("a key twice")
    return out


class Pairs(list):
    pass


lines, seen = [], set()
while len(lines) < 1500:
    text = document()
    if text in seen:
        continue
    seen.add(text)
    try:
        found = ",".join(flat(json.loads(text, object_pairs_hook=Pairs)))
    except (ValueError, UnicodeEncodeError):
        found = "-"
    lines.append(f"{text.encode().hex()} {found}")
path = pathlib.Path(__file__).parent / "Fixtures" / "json-strings.txt"
path.write_text("\n".join(lines) + "\n")
