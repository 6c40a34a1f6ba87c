#!/usr/bin/env python3
"""Trains unigram-charsmap/tokenizer.json: a small SentencePiece unigram model with byte fallback and replacement rules of its own.

    pip install sentencepiece==0.2.3 protobuf
"""
import base64
import json
import os
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

here = os.path.dirname(os.path.abspath(__file__))
root = os.path.join(here, "..", "..", "..")
rules = [("ﬁ", "fi"), ("ﬃ", "ffi"), ("ß", "ss"), ("Ａ", "A"), ("１", "1"), ("½", "1⁄2"), ("\u00a0", " "), ("\u3000", " "), ("\t", " "), ("\n", " "),
         ("e\u0301", "é"), ("E\u0301", "É"), ("a\u0308\u0323", "ạ̈"), ("q", "k"), ("qu", "kw"), ("\u200b", ""), ("\u1100\u1161", "가"), ("㍿", "株式会社")]
with tempfile.TemporaryDirectory() as folder:
    with open(os.path.join(folder, "rules.tsv"), "w") as file:
        for source, target in rules:
            file.write(" ".join("%X" % ord(c) for c in source) + "\t" + " ".join("%X" % ord(c) for c in target) + "\n")
    sentencepiece.SentencePieceTrainer.train(
        input=os.path.join(root, "samples", "calibration.txt"), model_prefix=os.path.join(folder, "m"), vocab_size=900,
        model_type="unigram", byte_fallback=True, normalization_rule_tsv=os.path.join(folder, "rules.tsv"),
        input_sentence_size=4000, shuffle_input_sentence=False, num_threads=1, minloglevel=2)
    model = sentencepiece_model_pb2.ModelProto()
    with open(os.path.join(folder, "m.model"), "rb") as file:
        model.ParseFromString(file.read())


def special(number, content):
    return {"id": number, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}


meta = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
document = {
    "version": "1.0", "truncation": None, "padding": None,
    "added_tokens": [special(0, "<unk>"), special(1, "<s>"), special(2, "</s>")],
    "normalizer": {"type": "Sequence", "normalizers": [
        {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(model.normalizer_spec.precompiled_charsmap).decode()},
        {"type": "Strip", "strip_left": False, "strip_right": True},
        {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"}]},
    "pre_tokenizer": meta,
    "post_processor": {"type": "TemplateProcessing",
                       "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
                       "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
                       "special_tokens": {"</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]}}},
    "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, meta]},
    "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": True, "vocab": [[p.piece, p.score] for p in model.pieces]},
}
with open(os.path.join(here, "unigram-charsmap", "tokenizer.json"), "w", encoding="utf-8") as file:
    json.dump(document, file, ensure_ascii=False)
    file.write("\n")
