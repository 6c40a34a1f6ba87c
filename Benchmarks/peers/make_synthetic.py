#!/usr/bin/env python3
"""GGUF files of random codes in the shape of the 1.1-billion model, for llama.cpp: the peer of `taper bench --synthetic`.

    pip install gguf numpy && python3 make_synthetic.py FOLDER        writes Q4_0, Q3_K, Q2_K and Q8_0 files

All linear layers in the one type, head and embedding in Q8_0 as ours are in bytes. (The mixed files that llama-quantize
makes under the names Q3_K_S and Q2_K hold more bits per weight and are slower.)
"""
import sys
import numpy as np
from gguf import GGMLQuantizationType as T, GGUFWriter, GGML_QUANT_SIZES

HIDDEN, LAYERS, HEADS, KV_HEADS, FFN, VOCABULARY = 2048, 22, 32, 4, 5632, 32000
random = np.random.default_rng(1)
# Where a block holds its half-precision scales.
SCALES = {T.Q4_0: [0], T.Q8_0: [0], T.Q3_K: [108], T.Q2_K: [80, 82]}


def matrix(rows, columns, kind):
    block, size = GGML_QUANT_SIZES[kind]
    data = random.integers(0, 256, (rows, columns // block, size), dtype=np.uint8)
    for at in SCALES[kind]:
        data[:, :, at:at + 2] = np.frombuffer(np.float16(1e-4).tobytes(), dtype=np.uint8)
    return data.reshape(rows, -1)


def write(path, kind):
    w = GGUFWriter(path, "llama")
    w.add_context_length(8192)
    w.add_embedding_length(HIDDEN)
    w.add_block_count(LAYERS)
    w.add_feed_forward_length(FFN)
    w.add_head_count(HEADS)
    w.add_head_count_kv(KV_HEADS)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_rope_dimension_count(HIDDEN // HEADS)
    w.add_vocab_size(VOCABULARY)
    w.add_tokenizer_model("none")
    kv = HIDDEN // HEADS * KV_HEADS
    for name in ["token_embd", "output"]:
        w.add_tensor(name + ".weight", matrix(VOCABULARY, HIDDEN, T.Q8_0), raw_dtype=T.Q8_0)
    w.add_tensor("output_norm.weight", np.ones(HIDDEN, np.float32))
    for layer in range(LAYERS):
        for name, rows, columns in [("attn_q", HIDDEN, HIDDEN), ("attn_k", kv, HIDDEN), ("attn_v", kv, HIDDEN),
                                    ("attn_output", HIDDEN, HIDDEN), ("ffn_gate", FFN, HIDDEN), ("ffn_up", FFN, HIDDEN),
                                    ("ffn_down", HIDDEN, FFN)]:
            w.add_tensor(f"blk.{layer}.{name}.weight", matrix(rows, columns, kind), raw_dtype=kind)
        for name in ["attn_norm", "ffn_norm"]:
            w.add_tensor(f"blk.{layer}.{name}.weight", np.ones(HIDDEN, np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


folder = sys.argv[1]
for kind in [T.Q4_0, T.Q3_K, T.Q2_K, T.Q8_0]:
    write(f"{folder}/synthetic-{kind.name}.gguf", kind)
