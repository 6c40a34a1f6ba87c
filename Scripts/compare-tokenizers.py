#!/usr/bin/env python3
"""Compares Taper's tokenizers with the `tokenizers` library, kind by kind, on random and natural text.

    pip install tokenizers==0.23.3
    python3 Scripts/compare-tokenizers.py check --taper .build/release/taper --tokens 1000000
    python3 Scripts/compare-tokenizers.py write FOLDER --tokens 3000        # cases with ids and decoded text

`check` runs `taper tokenize` and compares ids, with special tokens recognised and not. `write` makes what
TokenizerDifferentialTests reads: its fixtures, or with TAPER_TOKENIZER_CASES=FOLDER as many cases as one likes, and that
test compares decoded and streamed text too.
"""
import argparse
import glob
import json
import os
import random
import subprocess
import sys
import tempfile

import tokenizers
from tokenizers import Tokenizer

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
FIXTURES = os.path.join(ROOT, "Tests", "TextTests", "Fixtures")


def added(content, **flags):
    token = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    return {"content": content, **token, **flags}


# Every flag, overlapping contents, contents that normalization changes.
EVERY_FLAG = [
    added("fox", single_word=True),
    added("foxes", normalized=True),
    added("Quark", normalized=True),
    added("<x>", single_word=True, special=True),
    added("<|pad|>", lstrip=True, special=True),
    added("<|sep|>", rstrip=True, special=True),
    added("<|mid|>", lstrip=True, rstrip=True, normalized=True),
    added(" the", normalized=True),
    added("é", normalized=True),
    added("ﬁ", normalized=True, single_word=True),
    added("über", special=True),
    added("<|pad|><|sep|>", special=True),
]
# The library panics where white space that one token swallows holds another token, so these stand apart.
BLANKS = [added("  ", normalized=True), added("    "), added("\n\n", normalized=True), added("\t", lstrip=True), added(" the", normalized=True)]
META = {"type": "Metaspace", "replacement": "▁", "split": True}
PREPEND = {"type": "Prepend", "prepend": "▁"}
SPACES = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}


def sequence(kind, items):
    return {"type": "Sequence", kind: items}


def unspace(*more):
    first = [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]
    return sequence("decoders", first + list(more))


def replace(pattern, content):
    return {"type": "Replace", "pattern": {"String": pattern}, "content": content}


def byte_level(**flags):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True, **flags}


def normalizers(*items):
    return {"normalizer": sequence("normalizers", list(items))}


def strip(content, start, stop):
    return {"type": "Strip", "content": content, "start": start, "stop": stop}


