#!/usr/bin/env python3
"""Holds the reader against the golden files: valid ones read, damaged ones refused, logits those of the program.

    python3 formats/reader/check.py"""

import itertools
import json
import os
import sys
import tempfile

import numpy as np

import chat
from encoding import Codec
import learned
from model import CAPS, SECOND, SECOND_FLAGS
from refusal import Refused
from screen import screens
from taper_bundle import Bundle
from tokenizer import Tokenizer
from transformer import Transformer
from weights import codes

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../golden")
# Root of the mean square of the difference, over the standard deviation of the logits. The program rounds activations
# (`model.md`). Measured in `families`, where that is little: 0.0007, and with precision 16 0.00006; in `written`: 0.12,
# because its 24 logits of one position are mostly of tokens that never occur, which move together.
TOLERANCES = {"families": 0.002, "written": 0.2}
TOLERANCE_16 = 0.00008
# Golden files that have to hold screens of the head; others may.
SCREENED = ["valid/head-screen.taper"]
# Largest logits that the rows have to hold which a screen keeps.
LEADING = (1, 40)
# Entries and projections are rounded to whole units.
ROUNDING = 0.51
# Of a file of 24,616 bytes: about 400 places, in every part of it.
FLIP_STRIDE = 61


class Failed(Exception):
    """A golden file and the specification do not agree."""


def files(folder, ending=".taper"):
    path = os.path.join(GOLDEN, folder)
    names = sorted(name for name in os.listdir(path) if name.endswith(ending))
    if not names:
        raise Failed(f"formats/golden/{folder} holds no {ending}")
    return [os.path.join(path, name) for name in names]


def opened(path):
    """A bundle of which every byte has been checked."""
    bundle = Bundle(path)
    bundle.verify()
    return bundle


def refuses(path):
    try:
        opened(path)
    except Refused:
        return True
    return False


def valid_files_are_read():
    for path in files("valid"):
        bundle = opened(path)
        for precision in bundle.precisions:
            if not np.isfinite(Transformer(bundle, precision).logits([1, 2, 3])).all():
                raise Failed(f"{path}: logits at {precision} bits are not finite")


def broken_files_are_refused():
    for path in files("must-fail"):
        if not refuses(path):
            raise Failed(f"{path}: accepted")


def chat_formats_are_told_apart():
    for folder, valid in ("chat/valid", True), ("chat/must-fail", False):
        for path in files(folder, ".json"):
            with open(path, "rb") as file:
                text = file.read()
            try:
                (chat.templates if os.path.basename(path).startswith("templates") else chat.chat)(text)
            except Refused as error:
                if valid:
                    raise Failed(f"{path}: {error}") from None
            else:
                if not valid:
                    raise Failed(f"{path}: accepted")


def the_worked_weight_holds():
    bundle = opened(os.path.join(GOLDEN, "valid/minimal.taper"))
    weight = bundle.matrix("model.layers.0.self_attn.q_proj.weight", 2)[0, 0]
    if weight != 43.125:
        raise Failed(f"minimal.taper: q_proj[0, 0] is {weight}, bundle.md says 43.125")


def a_flipped_bit_anywhere_is_refused():
    with open(os.path.join(GOLDEN, "valid/minimal.taper"), "rb") as file:
        content = file.read()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "flipped.taper")
        for place in range(0, len(content), FLIP_STRIDE):
            flipped = bytearray(content)
            flipped[place] ^= 1 << place % 8
            with open(path, "wb") as file:
                file.write(flipped)
            if not refuses(path):
                raise Failed(f"minimal.taper with bit {place % 8} of byte {place} flipped: accepted")


def logits_are_the_programs():
    for folder, tolerance in TOLERANCES.items():
        for path in files(folder):
            with open(path.removesuffix(".taper") + ".json") as file:
                expected = json.load(file)
            bundle = opened(path)
            if [float(result["bits"]) for result in expected["logits"]] != bundle.precisions:
                raise Failed(f"{path}: holds {bundle.precisions}, not the precisions of its .json")
            for result in expected["logits"]:
                found = Transformer(bundle, float(result["bits"])).logits(expected["tokens"])
                allowed = TOLERANCE_16 if result["bits"] == "16" else tolerance
                compare(found, result, allowed, f"{path} at {result['bits']} bits")


