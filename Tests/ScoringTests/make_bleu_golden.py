#!/usr/bin/env python3
"""Writes Fixtures/bleu.json: 13a tokens and BLEU by the sacrebleu package, and BLEU without smoothing by sacrebleu and by
nltk on the same tokens (pip install sacrebleu==2.6.0 nltk==3.10.4)."""
import json, pathlib, random, warnings
import sacrebleu
from nltk.translate.bleu_score import corpus_bleu
from sacrebleu.metrics import BLEU

warnings.simplefilter("ignore")
here = pathlib.Path(__file__).parent
root = here.parent.parent
words = (root / "samples/calibration.txt").read_text().split()
rng = random.Random(11)
tokenizer = BLEU().tokenizer

# Everything the passes treat by itself, and what looks like it: entities, half entities, other scripts' digits and points,
# composed and decomposed letters, and all white space that Python or Unicode knows.
pieces = list(".,.,-'\"!?()[]{}/\\&;:<>#$%*+=@^_`|~0123456789") + [
    "a", "b", "word", "Word", "é", "e\u0301", "ß", "中", "文", "Я", "٣", "３", "，", "。", "—", "–", "…", "😀", "\u200b", "\u2060", "\ufeff",
    "&quot;", "&amp;", "&lt;", "&gt;", "&amp;lt;", "&amp;quot;", "&quot", "&#39;", "<skipped>", "<skip", "ped>", "-\n", "\n", "\r\n",
    "3.14", "1,000", "x.y", "U.S.", "1-2", "9-", "-9", "it's", " ", " ", " ", "\t", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x1f", "\x85", "\xa0",
    "\u1680", "\u2003", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\x00", "\x7f"]
texts = ["", " ", ".", "a..b", "...", ",.,.", "1.,2", "5-5-5", "-", "\n", "a-\nb", "&amp;quot;", "e\u0301 é", "Hello, world! 3.50$ (ok)"]
texts += ["".join(rng.choice(pieces) for _ in range(rng.randrange(1, 24))) for _ in range(460)]
tokens = [{"text": text, "tokens": tokenizer(text.rstrip()).split()} for text in texts]


def altered(target):
    other = list(target)
    for _ in range(rng.randrange(0, 9)):
        at = rng.randrange(len(other) + 1)
        if rng.random() < 0.5 and other:
            other.pop(min(at, len(other) - 1))
        else:
            other.insert(at, rng.choice(words + ["don't", "3.5", "é", "e\u0301", "&amp;", "Mr.", "(", "U.S."]))
    return other


def corpus(size, counts, longest, spoiled=False):
    examples = []
    for _ in range(size):
        start = rng.randrange(len(words) - 60)
        target = words[start:start + rng.randrange(1, longest)]
        references = [" ".join(altered(target)) for _ in range(rng.choice(counts))]
        answer = " ".join(rng.choice(words).upper() for _ in target) if spoiled else " ".join(altered(target))
        examples.append((answer, references))
    return examples


corpora = [corpus(1, [1], 30), corpus(5, [1], 30), corpus(30, [1], 25), corpus(12, [3], 30), corpus(12, [1, 2, 3], 20),
           corpus(6, [2], 4), corpus(8, [1], 3), corpus(6, [1], 20, spoiled=True),
           [("", ["a b"]), ("a b c", ["a b c"])], [("", [""])], [("x", ["y", "x z"]), ("same words here now", ["same words here now"])],
           [("the the the the the the the", ["the cat is on the mat", "there is a cat on the mat"])],
           [("e\u0301t\u00e9 a b c d", ["\u00e9t\u00e9 a b c d"])]]
cases = []
compared = 0
for examples in corpora:
    answers = [answer for answer, _ in examples]
    most = max(len(references) for _, references in examples)
    # sacrebleu takes one list for every place of a reference, with None where an example has fewer.
    streams = [[references[k] if k < len(references) else None for _, references in examples] for k in range(most)]
    metric = BLEU()
    score = metric.corpus_score(answers, streams)
    plain = BLEU(smooth_method="none").corpus_score(answers, streams)
    sentence = BLEU(effective_order=True)
    split = lambda text: tokenizer(text.rstrip()).split()
    case = {
        "answers": answers, "references": [references for _, references in examples], "score": score.score, "plain": plain.score,
        "counts": score.counts, "totals": score.totals, "lengths": [score.sys_len, score.ref_len],
        "sentences": [sentence.sentence_score(answer, references).score for answer, references in examples],
        "signature": str(metric.get_signature())}
    assert case["signature"].endswith("version:" + sacrebleu.__version__)
    by_nltk = corpus_bleu([[split(r) for r in references] for _, references in examples], [split(answer) for answer in answers])
    # nltk puts a tiny number in place of a precision without matches, and counts one n-gram of an answer too short for any.
    if plain.score > 0 and all(len(split(answer)) >= 4 for answer in answers):
        compared += 1
        assert abs(100 * by_nltk - plain.score) < 1e-9, (by_nltk, plain.score)
    cases.append(case)
assert compared >= 3
(here / "Fixtures/bleu.json").write_text(json.dumps({"tokens": tokens, "corpora": cases}, ensure_ascii=True, indent=0) + "\n")
