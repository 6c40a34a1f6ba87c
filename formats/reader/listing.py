#!/usr/bin/env python3
"""What a bundle holds: sections, model, precisions, tensors. With --verify every byte is checked, too.

    python3 formats/reader/listing.py formats/golden/valid/half.taper --verify"""

import argparse

from refusal import Refused
from taper_bundle import Bundle


def main():
    parser = argparse.ArgumentParser(description="Lists what a bundle holds.")
    parser.add_argument("bundle")
    parser.add_argument("--verify", action="store_true", help="check every byte")
    arguments = parser.parse_args()
    try:
        bundle = Bundle(arguments.bundle)
        if arguments.verify:
            bundle.verify()
    except (Refused, OSError) as error:
        raise SystemExit(f"error: {arguments.bundle}: {error}") from None

    print(f"{'section':24} {'kind':6} {'offset':>12} {'stored':>12} {'unpacked':>12}")
    for section in bundle.container.sections.values():
        kind = ("mapped", "zstd")[section.kind]
        print(f"{section.name:24} {kind:6} {section.offset:12} {section.stored:12} {section.unpacked:12}")
    print("\nmodel")
    for key, value in bundle.manifest.model.items():
        print(f"  {key}: {value}")
    print(f"\nprecisions {', '.join(map(str, bundle.precisions))}\n")
    for tensor in bundle.manifest.tensors.values():
        shape, own = " x ".join(map(str, tensor.shape)), ", ".join(map(str, tensor.precisions))
        print(f"{tensor.name:48} {shape:>14} {tensor.encoding:7} {tensor.group or '':10} {own}".rstrip())
    if arguments.verify:
        print("\nevery byte is in order")


if __name__ == "__main__":
    main()
