#!/usr/bin/env python3
"""Trains small unigram tokenizers of the kinds of T5, XLM-R and ALBERT, with byte fallback, and with single punctuation marks;
golden.json beside each has ids and text as the `tokenizers` library computes them.

    pip install tokenizers==0.23.3
"""
import json
import os

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "..", "..", "..", "samples", "calibration.txt"), encoding="utf-8") as file:
    corpus = file.read()[:200_000].split("\n")
texts = [
    "Hello world, this is a test.", "", " ", "   ", "\n", "\t\t", " \n \t ", " a", "a ", "  a  b   c    d", "▁▁ ▁a▁", "a▁b",
    "Größe, Straße, naïve café – „Anführung“ … 3,5 % €", "Привет, как дела?", "こんにちは、世界。ｱｲｳ ＡＢＣ １２３", "你好，世界！", "안녕하세요 세계 각",
    "مرحبا بالعالم ﷺ", "नमस्ते क्षि त्र", "สวัสดี ำ", "😀 👩‍👩‍👧‍👦 🏳️‍🌈", "e\u0301 é ﬁ ① ² ½ ㎏ ㍿ Ⅷ", "\u200b\u200d\ufeff\u00a0\u3000x\u0085\u2028",
    "def f(x):\n    return x**2\n\n\nclass A:\n\tpass\n", "<s> a </s><unk><mask> <pad>", "x <mask>y", "  <mask>  ", "<extra_id_0> and <extra_id_1>",
    "\u0000\u0001\u001f\u007f", "𝒜𝓃𝒸 𐍈 𠜎", "https://example.com/a?b=c&d=e#f", "12:34:56 1 000 000,00", "don't ``I'll'' we've", "((()))[[]]{{}}",
    "İstanbul ıI ẞß ǅ", "a\u0300\u0301b\u0327\u0323", "_ __ ___ —— ‐‑", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "x" + " " * 20 + "y", "<0x0A><0x41>", "\r\n\r\n \r",
    # Punctuation of Unicode 8 and of later versions; the first two are symbols by now.
    "a\u166db a\U000111c9b a\u2e42b", "a\u2e43b a\u061db a\U00011fffb a\U00012ff1b a\U0001e5ffb a\u1b4eb",
    "a\u00a1b a\u2010b a\u3001b a\U00010100b a_b a$b a+b a~b a^b",
]
space = dict(replacement="▁", prepend_scheme="always", split=True)
first = dict(replacement="▁", prepend_scheme="first", split=False)


def make(name, normalizer, splitter, decoder, single=None, bytes=False, added=()):
    tokenizer = Tokenizer(models.Unigram())
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoder
    tokenizer.train_from_iterator(corpus, trainers.UnigramTrainer(
        vocab_size=400, unk_token="<unk>", special_tokens=["<unk>", "<s>", "</s>"], show_progress=False))
    document = json.loads(tokenizer.to_str())
    if bytes:
        document["model"]["vocab"] += [["<0x%02X>" % byte, -20.0] for byte in range(256)]
        document["model"]["byte_fallback"] = True
    tokenizer = Tokenizer.from_str(json.dumps(document))
    tokenizer.add_tokens(list(added))
    if single:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=single, pair=single + " $B", special_tokens=[("<s>", 1), ("</s>", 2)])
    folder = os.path.join(here, name)
    os.makedirs(folder, exist_ok=True)
    tokenizer.save(os.path.join(folder, "tokenizer.json"), pretty=False)
    cases = []
    for text in texts:
        ids = tokenizer.encode(text).ids
        cases.append({"text": text, "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False)})
    with open(os.path.join(folder, "golden.json"), "w", encoding="utf-8") as file:
        json.dump({"source": "tokenizers " + tokenizers.__version__, "cases": cases}, file)
        file.write("\n")


spaces = normalizers.Replace(Regex(" {2,}"), " ")
words = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(**space)])
make(
    "unigram-t5", normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), spaces]), words, decoders.Metaspace(**space), "$A </s>",
    added=[AddedToken("<extra_id_%d>" % number, special=True, normalized=False) for number in range(2)])
make(
    "unigram-xlmr", normalizers.Sequence([normalizers.NFKC(), spaces]), words, decoders.Metaspace(**space), "<s> $A </s>",
    added=[AddedToken("<mask>", lstrip=True, special=True, normalized=False)])
make(
    "unigram-albert", normalizers.Sequence([
        normalizers.Replace("``", '"'), normalizers.Replace("''", '"'), normalizers.NFKD(), normalizers.StripAccents(),
        normalizers.Lowercase(), spaces]), words, decoders.Metaspace(**space), "<s> $A </s>")
make(
    "unigram-bytes", None, pre_tokenizers.Metaspace(**first), decoders.Sequence([
        decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]), bytes=True)
make(
    "unigram-punctuation", None, pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.Punctuation(), pre_tokenizers.Metaspace(**space)]),
    decoders.Metaspace(**space), bytes=True)
