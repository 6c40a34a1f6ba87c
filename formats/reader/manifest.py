"""The manifest: which tensors the bundle holds, in which encodings, and so where their parts lie."""

import re
from typing import NamedTuple

from container import up
from refusal import demand
from strict_json import is_integer, parse
import model as description

PLACE = "section 'manifest'"
SCHEMAS = ("taper-bundle-1", "taper-bundle-2")
HALF = 16


class Tensor(NamedTuple):
    """One tensor and, by section, the offset and byte count of its parts there."""

    name: str
    shape: tuple
    encoding: str
    group: str
    precisions: tuple
    parts: dict

    @property
    def padded(self):
        """Rows and columns of the tiles that hold a matrix."""
        return up(self.shape[0], 8), up(self.shape[1], 64)

    @property
    def nested(self):
        """Its precisions that are prefixes of codes, ascending."""
        return tuple(p for p in self.precisions if p != HALF)


class Manifest:
    """The checked manifest. `lengths` says how long each section of tensors has to be."""

    def __init__(self, text):
        value = parse(text, PLACE)
        demand(isinstance(value, dict), PLACE, "no object")
        schema = value.get("schema")
        demand(schema in SCHEMAS, PLACE, f"schema is {schema}, not one of {', '.join(SCHEMAS)}")
        self.model = value.get("model")
        description.check(self.model)
        second = self.model.keys() & description.SECOND
        demand(schema == SCHEMAS[1] or not second, PLACE, f"'{min(second, default='')}' needs the schema {SCHEMAS[1]}")
        self.precisions = precisions(value.get("precisions"), PLACE, half=True)
        self.provenance = value.get("provenance")
        self.lengths, self.tensors = {}, {}
        array = value.get("tensors")
        demand(isinstance(array, list) and len(array) <= 1 << 20, PLACE, "'tensors' is no array of at most 1048576")
        asked = description.tensors(self.model)
        for entry in array:
            tensor = self._tensor(entry, asked)
            self.tensors[tensor.name] = tensor
        missing = asked.keys() - self.tensors.keys()
        demand(not missing, PLACE, f"tensor '{min(missing, default='')}' is missing")

    @property
    def nested(self):
        """The bundle's precisions of 2 to 8."""
        return tuple(p for p in self.precisions if p != HALF)

    @property
    def linear(self):
        """The matrices of the blocks, in the manifest's order: what a rung allots bits to."""
        return [t for t in self.tensors.values() if t.group == "linear"]

    @property
    def head(self):
        """The matrix that makes logits; with tied embeddings the embedding."""
        return self.tensors["model.embed_tokens.weight" if self.model["tie_word_embeddings"] else "lm_head.weight"]

    def _tensor(self, entry, asked):
        """Checks one element of `tensors` and places its parts."""
        demand(isinstance(entry, dict), PLACE, "a tensor is no object")
        name, shape, encoding = entry.get("name"), entry.get("shape"), entry.get("encoding")
        demand(isinstance(name, str) and name in asked, PLACE, f"the model has no tensor '{name}'")
        place = f"{PLACE}, tensor '{name}'"
        demand(name not in self.tensors, place, "occurs twice")
        demand(isinstance(shape, list) and all(is_integer(n) for n in shape) and shape == asked[name], place,
               f"shape is {shape}, the model asks for {asked[name]}")
        demand(encoding in ("nested", "int8", "f32"), place, f"encoding {encoding} is not known")
        demand((encoding == "f32") == (len(shape) == 1), place, f"encoding {encoding} does not fit shape {shape}")
        group, own = None, ()
        if encoding == "nested":
            group = entry.get("group")
            demand(isinstance(group, str) and re.fullmatch("[a-z]{1,16}", group), place, f"'{group}' is no group")
            own = precisions(entry.get("precisions"), place, half=group == "linear")
        if len(shape) == 2:
            block = name.startswith("model.layers.")
            demand((group == "linear") == block, place, "the group 'linear' is that of the blocks' matrices, no others")
            demand(not block or own == self.precisions, place, "its precisions are not the bundle's")
        tensor = Tensor(name, tuple(shape), encoding, group, own, {})
        for section, length in parts(tensor):
            offset = up(self.lengths.get(section, 0), 64)
            tensor.parts.setdefault(section, []).append((offset, length))
            self.lengths[section] = offset + length
        return tensor


def precisions(value, place, half):
    """Checked precisions as a tuple: ascending, 2 to 8, then perhaps 16."""
    demand(isinstance(value, list) and all(is_integer(p) for p in value), place, "'precisions' is no array of integers")
    nested = value[:-1] if half and value[-1:] == [HALF] else value
    demand(nested and all(2 <= p <= 8 for p in nested), place, f"precisions {value} are not 2 to 8, at least one")
    demand(all(a < b for a, b in zip(nested, nested[1:])), place, f"precisions {value} do not rise")
    return tuple(value)


def parts(tensor):
    """Section and byte count of every part, in the order in which they are placed."""
    if tensor.encoding == "f32":
        yield "vectors", 4 * tensor.shape[0]
        return
    rows, columns = tensor.padded
    if tensor.encoding == "int8":
        yield "bytes", rows * columns
        yield "bytes", 4 * rows
        return
    tiles = rows // 8 * (columns // 64)
    yield f"{tensor.group}.planes.2", 128 * tiles
    for bit in range(3, tensor.nested[-1] + 1):
        yield f"{tensor.group}.planes.{bit}", 64 * tiles
    for p in tensor.nested:
        yield f"{tensor.group}.tables.{p}", rows << p
        yield f"{tensor.group}.tables.{p}", 4 * rows
    if HALF in tensor.precisions:
        yield "linear.half", 2 * rows * columns