def texts_are_the_runners():
    """The greedy texts of the small families, token by token."""
    for path in files("families"):
        with open(path.removesuffix(".taper") + ".json") as file:
            expected = json.load(file)
        bundle = Bundle(path)
        prompt = Codec(Tokenizer(bundle.container.unpacked("tokenizer"))).encode(expected["prompt"])
        if [float(text["bits"]) for text in expected["generations"]] != bundle.precisions:
            raise Failed(f"{path}: holds {bundle.precisions}, not the precisions of its texts")
        for text in expected["generations"]:
            tokens = text["tokens"]
            logits = Transformer(bundle, float(text["bits"])).logits(prompt + tokens[:-1])[len(prompt) - 1 :]
            behind = logits.max(1) - np.take_along_axis(logits, np.array(tokens)[:, None], 1)[:, 0]
            if not (behind <= TOLERANCES["families"] * logits.std(1)).all():
                raise Failed(f"{path} at {text['bits']} bits: {logits.argmax(1).tolist()}, expected {tokens}")


def what_the_second_schema_says_shows_in_logits():
    """So a reader that leaves such a key out is found; biases and norms it would miss in the tensors."""
    shown = set()
    for path in files("families"):
        bundle = Bundle(path)
        model, precision = bundle.manifest.model, bundle.precisions[-1]
        transformer = Transformer(bundle, precision)
        tokens = list(range(3, 15))
        whole = transformer.logits(tokens)[-1]
        for owner in [model, *model.get("layers", [])]:
            for key in (SECOND - {"norm_placement"} - set(SECOND_FLAGS) | {"sliding_window", "rope"}) & owner.keys():
                value = owner.pop(key)
                apart = np.sqrt(np.mean((transformer.logits(tokens)[-1] - whole) ** 2)) / whole.std()
                owner[key] = value
                if not apart > 5 * TOLERANCES["families"]:
                    raise Failed(f"{path}: without {key} logits differ by {apart:.5f} only")
                shown.add(key)
    if not shown >= {"qk_norm", *CAPS, "layers", "rope"}:
        raise Failed(f"formats/golden/families shows {sorted(shown)} only")


def compare(found, expected, tolerance, place):
    """Compares the last position's logits (the first of them that are given), and the best token at every position."""
    last = np.array(expected["last"])
    error = np.sqrt(np.mean((found[-1, : len(last)] - last) ** 2)) / found[-1].std()
    if not error <= tolerance:
        raise Failed(f"{place}: logits differ by {error:.5f} of their standard deviation, tolerance {tolerance}")
    # Where two tokens are as good as equal, rounding decides.
    lead = found.max(1) - np.take_along_axis(found, np.array(expected["argmax"])[:, None], 1)[:, 0]
    if not (lead <= tolerance * found.std(1)).all():
        raise Failed(f"{place}: best tokens {found.argmax(1).tolist()}, expected {expected['argmax']}")


def tokens_are_the_texts():
    """Those of prompts are from another library (`samples/tiny`), those of answers from the program."""
    path = os.path.join(GOLDEN, "written/0.1.0-tiny.taper")
    codec = Codec(Tokenizer(Bundle(path).container.unpacked("tokenizer")))
    with open(path.removesuffix(".taper") + ".json") as file:
        answers = json.load(file)["generations"]
    with open(os.path.join(GOLDEN, "../../samples/tiny/golden.json")) as file:
        prompts = json.load(file)["cases"]
    for prompt in prompts:
        ids = codec.encode(prompt["text"])
        if ids != prompt["tokens"]:
            raise Failed(f"{prompt['text']!r} has the tokens {ids}, expected {prompt['tokens']}")
    for case in prompts + answers:
        text = codec.decode(case["tokens"])
        if text != case["text"]:
            raise Failed(f"tokens {case['tokens']} are {text!r}, expected {case['text']!r}")


def the_learned_scheduler_steps_down_where_the_program_does():
    bundle = Bundle(os.path.join(GOLDEN, "written/0.1.0-tiny.taper"))
    transformer = Transformer(bundle, 6)
    transformer.logits([1, 349, 201, 631, 348, 1301, 33, 2, 201, 1, 351, 201])
    steps = learned.choose(bundle, *transformer.cache, limit=100)
    # What `taper-run --schedule learned -n 100` says.
    if steps != [(0, 4), (66, 3)]:
        raise Failed(f"the learned scheduler of 0.1.0-tiny.taper chooses {steps}")


