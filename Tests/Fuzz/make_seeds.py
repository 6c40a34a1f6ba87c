#!/usr/bin/env python3
"""Writes Tests/Fuzz/seeds: small inputs for targets whose kind of file stands nowhere in the repository by itself. Sections come out
of the golden bundles (zstd's own program unpacks them); run it when a section's form changes, and commit what it writes."""
import json
import pathlib
import shutil
import struct
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEEDS = ROOT / "Tests/Fuzz/seeds"
GOLDEN = ROOT / "formats/golden"


def put(target, name, data):
    folder = SEEDS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data if isinstance(data, bytes) else json.dumps(data, separators=(",", ":")).encode())


def sections(path):
    """Names, frames and contents of a bundle's compressed sections."""
    data = path.read_bytes()
    for index in range(struct.unpack_from("<I", data, 40)[0]):
        name, kind, _, offset, stored, raw = struct.unpack_from("<40sIIQQQ", data, 64 + 80 * index)
        if kind == 1:
            frame = data[offset : offset + stored]
            content = subprocess.run(["zstd", "-dc"], input=frame, stdout=subprocess.PIPE, check=True).stdout
            assert len(content) == raw
            yield name.rstrip(b"\0").decode(), frame, content


def from_bundles():
    for path in sorted(GOLDEN.glob("valid/*.taper")) + [GOLDEN / "families/gemma3.taper", GOLDEN / "families/phi-tied.taper"]:
        for name, frame, content in sections(path):
            if name == "manifest" and len(content) < 1 << 15:
                put("manifest", path.stem + ".json", content)
            if name == "tokenizer" and path.stem in ("minimal", "gemma3", "phi-tied"):
                put("compact-tokenizer", path.stem, content)
            if name == "chat":
                put("chat-section", path.stem + ".json", content)
            if path.stem in ("chat", "whole") and len(content) < 1 << 13:
                put("zstd", f"{path.stem}-{name}", struct.pack(">H", len(content)) + frame)
    for path in GOLDEN.glob("chat/valid/chat-*.json"):
        put("chat-section", path.name, path.read_bytes())


def safetensors(header, data):
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + data


def checkpoints():
    one = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}
    put("safetensors", "one", safetensors({"__metadata__": {"format": "pt"}, "a": one}, bytes(16)))
    put("safetensors", "none", safetensors({}, b""))
    kinds = {"F64": 8, "I64": 8, "F16": 2, "BF16": 2, "U8": 1, "BOOL": 1}
    header, at = {}, 0
    for name, width in kinds.items():
        header[name] = {"dtype": name, "shape": [3], "data_offsets": [at, at + 3 * width]}
        at += 3 * width
    header["scalar"] = {"dtype": "F32", "shape": [], "data_offsets": [at, at + 4]}
    header["empty"] = {"dtype": "F32", "shape": [0, 7], "data_offsets": [at + 4, at + 4]}
    put("safetensors", "kinds", safetensors(header, bytes(at + 4)))
    put("safetensors", "spaces", safetensors(b'{"a":{"shape" : [1 ] ,"dtype":"F32","data_offsets":[0,4]}}   ', bytes(4)))
    small = (ROOT / "Tests/Cases/chat-phi3/model.safetensors").read_bytes()
    names = json.loads(small[8 : 8 + struct.unpack_from("<Q", small)[0]])
    put("index", "whole.json", {
        "metadata": {"total_size": len(small) - 8 - struct.unpack_from("<Q", small)[0]},
        "weight_map": {name: "model-00001-of-00002.safetensors" for name in names if name != "__metadata__"}})
    put("index", "missing.json", {"metadata": {}, "weight_map": {"a": "model-00002-of-00002.safetensors"}})
    put("index", "outside.json", {"weight_map": {"a": "../model.safetensors"}})
    for path in sorted(ROOT.glob("Tests/TextTests/Fixtures/*/tokenizer.json")):
        # Longer vocabularies repeat themselves.
        if path.stat().st_size < 1 << 14:
            put("tokenizer", path.parent.name + ".json", path.read_bytes())
    base = {"version": "1.0", "added_tokens": [{"id": 5, "content": "<s>", "special": True}], "normalizer": None,
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
            "post_processor": {"type": "TemplateProcessing", "single": [
                {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [5], "tokens": ["<s>"]}}},
            "decoder": {"type": "ByteLevel"}}
    letters = {"a": 0, "b": 1, "c": 2, "ab": 3, "abc": 4, "<s>": 5}
    put("tokenizer", "small-bpe.json", base | {"model": {"type": "BPE", "vocab": letters, "merges": ["a b", ["ab", "c"]]}})
    pieces = [["<unk>", 0], ["\u2581a", -1.5], ["b", -2], ["\u2581", -3], ["<0x0A>", -9]]
    put("tokenizer", "small-unigram.json", base | {
        "added_tokens": [], "post_processor": None, "decoder": {"type": "Metaspace", "replacement": "\u2581"},
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Replace", "pattern": {"Regex": " {2,}"},
                                                                            "content": " "}]},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always"},
        "model": {"type": "Unigram", "unk_id": 0, "vocab": pieces, "byte_fallback": False}})


