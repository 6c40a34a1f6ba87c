#!/usr/bin/env python3
"""Writes Fixtures/rouge.json: ROUGE F-measures by the rouge_score package (pip install rouge_score)."""
import json, pathlib, random
from rouge_score import rouge_scorer

here = pathlib.Path(__file__).parent
root = here.parent.parent
words = (root / "samples/calibration.txt").read_text().split()
rng = random.Random(7)
pairs = [("", ""), ("a", ""), ("", "b"), ("Hello, world!", "hello world"), ("the cats were running happily", "the cat runs happy"),
         ("naïve café costs 3.50", "naive cafe costs 3 50"), ("It's a state-of-the-art x2y", "its state of the art x2 y"),
         ("relational conditional rational generalizations oscillators", "relate condition ration generalize oscillate"),
         ("dying lying tying skies news innings", "die lie tie sky new inning"), ("_under_score_ ÀÉ İstanbul K", "under score istanbul k")]
for _ in range(140):
    start = rng.randrange(len(words) - 40)
    target = words[start:start + rng.randrange(1, 30)]
    other = list(target)
    for _ in range(rng.randrange(0, 12)):
        at = rng.randrange(len(other) + 1)
        if rng.random() < 0.5 and other:
            other.pop(min(at, len(other) - 1))
        else:
            other.insert(at, rng.choice(words))
    pairs.append((" ".join(target), " ".join(other)))
kinds = ["rouge1", "rouge2", "rougeL"]
cases = []
for target, prediction in pairs:
    case = {"target": target, "prediction": prediction}
    for key, stemming in (("plain", False), ("stemmed", True)):
        scores = rouge_scorer.RougeScorer(kinds, use_stemmer=stemming).score(target, prediction)
        case[key] = [scores[k].fmeasure for k in kinds]
    cases.append(case)
# Several references: those of up to three neighbours, one of them perhaps empty.
several = []
for index in range(10, 60):
    targets = [pairs[index + k][0] for k in range(1 + index % 3)] + ([""] if index % 7 == 0 else [])
    rng.shuffle(targets)
    case = {"targets": targets, "prediction": pairs[index][1]}
    for key, stemming in (("plain", False), ("stemmed", True)):
        scores = rouge_scorer.RougeScorer(kinds, use_stemmer=stemming).score_multi(targets, case["prediction"])
        case[key] = [scores[k].fmeasure for k in kinds]
    several.append(case)
(here / "Fixtures/rouge-several.json").write_text(json.dumps(several, ensure_ascii=False, indent=0) + "\n")
(here / "Fixtures/rouge.json").write_text(json.dumps(cases, ensure_ascii=False, indent=0) + "\n")
