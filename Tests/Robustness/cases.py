"""Malformed inputs by kind: each is a name, what the programs are given, and what they may end with."""
import json
import os
import random
import struct


def safetensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(kind="F32", shape=(2, 2), begin=0, end=16):
    return {"dtype": kind, "shape": list(shape), "data_offsets": [begin, end]}


def weights():
    """Safetensors files that must be refused."""
    good = safetensors({"a": tensor()}, bytes(16))
    yield "empty", b""
    yield "seven bytes", good[:7]
    yield "header of nothing", safetensors(b"")
    yield "header of 2^64-1", safetensors(b"{}", length=2**64 - 1)
    yield "header of 2^63", safetensors(b"{}", length=2**63)
    yield "header beyond the end", safetensors(b"{}", length=100)
    yield "header over the cap", safetensors(b"{}", length=100_000_001)
    yield "spaces for a header", safetensors(b" " * 3_000_000 + b"{}")
    yield "header not UTF-8", safetensors(b'{"a\xff":{}}')
    yield "byte order mark", safetensors(b"\xef\xbb\xbf{}")
    yield "text after the header", safetensors(b"{}x")
    one = json.dumps(tensor())
    yield "tensor twice", safetensors(f'{{"a":{one},"a":{one}}}'.encode(), bytes(16))
    yield "metadata twice", safetensors(b'{"__metadata__":{},"__metadata__":{}}')
    yield "metadata number", safetensors({"__metadata__": {"a": 1}})
    yield "begin after end", safetensors({"a": tensor(begin=16, end=0)}, bytes(16))
    yield "end beyond the file", safetensors({"a": tensor(end=17)}, bytes(16))
    yield "overlap", safetensors({"a": tensor(), "b": tensor(begin=8, end=24)}, bytes(24))
    yield "hole", safetensors({"a": tensor(), "b": tensor(begin=20, end=36)}, bytes(36))
    yield "bytes after the last", safetensors({"a": tensor()}, bytes(17))
    yield "product beyond 2^64", safetensors({"a": tensor(shape=(2**33, 2**33))}, bytes(16))
    yield "bytes beyond 2^64", safetensors({"a": tensor(shape=(2**62, 1))}, bytes(16))
    yield "shape of another size", safetensors({"a": tensor(shape=(2, 3))}, bytes(16))
    for name, value in [("negative", -2), ("fraction", 2.5), ("string", "2"), ("null", None), ("huge", 10**30)]:
        yield name + " size", safetensors({"a": tensor(shape=(value, 2))}, bytes(16))
    yield "exponent size", safetensors(b'{"a":{"dtype":"F32","shape":[2e0,2],"data_offsets":[0,16]}}', bytes(16))
    yield "nine sizes", safetensors({"a": tensor(shape=(1,) * 9, end=4)}, bytes(4))
    yield "long name", safetensors({"a" * 1_000_000: tensor()}, bytes(16))
    yield "deep", safetensors(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    yield "LFS pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n"
    yield "error page", b"<!DOCTYPE html><html>404</html>"
    yield "zip", b"PK\x03\x04" + bytes(100)
    yield "pickle", b"\x80\x02}q\x00." + bytes(100)
    for part in range(16):
        yield f"cut at {part}/16", good[: len(good) * part // 16]


def gguf(keys=(), tensors=(), version=3, magic=b"GGUF", tensor_count=None, key_count=None, data=b""):
    out = magic + struct.pack("<I", version)
    out += struct.pack("<QQ", len(tensors) if tensor_count is None else tensor_count, len(keys) if key_count is None else key_count)
    for name, kind, value in keys:
        out += struct.pack("<Q", len(name)) + name + struct.pack("<I", kind) + value
    for name, sizes, kind, offset in tensors:
        out += struct.pack("<Q", len(name)) + name + struct.pack("<I", len(sizes))
        out += b"".join(struct.pack("<Q", size % 2**64) for size in sizes) + struct.pack("<IQ", kind, offset % 2**64)
    return out + bytes(-len(out) % 32) + data


def ggufs():
    text = lambda value: struct.pack("<Q", len(value)) + value
    arch = (b"general.architecture", 8, text(b"llama"))
    yield "four bytes", b"GGUF"
    yield "other magic", gguf(magic=b"FUGG")
    for version in (0, 1, 4, 0x03000000):
        yield f"version {version}", gguf(version=version)
    for count in (2**64 - 1, 2**63, 2**31):
        yield f"{count} tensors", gguf(tensor_count=count)
        yield f"{count} keys", gguf(key_count=count)
        yield f"key of {count} bytes", b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, count)
        yield f"string of {count} bytes", gguf([(b"a", 8, struct.pack("<Q", count))])
        yield f"array of {count}", gguf([(b"a", 9, struct.pack("<IQ", 0, count))])
    yield "key not UTF-8", gguf([(b"a\xff", 4, bytes(4))])
    yield "key twice", gguf([arch, arch])
    for kind in (13, 255, 2**32 - 1):
        yield f"value of kind {kind}", gguf([(b"a", kind, bytes(8))])
    yield "arrays of arrays", gguf([(b"a", 9, struct.pack("<IQIQ", 9, 1, 9, 1) * 40)])
    yield "bool 2", gguf([(b"a", 7, b"\x02")])
    for alignment in (0, 3, 2**31):
        yield f"alignment {alignment}", gguf([arch, (b"general.alignment", 4, struct.pack("<I", alignment))])
    yield "alignment as text", gguf([arch, (b"general.alignment", 8, text(b"32"))])
    f32 = lambda name=b"a", sizes=(4,), kind=0, offset=0: (name, sizes, kind, offset)
    yield "long name", gguf([arch], [f32(b"n" * 64)], data=bytes(16))
    yield "name twice", gguf([arch], [f32(), f32(offset=32)], data=bytes(64))
    yield "five sizes", gguf([arch], [f32(sizes=(1,) * 5)], data=bytes(4))
    yield "no sizes at all", gguf([arch], [f32(sizes=(1,) * 200)], data=bytes(4))
    yield "negative size", gguf([arch], [f32(sizes=(-4,))], data=bytes(16))
    yield "product beyond 2^64", gguf([arch], [f32(sizes=(2**33, 2**33))], data=bytes(16))
    yield "sum beyond 2^64", gguf([arch], [f32(sizes=(0x1FFFFFFFFFFFFFF0,)), f32(b"b", (0x1FFFFFFFFFFFFFF0,))], data=bytes(64))
    yield "row of part of a block", gguf([arch], [f32(sizes=(33,), kind=2)], data=bytes(64))
    for kind in (4, 5, 36, 2**31, 2**32 - 1):
        yield f"type {kind}", gguf([arch], [f32(kind=kind)], data=bytes(64))
    for offset in (1, 2**40, -32):
        yield f"offset {offset}", gguf([arch], [f32(offset=offset)], data=bytes(64))
    yield "overlap", gguf([arch], [f32(sizes=(16,)), f32(b"b", (16,), offset=32)], data=bytes(128))
    yield "data cut", gguf([arch], [f32(sizes=(64,))], data=bytes(100))
    yield "no block count", gguf([arch])
    yield "block count as text", gguf([arch, (b"llama.block_count", 8, text(b"2"))])
    yield "block count 0", gguf([arch, (b"llama.block_count", 4, bytes(4))])


def configs(good):
    """Values of config.json that must be refused, as changes of one that is read."""
    def changed(**values):
        return json.dumps(good | values).encode()

    yield "nothing", b""
    yield "an array", b"[]"
    yield "not JSON", b"{"
    for key in ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size"):
        for name, value in [("0", 0), ("-1", -1), ("10^9", 10**9), ("as text", "4"), ("3.5", 3.5), ("of 10^30", 10**30), ("list", [4])]:
            yield f"{key} {name}", changed(**{key: value})
    yield "heads no multiple of their keys", changed(num_key_value_heads=7)
    for value in (0, -1, "x", [1]):
        yield f"rope_theta {value}", changed(rope_theta=value)
    yield "rope_theta 1e400", json.dumps(good | {"rope_theta": 7777}).replace("7777", "1e400").encode()
    yield "unknown rope scaling", changed(rope_scaling={"type": "magic", "factor": 2.0})
    yield "no architecture", changed(architectures=[], model_type=None)
    yield "unknown architecture", changed(architectures=["NoSuchModel"], model_type="no-such")
    yield "quantized", changed(quantization_config={"quant_method": "gptq", "bits": 4})
    yield "deep", b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    yield "5 MB of keys", json.dumps(good | {f"key{i}": i for i in range(300_000)}).encode()


def bundles(good):
    """Bundles with damage of which at least the parts that are read must hear."""
    count = struct.unpack_from("<I", good, 40)[0]
    edges = {0, 1, 63, 64, 64 + 80 * count}
    for index in range(count):
        offset, stored = struct.unpack_from("<QQ", good, 64 + 80 * index + 48)
        edges |= {offset, offset + stored}
    for edge in sorted(edges):
        for cut in (edge - 1, edge, edge + 1):
            if 0 <= cut < len(good):
                yield f"cut at {cut}", good[:cut]
    draw = random.Random(1)
    for _ in range(40):
        cut = draw.randrange(len(good))
        yield f"cut at {cut}", good[:cut]
    for at in range(64 + 80 * count):
        damaged = bytearray(good)
        damaged[at] ^= 1 << draw.randrange(8)
        yield f"bit of byte {at}", bytes(damaged)
    for _ in range(200):
        at = draw.randrange(len(good))
        damaged = bytearray(good)
        damaged[at] ^= 1 << draw.randrange(8)
        yield f"bit of byte {at}", bytes(damaged)
    yield "twice", good + good
    yield "a byte more", good + b"\0"


def places(folder):
    """What is no file at all."""
    fifo, loop, closed = folder / "fifo", folder / "loop", folder / "folder"
    os.mkfifo(fifo)
    loop.symlink_to(loop)
    closed.mkdir()
    return {"a FIFO": fifo, "a link to itself": loop, "a folder": closed, "a device": "/dev/zero", "nothing": folder / "missing",
            "a long name": folder / ("n" * 300), "an empty name": ""}