# name: (folder of the fixture, members to replace, added tokens)
KINDS = {
    "gpt2": ("gpt2", {}, []),
    "llama3": ("llama3", {}, []),
    "qwen2-nfc": ("qwen2-nfc", {}, []),
    "smollm-digits": ("smollm-digits", {}, []),
    "llama2-spm": ("llama2-spm", {}, []),
    "unigram-metaspace-nfkc": ("unigram-metaspace-nfkc", {}, []),
    "unigram-charsmap": ("unigram-charsmap", {}, []),
    "gpt2-added": ("gpt2", {}, EVERY_FLAG + [added("!", special=True), added("Ġ", special=True)]),
    "gpt2-blanks": ("gpt2", {}, BLANKS),
    "spm-blanks": ("llama2-spm", {}, BLANKS),
    "llama3-added": ("llama3", {}, EVERY_FLAG + [added("a", special=True), added("the", special=True)]),
    "qwen2-nfc-added": ("qwen2-nfc", {}, EVERY_FLAG),
    "smollm-digits-added": ("smollm-digits", {}, EVERY_FLAG),
    "llama2-spm-added": ("llama2-spm", {}, EVERY_FLAG),
    "unigram-added": ("unigram-metaspace-nfkc", {}, EVERY_FLAG),
    "unigram-charsmap-added": ("unigram-charsmap", {}, EVERY_FLAG),
    "spm-first": ("llama2-spm", {"normalizer": None, "pre_tokenizer": {**META, "prepend_scheme": "first"},
                                 "decoder": {**META, "prepend_scheme": "first"}}, EVERY_FLAG),
    "spm-never": ("llama2-spm", {"normalizer": None, "pre_tokenizer": {**META, "prepend_scheme": "never", "split": False},
                                 "decoder": {**META, "prepend_scheme": "never"}}, EVERY_FLAG),
    "spm-replace": ("llama2-spm", {"decoder": unspace(replace("\n ", "\n"), replace("aa", "a"), strip(" ", 2, 1))}, []),
    "spm-strip": ("llama2-spm", {"decoder": sequence("decoders", [
        strip("▁", 1, 0), {"type": "ByteFallback"}, replace("e", "éé")])}, EVERY_FLAG),
    "spm-no-decoder": ("llama2-spm", {"decoder": None}, []),
    "spm-nfd-lower": ("llama2-spm", normalizers({"type": "NFD"}, {"type": "Lowercase"}, PREPEND, SPACES), EVERY_FLAG),
    "spm-nfkd-accents": ("llama2-spm", normalizers(
        {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Strip", "strip_left": True, "strip_right": True},
        SPACES), EVERY_FLAG),
    "spm-nmt": ("llama2-spm", normalizers({"type": "Nmt"}, {"type": "NFKC"}, replace("the", "an"), {
        "type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"}, PREPEND, SPACES), EVERY_FLAG),
    "spm-words": ("llama2-spm", {"normalizer": None, "pre_tokenizer": {"type": "Whitespace"}}, EVERY_FLAG),
    "spm-t5": ("llama2-spm", {"normalizer": None, "pre_tokenizer": sequence("pretokenizers", [
        {"type": "WhitespaceSplit"}, {**META, "prepend_scheme": "always"}])}, EVERY_FLAG),
    "spm-bert": ("llama2-spm", {"normalizer": None, "pre_tokenizer": sequence("pretokenizers", [
        {"type": "BertPreTokenizer"}, {"type": "Digits", "individual_digits": False}])}, EVERY_FLAG),
    "spm-gemma": ("llama2-spm", {"normalizer": SPACES, "pre_tokenizer": {
        "type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}}, EVERY_FLAG),
    "gpt2-prefix": ("gpt2", {"pre_tokenizer": byte_level(add_prefix_space=True)}, EVERY_FLAG),
    "gpt2-punctuation": ("gpt2", {"pre_tokenizer": sequence("pretokenizers", [
        {"type": "Punctuation", "behavior": "MergedWithPrevious"},
        {"type": "Split", "pattern": {"String": "  "}, "behavior": "MergedWithNext", "invert": False},
        {"type": "Punctuation", "behavior": "Contiguous"},
        {"type": "CharDelimiterSplit", "delimiter": "e"},
        {"type": "Split", "pattern": {"String": "an"}, "behavior": "Removed", "invert": False},
        byte_level(use_regex=False)])}, []),
}


def compose(name):
    """The tokenizer.json of a kind."""
    folder, members, more = KINDS[name]
    with open(os.path.join(FIXTURES, folder, "tokenizer.json"), encoding="utf-8") as file:
        document = json.load(file)
    document.update(members)
    vocab = document["model"]["vocab"]
    ids = dict(vocab) if isinstance(vocab, dict) else {token: index for index, (token, _) in enumerate(vocab)}
    known = {token["content"] for token in document["added_tokens"]}
    following = max(list(ids.values()) + [token["id"] for token in document["added_tokens"]]) + 1
    for token in more:
        if token["content"] in known:
            continue
        if token["content"] in ids:
            number = ids[token["content"]]
        else:
            number, following = following, following + 1
        document["added_tokens"].append({"id": number, **token})
    document["added_tokens"].sort(key=lambda token: token["id"])
    return document


def natural():
    texts = []
    for path in glob.glob(os.path.join(ROOT, "samples", "**", "*.txt"), recursive=True):
        with open(path, encoding="utf-8", errors="ignore") as file:
            texts.append(file.read()[:200000])
    for path in glob.glob(os.path.join(ROOT, "Sources", "*", "*", "*.swift"))[:40]:
        with open(path, encoding="utf-8") as file:
            texts.append(file.read())
    return texts


LANGUAGES = """Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. Voix ambiguë d’un cœur qui préfère les jattes de kiwis.
Съешь же ещё этих мягких французских булок, да выпей чаю. Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. דג סקרן שט בים מאוכזב ולפתע מצא חברה.
نص حكيم له سر قاطع وذو شأن عظيم مكتوب على ثوب أخضر. ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश। いろはにほへと ちりぬるを ガギグゲゴ ｶﾞｷﾞ
天地玄黃 宇宙洪荒 日月盈昃。다람쥐 헌 쳇바퀴에 타고파 한글. เป็นมนุษย์สุดประเสริฐเลิศคุณค่า. Dość błazeństw, żrą mój pęk luźnych fig. Pijamalı hasta İIıi yağız şoföre çabucak güvendi.
Tiếng Việt có dấu. ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ ⅓ ½ ² ³ Ⅻ ① ﬁ ﬂ ﬃ ﷺ ㍿ Ａｂｃ１２３ 𝔘𝔫𝔦 𝟘𝟙 🏳️‍🌈 👩‍👩‍👧‍👦 🇩🇪🇫🇷 e\u0301 a\u0308\u0323 q\u0307\u0323 ක්‍ෂ क्षि각가""".split()
CODE = """def f(x): return x**2 + 0x1F;\tif (a && b || !c) { printf("%d\\n", a[i]->b); } // comment\r\n#include <stdio.h>
SELECT * FROM t WHERE id=12345; </div><a href="x">it's I'LL we've DON'T they'RE 3.14159 1,000,000 foo_bar fooBar""".split(" ")
ODD = ["\0", "\ufeff", "\u200b", "\u200d", "\u200c", "\u00ad", "\u2028", "\u2029", "\u0085", "\u00a0", "\u3000", "\ufffd", "\ufffe",
       "\uffff", "\U0010ffff", "\ue000", "\u202e", "\u0f73", "\u0f75", "\u0f81", "\u0344", "\u1e9b\u0323", "\u212b", "\u2126",
       "\u1100\u1161\u11a8", "\uac00\u11a8", "\u0345\u0300", "\u0915\u093c", "\u0958", "\U0001d15e", "\u2581", "\u2581\u2581",
       "\u180e", "\u017f", "\u0130", "\u1e9e", "ǅ", "Σς", "\t", "\x0b", "\x0c", "\x1f", "\r", "\r\n", "<0x41>", "<unk>", "<s>", "</s>"]
SPACES_LIST = [" ", "  ", "   ", "\n", "\n\n", " \n", "\n ", "\t", "     ", " \t ", "\u00a0 ", "\u3000", " " * 17, "\r\n\r\n"]
BLOCKS = [(0x20, 0x7f), (0xa0, 0x250), (0x300, 0x370), (0x370, 0x530), (0x590, 0x780), (0x900, 0xe00), (0xe00, 0x1100), (0x1100, 0x1200),
          (0x1d00, 0x2000), (0x2000, 0x2c00), (0x3000, 0x3400), (0x4e00, 0x5000), (0xa000, 0xab70), (0xac00, 0xad00), (0xf900, 0x10000),
          (0x10000, 0x11000), (0x1d000, 0x1d800), (0x1f000, 0x1fb00), (0x20000, 0x20100), (0x0, 0x110000)]


def character(rng):
    while True:
        low, high = rng.choice(BLOCKS)
        value = rng.randrange(low, high)
        if not 0xD800 <= value < 0xE000:
            return chr(value)


def text(rng, prose, marks):
    """One text of some hundred characters."""
    parts = []
    for _ in range(rng.randrange(1, 14)):
        choice = rng.random()
        if choice < 0.22:
            source = rng.choice(prose)
            start = rng.randrange(max(1, len(source) - 200))
            parts.append(source[start:start + rng.randrange(1, 200)])
        elif choice < 0.40:
            parts.append(" ".join(rng.choice(LANGUAGES) for _ in range(rng.randrange(1, 8))))
        elif choice < 0.50:
            parts.append(" ".join(rng.choice(CODE) for _ in range(rng.randrange(1, 8))))
        elif choice < 0.62:
            parts.append("".join(character(rng) for _ in range(rng.randrange(1, 12))))
        elif choice < 0.70:
            parts.append("".join(rng.choice(ODD) for _ in range(rng.randrange(1, 5))))
        elif choice < 0.80:
            parts.append("".join(rng.choice(SPACES_LIST) for _ in range(rng.randrange(1, 4))))
        elif choice < 0.84:
            parts.append("e" + "".join(chr(rng.randrange(0x300, 0x370)) for _ in range(rng.randrange(1, 6))))
        elif choice < 0.87:
            parts.append(rng.choice("a A0 ! é中-").strip() * rng.randrange(1, 40))
        else:
            parts.append(rng.choice(marks) if marks else "x")
            parts.append(rng.choice(["", "", " ", "  ", "s", "\n", "é", "_", rng.choice(marks) if marks else ""]))
    return "".join(parts)


def streams(name, budget, seed):
    """Texts of a kind, until their ids reach the budget: (text, ids, ids without special tokens recognised, decoded)."""
    document = compose(name)
    library = Tokenizer.from_str(json.dumps(document))
    plain = Tokenizer.from_str(json.dumps(document))
    plain.encode_special_tokens = True
    rng = random.Random(f"{seed} {name}")
    prose = natural()
    marks = [token["content"] for token in document["added_tokens"]][-20:] + ["fox", "foxes", "Quark", "<|pad|>"]
    count = 0
    while count < budget:
        batch = [text(rng, prose, marks) for _ in range(64)]
        # Byte strings drawn at random, and ids in any order: what models write is not what tokenizers write.
        for sample, ids, other in zip(batch, library.encode_batch(batch), plain.encode_batch(batch)):
            yield sample, ids.ids, other.ids, library
            count += len(ids.ids)
            if count >= budget:
                return


def check(options):
    failures = 0
    for name in options.kinds:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "tokenizer.json")
            document = compose(name)
            with open(path, "w", encoding="utf-8") as file:
                json.dump(document, file, ensure_ascii=False)
            library = Tokenizer.from_file(path)
            plain = Tokenizer.from_file(path)
            plain.encode_special_tokens = True

            def different(sample, flags, tokenizer):
                out = subprocess.run([options.taper, "tokenize", path, "--json"] + flags, input=sample.encode(),
                                     capture_output=True)
                expected = tokenizer.encode(sample).ids
                if out.returncode:
                    return len(expected), out.stderr.decode()[:300]
                got = json.loads(out.stdout)["ids"]
                return len(expected), None if got == expected else (got, expected)

            def shrink(sample, flags, tokenizer):
                size = max(1, len(sample) // 2)
                tries = 0
                while size >= 1 and tries < 400:
                    start = 0
                    while start < len(sample) and tries < 400:
                        shorter = sample[:start] + sample[start + size:]
                        tries += 1
                        if different(shorter, flags, tokenizer)[1]:
                            sample = shorter
                        else:
                            start += size
                    size //= 2
                return sample

            total, bad, batch, size = 0, 0, [], 0
            for sample, ids, _, _ in streams(name, options.tokens, options.seed):
                batch.append(sample)
                size += len(ids)
                if size < 20000:
                    continue
                joined = "".join(batch)
                batch, size = [], 0
                for flags, tokenizer in (([], library), (["--no-parse-special"], plain)):
                    count, difference = different(joined, flags, tokenizer)
                    total += count
                    if difference:
                        bad += 1
                        if bad <= options.show:
                            small = shrink(joined, flags, tokenizer)
                            got = different(small, flags, tokenizer)[1]
                            print(f"  {name} {flags}: {small!r}\n    {got}")
                if bad >= max(options.show, 3):
                    break
            failures += bad
            print(f"{name}: {total} ids compared, {bad} batches differ", flush=True)
    return 1 if failures else 0


def write(options):
    os.makedirs(options.folder, exist_ok=True)
    for name in options.kinds:
        rng = random.Random(f"{options.seed} ids {name}")
        folder, members, more = KINDS[name]
        document = compose(name)
        cases = []

        def case(ids):
            try:
                return {"ids": ids, "decoded": library.decode(ids, skip_special_tokens=False)}
            except BaseException as error:  # the library panics where Strip takes more than there is
                if "slice" not in str(error):
                    raise
                return {"ids": ids}

        for sample, ids, plain, library in streams(name, options.tokens, options.seed):
            cases.append({"text": sample, **case(ids)})
            if plain != ids:
                cases[-1]["plain"] = plain
            # Ids in any order: what models write is not what tokenizers write.
            mixed = ids[:]
            rng.shuffle(mixed)
            size = library.get_vocab_size()
            mixed = mixed[:40] + [rng.randrange(size) for _ in range(10)]
            cases.append(case(mixed))
        with open(os.path.join(options.folder, name + ".json"), "w", encoding="utf-8") as file:
            contents = {token["content"] for token in more}
            json.dump({"source": f"tokenizers {tokenizers.__version__}", "base": folder, "members": members,
                       "added": [token for token in document["added_tokens"] if token["content"] in contents],
                       "cases": cases}, file, ensure_ascii=False, separators=(",", ":"))
            file.write("\n")
        print(name, len(cases), "cases")
    return 0


parser = argparse.ArgumentParser()
commands = parser.add_subparsers(dest="command", required=True)
for command in ("check", "write"):
    sub = commands.add_parser(command)
    if command == "write":
        sub.add_argument("folder")
    sub.add_argument("--taper", default=os.path.join(ROOT, ".build", "release", "taper"))
    sub.add_argument("--tokens", type=int, default=1000000)
    sub.add_argument("--seed", type=int, default=1)
    sub.add_argument("--show", type=int, default=3)
    sub.add_argument("--kinds", type=lambda text: text.split(","), default=list(KINDS))
options = parser.parse_args()
sys.exit(check(options) if options.command == "check" else write(options))
