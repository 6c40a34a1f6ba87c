#!/usr/bin/env python3
"""Writes Fixtures/blocks.json: random blocks of every GGUF encoding, decoded by the gguf package (pip install gguf).

Values are the bit patterns of float32, so that they are compared bit for bit.
"""
import json, pathlib
import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as T, quants

rng = np.random.default_rng(11)
# Where the half-precision numbers of a block lie; everything else may be any bytes.
halves = {"Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q2_K": [80, 82], "Q3_K": [108],
          "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0]}
cases = []
for name, places in halves.items():
    kind = T[name]
    elements, size = GGML_QUANT_SIZES[kind]
    block = rng.integers(0, 256, (2, size), dtype=np.uint8)
    for row in block:
        for place in places:
            value = np.float16(rng.uniform(-0.05, 0.05))
            row[place:place + 2] = np.frombuffer(value.tobytes(), np.uint8)
    values = quants.dequantize(block, kind).astype(np.float32)
    cases.append({"name": name, "type": int(kind), "elements": elements, "bytes": block.tobytes().hex(),
                  "values": values.reshape(-1).view(np.uint32).tolist()})
path = pathlib.Path(__file__).parent / "Fixtures/blocks.json"
path.write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
