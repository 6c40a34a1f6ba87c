#!/usr/bin/env python3
"""Writes Fixtures/scalesim.json: cycles that SCALE-Sim 3.0.0 (PyPI, MIT licence) needs for dense layers on systolic arrays.

    python3 -m venv build/scalesim && build/scalesim/bin/pip install scalesim==3.0.0 'numpy<2' 'pandas<3'
    build/scalesim/bin/python Tests/SimulationTests/make_scalesim_golden.py

A case is y = x W^T, x [tokens, columns], W [rows, columns]. Cycles are the report's total without stalls of memory.
"""

import contextlib
import csv
import importlib.metadata
import io
import json
import pathlib
import tempfile

from scalesim.scale_sim import scalesim

# tokens, rows, columns: one token and prompts through projections of SmolLM2-135M, a slice of Vicuna-7B's, and ragged ones.
LAYERS = [(1, 576, 576), (1, 1536, 576), (64, 192, 576), (32, 576, 1536), (1, 128, 4096), (50, 100, 70), (3, 17, 33)]
ARRAYS = [(16, 16), (32, 32), (8, 64)]
DATAFLOWS = {"output_stationary": "os", "weight_stationary": "ws"}

CONFIG = """[general]
run_name = golden
[architecture_presets]
ArrayHeight: {height}
ArrayWidth: {width}
IfmapSramSzkB: 4096
FilterSramSzkB: 4096
OfmapSramSzkB: 4096
IfmapOffset: 0
FilterOffset: 10000000
OfmapOffset: 20000000
Bandwidth: 1000
Dataflow: {dataflow}
MemoryBanks: 1
ReadRequestBuffer: 32
WriteRequestBuffer: 32
[layout]
IfmapCustomLayout: False
IfmapSRAMBankBandwidth: 10
IfmapSRAMBankNum: 10
IfmapSRAMBankPort: 2
FilterCustomLayout: False
FilterSRAMBankBandwidth: 10
FilterSRAMBankNum: 10
FilterSRAMBankPort: 2
[sparsity]
SparsitySupport: false
SparseRep: ellpack_block
OptimizedMapping: false
BlockSize: 8
RandomNumberGeneratorSeed: 40
[run_presets]
InterfaceBandwidth: CALC
UseRamulatorTrace: False
"""


def total_cycles(folder, array, dataflow):
    (folder / "gemm.cfg").write_text(CONFIG.format(height=array[0], width=array[1], dataflow=dataflow))
    rows = ["Layer, M, N, K,"] + [f"layer{i}, {m}, {n}, {k}," for i, (m, n, k) in enumerate(LAYERS)]
    (folder / "gemm.csv").write_text("\n".join(rows) + "\n")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        simulator = scalesim(
            save_disk_space=True, verbose=False, config=str(folder / "gemm.cfg"), topology=str(folder / "gemm.csv"),
            layout=str(folder / "gemm.csv"), input_type_gemm=True)
        simulator.run_scale(top_path=str(folder))
    report = next(folder.rglob("COMPUTE_REPORT.csv"))
    table = list(csv.reader(report.read_text().splitlines()))
    head = [cell.strip() for cell in table[0]]
    column = head.index("Total Cycles") if "Total Cycles" in head else head.index("Total Cycles (incl. prefetch)")
    stalls = head.index("Stall Cycles")
    return [round(float(row[column])) - round(float(row[stalls])) for row in table[1:]]


def main():
    cases = []
    for name, short in DATAFLOWS.items():
        for array in ARRAYS:
            with tempfile.TemporaryDirectory() as folder:
                cycles = total_cycles(pathlib.Path(folder), array, short)
            for (tokens, rows, columns), count in zip(LAYERS, cycles, strict=True):
                cases.append({
                    "dataflow": name, "array_rows": array[0], "array_columns": array[1], "tokens": tokens, "rows": rows,
                    "columns": columns, "cycles": count})
    document = {"software": f"scalesim {importlib.metadata.version('scalesim')}", "cases": cases}
    text = json.dumps(document, indent=1).replace("{\n   ", "{").replace(",\n   ", ",").replace("\n  }", "}")
    (pathlib.Path(__file__).parent / "Fixtures" / "scalesim.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
