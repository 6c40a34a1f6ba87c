"""From the bytes of a section to weights: planes, tables, int8, half precision, vectors."""

import numpy as np

from refusal import demand

# Bit of a plane's byte that belongs to rows 0 to 7 of a tile.
ROW_BITS = {
    3: (2, 4, 0, 6, 3, 5, 1, 7),
    4: (3, 5, 1, 7, 2, 4, 0, 6),
    5: (4, 0, 2, 6, 5, 1, 3, 7),
    6: (5, 1, 3, 7, 4, 0, 2, 6),
    7: (0, 1, 2, 3, 4, 5, 6, 7),
    8: (0, 1, 2, 3, 4, 5, 6, 7),
}


def untile(tiles):
    """(tile rows, tile columns, 8, 64) to (rows, columns)."""
    down, across, _, _ = tiles.shape
    return tiles.transpose(0, 2, 1, 3).reshape(8 * down, 64 * across)


def part(bundle, tensor, section, index, dtype):
    """Elements of one part of a tensor, in place."""
    offset, length = tensor.parts[section][index]
    return np.frombuffer(bundle.container.mapped(section), dtype, length // np.dtype(dtype).itemsize, offset)


def scales(bundle, tensor, section):
    """The f32 scales of a matrix's rows, its second part in a section."""
    values = part(bundle, tensor, section, 1, "<f4")
    demand(np.isfinite(values).all(), f"section '{section}', tensor '{tensor.name}'", "a scale is not finite")
    return values[:, None]


def codes(bundle, tensor, bits):
    """(rows, columns) indices of the codes' first `bits` bits in their rows' tables, padding included."""
    rows, columns = tensor.padded
    down, across = rows // 8, columns // 64
    base = part(bundle, tensor, f"{tensor.group}.planes.2", 0, np.uint8).reshape(down, across, 2, 1, 64)
    shifts = np.array([0, 2, 4, 6], np.uint8).reshape(4, 1)
    index = (base >> shifts & 3).reshape(down, across, 8, 64)
    for bit in range(3, bits + 1):
        plane = part(bundle, tensor, f"{tensor.group}.planes.{bit}", 0, np.uint8).reshape(down, across, 1, 64)
        places = np.array(ROW_BITS[bit], np.uint8).reshape(8, 1)
        index = index | (plane >> places & 1) << (bit - 1)
    return untile(index)


def looked_up(entries, index, scales):
    """Weights of codes: entries of their rows' tables, less 128, in units of the rows' scales (rows, 1)."""
    return (np.take_along_axis(entries, index.astype(np.intp), 1).astype(np.float32) - 128) * scales


def nested(bundle, tensor, bits):
    """(rows, columns) weights of the codes' first `bits` bits."""
    table = f"{tensor.group}.tables.{bits}"
    entries = part(bundle, tensor, table, 0, np.uint8).reshape(-1, 1 << bits)
    return looked_up(entries, codes(bundle, tensor, bits), scales(bundle, tensor, table))


def int8(bundle, tensor):
    rows, columns = tensor.padded
    values = part(bundle, tensor, "bytes", 0, np.uint8).reshape(rows // 8, columns // 64, 8, 64)
    return (untile(values).astype(np.float32) - 128) * scales(bundle, tensor, "bytes")


def half(bundle, tensor):
    rows, columns = tensor.padded
    values = part(bundle, tensor, "linear.half", 0, "<f2").reshape(rows // 8, columns // 64, 8, 64)
    demand(np.isfinite(values).all(), f"section 'linear.half', tensor '{tensor.name}'", "a weight is not finite")
    return untile(values).astype(np.float32)


def matrix(bundle, tensor, bits):
    """f32 weights (rows, columns) at one of the tensor's precisions; int8 has none to choose from."""
    if tensor.encoding == "int8":
        weights = int8(bundle, tensor)
    else:
        weights = half(bundle, tensor) if bits == 16 else nested(bundle, tensor, bits)
    return weights[: tensor.shape[0], : tensor.shape[1]]


def vector(bundle, tensor):
    """f32 elements of a norm or bias."""
    values = part(bundle, tensor, "vectors", 0, "<f4")
    demand(np.isfinite(values).all(), f"section 'vectors', tensor '{tensor.name}'", "an element is not finite")
    return values
