"""A bundle opened by the specification: container, manifest, documents, and weights at every precision."""

from container import TENSOR_SECTION, Container
from manifest import HALF, Manifest
from refusal import demand
import documents
from screen import screens
import weights


class Bundle:
    """Opens a file as a reader of Taper does; `verify` checks what opening leaves to the first use."""

    def __init__(self, path):
        self.container = Container(path)
        self.manifest = Manifest(self.container.unpacked("manifest"))
        self._lengths()
        self.rungs = self._document("rungs", documents.rungs) or {}
        self.container.check("vectors")

    @property
    def precisions(self):
        """All whole precisions and rungs that the linear layers serve, ascending."""
        return sorted({*self.manifest.precisions, *self.rungs})

    def _lengths(self):
        """Compares the sections of tensors with what the manifest puts there."""
        lengths, sections = self.manifest.lengths, self.container.sections
        for name, length in lengths.items():
            demand(name in sections, "table of sections", f"no section '{name}'")
            stored = sections[name].stored
            demand(stored == length, f"section '{name}'", f"{stored} bytes, its tensors take {length}")
        for name in sections:
            unused = TENSOR_SECTION.fullmatch(name) and name not in lengths
            demand(not unused, f"section '{name}'", "no tensor uses it")

    def _document(self, name, check):
        """A checked JSON section, None when it is absent."""
        if name not in self.container.sections:
            return None
        return check(self.container.unpacked(name), self.manifest)

    def bits(self, precision):
        """Name to bits of every matrix at a bundle precision or rung."""
        demand(precision in self.precisions, "precision", f"{precision} is none of {self.precisions}")
        rung = self.rungs.get(precision)
        chosen = dict(zip((t.name for t in self.manifest.linear), rung)) if rung else {}
        for tensor in self.manifest.tensors.values():
            if tensor.precisions and tensor.name not in chosen:
                below = [p for p in tensor.precisions if p <= precision]
                chosen[tensor.name] = max(below, default=tensor.precisions[0])
        return chosen

    def matrix(self, name, bits=None):
        """f32 weights (rows, columns) of a matrix at one of its own precisions."""
        return weights.matrix(self, self.manifest.tensors[name], bits)

    def vector(self, name):
        """f32 elements of a norm or bias."""
        return weights.vector(self, self.manifest.tensors[name])

    def verify(self):
        """Checks every byte and every rule that this reader knows."""
        self.container.verify()
        for name, tensor in self.manifest.tensors.items():
            if len(tensor.shape) == 1:
                self.vector(name)
            elif tensor.encoding == "int8":
                weights.scales(self, tensor, "bytes")
            else:
                for p in tensor.nested:
                    weights.scales(self, tensor, f"{tensor.group}.tables.{p}")
                if HALF in tensor.precisions:
                    weights.half(self, tensor)
        documents.verify(self)
        screens(self)