def screened():
    """Path, bundle and screens of every golden bundle that has some."""
    for name in SCREENED:
        path = os.path.join(GOLDEN, name)
        if not os.path.isfile(path):
            raise Failed(f"formats/golden/{name} is missing: no golden file shows a screen of the head")
        if not screens(Bundle(path)):
            raise Failed(f"formats/golden/{name} has no screen of the head")
    for path in sorted({*files("valid"), *files("families"), *(os.path.join(GOLDEN, name) for name in SCREENED)}):
        bundle = Bundle(path)
        if found := screens(bundle):
            yield path, bundle, found


def screens_are_made_of_the_head():
    """Entries are means of the weights with their leading bits, projections parts of what is left: none is misread."""
    for path, bundle, found in screened():
        rows, columns = bundle.manifest.head.shape
        head = bundle.matrix(bundle.manifest.head.name, bundle.manifest.head.nested[-1])
        for screen in found:
            error = head - screen.lead
            index = codes(bundle, bundle.manifest.head, screen.lead_bits)[:rows, :columns]
            for code in range(1 << screen.lead_bits):
                left = np.where(index == code, error, 0).sum(1) / np.maximum(1, (index == code).sum(1))
                if not (abs(left) <= ROUNDING * screen.scales[:, 0] + 1e-12).all():
                    raise Failed(f"{path}, {screen.place}: entries {code} are not means of their weights")
            apart = error @ screen.basis.T * screen.units - screen.projections * screen.projection_scales[:, None]
            if not (abs(apart) <= ROUNDING * screen.projection_scales[:, None] + 1e-12).all():
                raise Failed(f"{path}, {screen.place}: projections are not those of what the leading bits leave out")


def screens_keep_the_largest_logits():
    for path, bundle, found in screened():
        tokens = np.arange(12) % bundle.manifest.model["vocab_size"]
        for precision in bundle.precisions:
            transformer = Transformer(bundle, precision)
            bias = transformer.weights.get("lm_head.bias", np.float32(0))
            states = transformer.states(tokens)
            for state, logits in zip(states, transformer.linear(states, "lm_head")):
                for screen, leading in itertools.product(found, LEADING):
                    kept = screen.kept(state, leading, lambda rows: logits[rows], bias)
                    lost = np.setdiff1d(np.argsort(-logits, kind="stable")[:leading], kept)
                    if lost.size:
                        raise Failed(f"{path} at {precision} bits, {screen.place}: of the {leading} largest logits "
                                     f"those of tokens {lost.tolist()} are lost")


def the_worked_tokenizers_hold():
    """The two of `tokenizer.md`; what the first one makes of a text follows from its one merge."""
    with open(os.path.join(GOLDEN, "../tokenizer.md")) as file:
        dumps = [part for part in file.read().split("```") if part.startswith("\n00  ")]
    first, second = (Tokenizer(bytes.fromhex("".join(line[4:] for line in dump.split("\n")))) for dump in dumps)
    if Codec(first).encode("abba") != [2, 1, 0]:
        raise Failed("the first tokenizer of tokenizer.md does not make 2, 1, 0 of abba")
    if second.added != [(3, 8, "xy"), (4, 0, "z")]:
        raise Failed(f"the second tokenizer of tokenizer.md has the added tokens {second.added}")


CHECKS = [
    valid_files_are_read, broken_files_are_refused, a_flipped_bit_anywhere_is_refused, chat_formats_are_told_apart,
    the_worked_weight_holds, the_worked_tokenizers_hold, logits_are_the_programs, texts_are_the_runners,
    what_the_second_schema_says_shows_in_logits, tokens_are_the_texts,
    the_learned_scheduler_steps_down_where_the_program_does, screens_are_made_of_the_head,
    screens_keep_the_largest_logits,
]


def main():
    for check in CHECKS:
        try:
            check()
        except (Failed, Refused) as error:
            sys.exit(f"{check.__name__.replace('_', ' ')}: FAILED: {error}")
        print(f"{check.__name__.replace('_', ' ')}: passed")


if __name__ == "__main__":
    main()
