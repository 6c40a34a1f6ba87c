"""The outer structure of a bundle: header, table of sections, padding, checksums, compressed sections."""

import mmap
import re
import struct
from typing import NamedTuple

from refusal import Refused, demand
from xxh64 import xxh64
import zstd_frame

MAGIC = b"TAPERBND"
VERSION, HEADER, ENTRY, ALIGNMENT, BLOCK = 2, 64, 80, 4096, 1 << 20
MAPPED, ZSTD = 0, 1
MIB = 1 << 20
MAX_UNPACKED = {"manifest": MIB, "tokenizer": 64 * MIB, "channels": 16 * MIB}
MAX_OTHERS = 4 * MIB
HALF_FEATURE = 1

COMPRESSED = {
    "manifest", "tokenizer", "chat", "templates", "quality", "rungs", "schedules", "channels", "powers", "texts",
    "adaptive", "learned", "learned.weights",
}
HEAD_SCREEN = re.compile(r"head\.screen\.[23]")
TENSOR_SECTION = re.compile(r"vectors|bytes|linear\.half|[a-z]{1,16}\.(planes|tables)\.[2-8]")


def up(n, a):
    return (n + a - 1) // a * a


class Section(NamedTuple):
    """An entry of the table; lengths and offset in bytes of the file."""

    name: str
    kind: int
    offset: int
    stored: int
    unpacked: int
    checksum: int

    @property
    def end(self):
        return self.offset + self.stored

    @property
    def place(self):
        return f"section '{self.name}'"


class Container:
    """A mapped file whose header, table and list of checksums hold what the specification demands.

    Sections are checked when they are read, everything else by `verify`."""

    def __init__(self, path):
        with open(path, "rb") as file:
            size = file.seek(0, 2)
            demand(size >= HEADER, "header", f"the file has {size} bytes, a header {HEADER}")
            self.data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        count = self._header()
        self.sections = {}
        end = HEADER + ENTRY * count
        for i in range(count):
            section = self._entry(i, end)
            demand(section.name not in self.sections, section.place, "the name occurs twice")
            self.sections[section.name] = section
            end = section.end
        demand(end == len(self.data), "header", f"the sections end at {end}, the file at {len(self.data)}")
        demand(section.name == "checksums", section.place, "the last section is not 'checksums'")
        for name in ("manifest", "vectors"):
            demand(name in self.sections, "table of sections", f"no section '{name}'")
        half = "linear.half" in self.sections
        demand(bool(self.features & HALF_FEATURE) == half, "header", "required feature 0 contradicts the sections")
        self._list()

    def _header(self):
        """Checks the header; returns the number of sections."""
        fields = struct.unpack_from("<8sIIQQQIIQQ", self.data)
        magic, version, length, file_length, self.features, _, count, alignment, reserved, checksum = fields
        demand(magic == MAGIC, "header", f"magic is {magic!r}, not {MAGIC!r}")
        demand(version == VERSION, "header", f"version is {version}, this reader knows {VERSION}")
        demand(length == HEADER, "header", f"header length is {length}, not {HEADER}")
        size = len(self.data)
        demand(file_length == size, "header", f"file length is {file_length}, the file has {size} bytes")
        demand(self.features & ~HALF_FEATURE == 0, "header", f"required features {self.features:#x} are not all known")
        demand(1 <= count <= 256, "header", f"{count} sections, not 1 to 256")
        demand(alignment == ALIGNMENT, "header", f"alignment is {alignment}, not {ALIGNMENT}")
        demand(reserved == 0, "header", "the reserved field is not 0")
        table = self.data[HEADER : HEADER + ENTRY * count]
        demand(len(table) == ENTRY * count, "table of sections", "the table is longer than the file")
        demand(xxh64(self.data[:56], seed=xxh64(table)) == checksum, "header", "checksum of header and table is wrong")
        return count

    def _entry(self, index, end):
        """The section of one entry, `end` being the end of what lies before it."""
        place = f"table of sections, entry {index}"
        raw, kind, reserved, *numbers = struct.unpack_from("<40sIIQQQQ", self.data, HEADER + ENTRY * index)
        name = raw.rstrip(b"\0")
        demand(re.fullmatch(rb"[A-Za-z0-9._-]{1,40}", name), place, f"{name!r} is no name of a section")
        section = Section(name.decode(), kind, *numbers)
        demand(kind in (MAPPED, ZSTD), section.place, f"kind {kind} is not known")
        demand(reserved == 0, section.place, "the reserved field is not 0")
        expected = up(end, ALIGNMENT)
        demand(section.offset == expected, section.place, f"offset is {section.offset}, not {expected}")
        demand(section.end <= len(self.data), section.place, "reaches past the end of the file")
        if kind == MAPPED:
            demand(section.unpacked == section.stored, section.place, "mapped, but the two lengths differ")
        else:
            limit = MAX_UNPACKED.get(section.name, MAX_OTHERS)
            demand(section.unpacked <= limit, section.place, f"{section.unpacked} bytes unpacked, limit {limit}")
        in_place = any(pattern.fullmatch(section.name) for pattern in (TENSOR_SECTION, HEAD_SCREEN))
        mapped = in_place or section.name == "checksums"
        required = ZSTD if section.name in COMPRESSED else MAPPED if mapped else kind
        demand(kind == required, section.place, f"kind is {kind}, not {required}")
        return section

    def _list(self):
        """Checks the list of block checksums and its sums in the table; keeps the part of every section."""
        last = self.sections["checksums"]
        stored = self.data[last.offset : last.end]
        blocks = {s.name: up(s.stored, BLOCK) // BLOCK for s in self.sections.values() if s is not last}
        count = sum(blocks.values())
        demand(len(stored) == 8 * count, last.place, f"{len(stored)} bytes for {count} blocks")
        demand(xxh64(stored) == last.checksum, last.place, "the checksum is wrong")
        self.blocks, at = {}, 0
        for name, count in blocks.items():
            part = stored[at : at + 8 * count]
            self.blocks[name] = [block for (block,) in struct.iter_unpack("<Q", part)]
            total = self.blocks[name][0] if count == 1 else xxh64(part)
            demand(total == self.sections[name].checksum, f"section '{name}'", "its checksum is not that of its blocks")
            at += 8 * count

    def check(self, name):
        """Compares every block of a section with its checksum."""
        section = self.sections[name]
        for i, expected in enumerate(self.blocks[name]):
            block = self.data[section.offset + i * BLOCK : min(section.end, section.offset + (i + 1) * BLOCK)]
            demand(xxh64(block) == expected, section.place, f"block {i} is damaged")

    def mapped(self, name):
        """The bytes of a section in place, unchecked: tensors are large."""
        section = self.sections[name]
        return self.data[section.offset : section.end]

    def unpacked(self, name):
        """The checked content of a zstd section."""
        section = self.sections[name]
        self.check(name)
        return zstd_frame.unpack(bytes(self.mapped(name)), section.unpacked, section.place)

    def verify(self):
        """Checks every section and every byte of padding."""
        end = HEADER + ENTRY * len(self.sections)
        for section in self.sections.values():
            demand(not any(self.data[end : section.offset]), section.place, "padding before it is not zero")
            end = section.end
            if section.kind == ZSTD:
                self.unpacked(section.name)
            elif section.name != "checksums":
                self.check(section.name)