def gguf(keys, tensors):
    """A file of F32 tensors: names with sizes."""
    text = lambda value: struct.pack("<Q", len(value.encode())) + value.encode()
    kinds = {str: (8, text), int: (4, lambda v: struct.pack("<I", v)), float: (6, lambda v: struct.pack("<f", v))}

    def value(v):
        if isinstance(v, list):
            kind, pack = (5, lambda n: struct.pack("<i", n)) if isinstance(v[0], int) else kinds[type(v[0])]
            return struct.pack("<IIQ", 9, kind, len(v)) + b"".join(map(pack, v))
        kind, pack = kinds[type(v)]
        return struct.pack("<I", kind) + pack(v)

    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)) + b"".join(text(k) + value(v) for k, v in keys.items())
    data = b""
    for name, sizes in tensors.items():
        out += text(name) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, 0, len(data))
        count = sizes[0] * (sizes[1] if len(sizes) > 1 else 1)
        data += struct.pack(f"<{count}f", *(((7 * i) % 13 - 6) / 8 for i in range(count)))
        data += bytes(-len(data) % 32)
    return out + bytes(-len(out) % 32) + data


def ggufs():
    tensors = {"token_embd.weight": (8, 8), "output_norm.weight": (8,), "blk.0.attn_norm.weight": (8,), "blk.0.ffn_norm.weight": (8,)}
    tensors |= {f"blk.0.attn_{part}.weight": (8, 8) for part in ("q", "k", "v", "output")}
    tensors |= {"blk.0.ffn_gate.weight": (8, 16), "blk.0.ffn_up.weight": (8, 16), "blk.0.ffn_down.weight": (16, 8)}
    model = {"general.architecture": "llama", "llama.block_count": 1, "llama.context_length": 32, "llama.embedding_length": 8,
             "llama.feed_forward_length": 16, "llama.attention.head_count": 2, "llama.attention.head_count_kv": 2,
             "llama.rope.dimension_count": 4, "llama.attention.layer_norm_rms_epsilon": 1e-5, "llama.rope.freq_base": 10000.0}
    pieces = {"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": ["<unk>", "<s>", "</s>", "\u2581", "a", "b", "\u2581a", "ab"],
              "tokenizer.ggml.scores": [0.0, 0.0, 0.0, -1.0, -2.0, -3.0, -4.0, -5.0],
              "tokenizer.ggml.token_type": [2, 3, 3, 1, 1, 1, 1, 1], "tokenizer.ggml.bos_token_id": 1,
              "tokenizer.ggml.eos_token_id": 2, "tokenizer.ggml.unknown_token_id": 0,
              "tokenizer.chat_template": "{% for m in messages %}<s>{{ m.role }}\n{{ m.content }}</s>{% endfor %}"}
    merged = {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "llama-bpe",
              "tokenizer.ggml.tokens": ["a", "b", "c", "\u0120", "ab", "abc", "\u0120a", "<s>"],
              "tokenizer.ggml.merges": ["a b", "ab c", "\u0120 a"], "tokenizer.ggml.token_type": [1] * 7 + [3],
              "tokenizer.ggml.bos_token_id": 7, "tokenizer.ggml.eos_token_id": 7}
    put("gguf", "pieces.gguf", gguf(model | pieces, tensors))
    put("gguf", "merges.gguf", gguf(model | merged, tensors))


def requests():
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
    options = {"max_tokens": 4, "temperature": 0.5, "top_p": 0.9, "top_k": 5, "min_p": 0.1, "seed": 7, "n": 2, "stream": True,
               "stream_options": {"include_usage": True}, "stop": ["a", "b"], "logit_bias": {"5": -1.5},
               "presence_penalty": 0.5, "frequency_penalty": -0.5, "ignore_eos": True, "user": "x"}
    for name, precision in [("bits", {"bits": 4}), ("switch", {"switch": "6@0,4@3"}), ("schedule", {"schedule": "fixed"})]:
        put("chat-request", name + ".json", {"messages": chat, "precision": precision} | options)
        put("completion-request", name + ".json", {"prompt": "Once", "precision": precision, "logprobs": 2} | options)
    put("chat-request", "plain.json", {"model": "0.1.0-tiny", "messages": chat[:1], "logprobs": True, "top_logprobs": 3,
                                       "response_format": {"type": "json_object"}})
    put("completion-request", "tokens.json", {"prompt": [[1, 2, 3], [4]], "max_tokens": 1})
    put("completion-request", "texts.json", {"prompt": ["a", "b"], "max_tokens": 1})


def texts():
    put("json", "kinds.json", b'{"a":[1,-0,1.5e-7,1E400,true,false,null,"\\u00e9\\ud83d\\ude00\\n"],"b":{"":{}},"c":[[],{}]}')
    put("json", "numbers.json", b"[0,9223372036854775807,-9223372036854775808,18446744073709551616,0.1,1e-320,2.5E+3]")
    put("json", "deep.json", b"[" * 64 + b"]" * 64)


if __name__ == "__main__":
    shutil.rmtree(SEEDS, ignore_errors=True)
    from_bundles()
    checkpoints()
    ggufs()
    requests()
    texts()
    count = sum(1 for path in SEEDS.rglob("*") if path.is_file())
    print(f"{count} seeds, {sum(p.stat().st_size for p in SEEDS.rglob('*') if p.is_file())} bytes")
