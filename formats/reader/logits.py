#!/usr/bin/env python3
"""Logits of a bundle after every token, computed from the specification alone.

    python3 formats/reader/logits.py formats/golden/written/0.1.0-tiny.taper --tokens 5,17,3 --bits 4"""

import argparse
import json

from refusal import Refused
from taper_bundle import Bundle
from transformer import Transformer


def main():
    parser = argparse.ArgumentParser(description="Logits of a bundle after every token, as JSON.")
    parser.add_argument("bundle")
    parser.add_argument("--tokens", required=True, help="token ids, such as 5,17,3")
    parser.add_argument("--bits", type=float, help="precision or rung, such as 4 or 3.5 (default: the highest)")
    arguments = parser.parse_args()
    try:
        bundle = Bundle(arguments.bundle)
        bits = arguments.bits or bundle.precisions[-1]
        if bits not in bundle.precisions:
            raise SystemExit(f"error: --bits {bits:g}; the bundle has {', '.join(map(str, bundle.precisions))}")
        tokens = [int(token) for token in arguments.tokens.split(",")]
        if not all(0 <= token < bundle.manifest.model["vocab_size"] for token in tokens):
            raise SystemExit(f"error: --tokens {arguments.tokens}; the vocabulary has "
                             f"{bundle.manifest.model['vocab_size']} tokens")
        print(json.dumps({"bits": bits, "logits": Transformer(bundle, bits).logits(tokens).tolist()}))
    except Refused as error:
        raise SystemExit(f"error: {arguments.bundle}: {error}") from None


if __name__ == "__main__":
    main()
