"""JSON as `bundle.md` and `limits.md` allow it: stricter than Python's parser, and bounded before it runs."""

import json
import math
import re
import sys

from refusal import Refused, demand

MAX_DEPTH = 64
MAX_MEMORY = 64 << 20
STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def parse(text, place):
    """The value of a JSON text in UTF-8."""
    bound(text, place)

    def unique(pairs):
        value = dict(pairs)
        demand(len(value) == len(pairs), place, "a key occurs twice")
        demand(not any("\0" in key for key in value), place, "NUL in a key")
        return value

    def refuse(constant):
        raise Refused(place, f"{constant} is no JSON")

    try:
        decoded = text.decode("utf-8")
        value = json.loads(decoded, object_pairs_hook=unique, parse_constant=refuse)
        # A lone half of a surrogate pair has no UTF-8; only an escape can bring one in.
        if "\\u" in decoded:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        return value
    except ValueError as error:
        raise Refused(place, f"no JSON: {error}") from None


def bound(text, place):
    """Refuses depth and memory beyond the limits, from the punctuation outside strings."""
    depth = deepest = 0
    punctuation = re.sub(rb"[^][{},]", b"", STRINGS.sub(b"", text))
    for mark in punctuation:
        if mark in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in b"]}":
            depth -= 1
    demand(deepest <= MAX_DEPTH, place, f"JSON has more than {MAX_DEPTH} levels")
    arrays, objects = punctuation.count(b"["), punctuation.count(b"{")
    # Every value but the first of a container follows a comma.
    values = punctuation.count(b",") + arrays + objects + 1
    memory = 2 * len(text) + 120 * values + 350 * arrays + 850 * objects
    demand(memory <= MAX_MEMORY, place, f"parsed JSON would take about {memory} bytes, limit {MAX_MEMORY}")


def is_integer(value, low=-math.inf, high=math.inf):
    """Whether a value is a JSON number without fraction and exponent, in a range."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def is_number(value, low=-math.inf, high=math.inf):
    """Whether a value is a finite number in a range; one beyond binary64 is infinite."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and abs(value) <= sys.float_info.max and low <= value <= high
