"""Screens of the head: scores of all rows from its leading bits, and the rows that can be among the largest logits."""

import re
import struct

import numpy as np

from container import HEAD_SCREEN, up
from refusal import demand
import weights
from xxh64 import xxh64

VERSION, HEADER, BLOCK, TILE = 1, 64, 16, 8
MOST = 1 << 30
# Name, format and range of every field, in the header's order; then a reserved one.
FIELDS = [
    ("lead_bits", "I", 2, 3), ("directions", "I", 0, 64), ("rows", "I", 1, MOST), ("columns", "I", 1, MOST),
    ("margin", "f", 1, 64), ("tokens", "Q", 0, 1 << 50), ("misses", "Q", 0, 1 << 50), ("largest", "f", 0, 1e6),
    ("tile_rows_for_one", "f", 0, MOST), ("tile_rows_for_forty", "f", 0, MOST), ("head", "Q", 0, (1 << 64) - 1),
]


class Screen:
    """The checked section `head.screen.<bits>` of a bundle.

    `header` holds its fields. Of the parts, without rows that only pad: `basis` (directions, columns), `units`
    (directions), the leading bits' `scales` (rows, 1) and `entries` (rows, 2^bits), `deviations` (rows), and
    `projections` (rows, directions) in units of `projection_scales` (rows)."""

    def __init__(self, bundle, name):
        self.bundle, self.place = bundle, f"section '{name}'"
        content = bundle.container.mapped(name)
        header = self.header = self._header(content)
        self.lead_bits, self.margin = header["lead_bits"], header["margin"]
        head = self.head = bundle.manifest.head
        own = head.nested[0] if head.encoding == "nested" else 0
        demand(own > self.lead_bits, self.place, f"{self.lead_bits} leading bits of a head with {own} in nested codes")
        demand(header["head"] == checksum(bundle), self.place, "it was made from other codes or tables of the head")
        shape = header["rows"], header["columns"]
        demand(shape == head.shape, self.place, f"rows and columns are {shape}, those of the head {head.shape}")
        demand(name == f"head.screen.{self.lead_bits}", self.place, f"its header says {self.lead_bits} leading bits")

        rows, columns, directions, padded = *shape, header["directions"], up(shape[0], BLOCK)
        lengths = [4 * directions * columns, 4 * directions, 4 * padded, padded << self.lead_bits, 4 * padded,
                   4 * padded, directions * padded]
        offsets, end = [], HEADER
        for length in lengths:
            offsets.append(up(end, 64))
            end = offsets[-1] + length
        demand(len(content) == end, self.place, f"{len(content)} bytes, its header asks for {end}")
        parts = [content[offset : offset + length] for offset, length in zip(offsets, lengths)]

        def floats(part, what):
            values = np.frombuffer(part, "<f4")
            demand(np.isfinite(values).all(), self.place, f"one of the {what} is not finite")
            return values

        self.basis = floats(parts[0], "directions").reshape(directions, columns)
        self.units = floats(parts[1], "units")
        demand((self.units > 0).all(), self.place, "a unit is not above 0")
        self.scales = floats(parts[2], "scales")[:rows, None]
        self.entries = np.frombuffer(parts[3], np.uint8).reshape(padded, -1)[:rows]
        self.projection_scales = floats(parts[4], "scales of projections")[:rows]
        self.deviations = floats(parts[5], "deviations")[:rows]
        demand((self.deviations >= 0).all(), self.place, "a deviation is negative")
        blocks = np.frombuffer(parts[6], np.int8).reshape(padded // BLOCK, directions, BLOCK)
        self.projections = blocks.transpose(0, 2, 1).reshape(padded, directions)[:rows]
        self._lead = None

    def _header(self, content):
        demand(len(content) >= HEADER, self.place, f"{len(content)} bytes, its header has {HEADER}")
        _, *numbers = struct.unpack_from("<I" + "".join(kind for _, kind, _, _ in FIELDS) + "I", content)
        header = {}
        for (key, _, low, high), value in zip(FIELDS, numbers):
            demand(low <= value <= high, self.place, f"'{key}' is {value}, not {low} to {high}")
            header[key] = value
        demand(not any(numbers[len(FIELDS):]), self.place, "a reserved field is not 0")
        return header

    @property
    def lead(self):
        """(rows, columns): the head in its leading bits, by the section's own table."""
        if self._lead is None:
            rows, columns = self.head.shape
            index = weights.codes(self.bundle, self.head, self.lead_bits)[:rows, :columns]
            self._lead = weights.looked_up(self.entries, index, self.scales)
        return self._lead

    def split(self, state):
        """A state's coefficients along the directions, in their units, and its length outside of them."""
        along = self.basis @ state
        return along / self.units, np.sqrt(max(np.float32(0), state @ state - along @ along))

    def scores(self, state, bias=0):
        """What is known of every row's logit before it is read in full: (rows)."""
        coefficients, _ = self.split(state)
        return self.lead @ state + bias + self.projection_scales * (self.projections @ coefficients)

    def kept(self, state, leading, exact, bias=0):
        """Rows that the `leading` largest logits are among; `exact` gives the logits, before a cap, of rows."""
        scores, (_, rest) = self.scores(state, bias), self.split(state)
        tiles = np.arange(len(scores)) // TILE
        best = np.maximum.reduceat(scores, np.arange(0, len(scores), TILE))
        leaders = np.argsort(-best, kind="stable")[:leading]
        read = np.flatnonzero(np.isin(tiles, leaders))
        bound = np.sort(exact(read))[-leading:][0]
        # Rounding, beside chance. What is no number is not below the bound.
        low = bound - 1e-5 * (1 + abs(bound))
        near = ~(scores + rest * self.margin * self.deviations < low)
        return np.flatnonzero(np.isin(tiles, np.append(leaders, tiles[near])))


def checksum(bundle):
    """Of the head's codes and tables, from the checksums of its group's sections in the order of the file."""
    group = re.compile(re.escape(bundle.manifest.head.group) + r"\.(planes|tables)\.[2-8]")
    sums = [s.checksum for s in bundle.container.sections.values() if group.fullmatch(s.name)]
    return xxh64(struct.pack(f"<{len(sums)}Q", *sums))


def screens(bundle):
    """All screens of a bundle that this reader knows the version of, by ascending leading bits."""
    names = sorted(filter(HEAD_SCREEN.fullmatch, bundle.container.sections))
    return [Screen(bundle, name) for name in names
            if int.from_bytes(bundle.container.mapped(name)[:4], "little") == VERSION]
