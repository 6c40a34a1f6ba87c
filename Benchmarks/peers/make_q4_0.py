#!/usr/bin/env python3
"""Requantizes a GGUF file's linear layers to Q4_0 (embedding to Q8_0), for comparison with llama.cpp.

    pip install gguf numpy && python3 make_q4_0.py in.gguf out.gguf
"""
import sys
import numpy as np
from gguf import GGMLQuantizationType as T, GGUFReader, GGUFWriter, quants

source, target = sys.argv[1:3]
reader = GGUFReader(source)
arch = reader.fields["general.architecture"].contents()
writer = GGUFWriter(target, arch)
for field in reader.fields.values():
    if field.name == "general.architecture" or field.name.startswith("GGUF."):
        continue
    kind, sub = field.types[0], field.types[-1] if len(field.types) > 1 else None
    writer.add_key_value(field.name, field.contents(), kind, sub)
for tensor in reader.tensors:
    values = quants.dequantize(tensor.data, tensor.tensor_type)
    if values.ndim == 2:
        kind = T.Q8_0 if tensor.name.startswith("token_embd") else T.Q4_0
        writer.add_tensor(tensor.name, quants.quantize(values, kind), raw_dtype=kind)
    else:
        writer.add_tensor(tensor.name, values.astype(np.float32))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
