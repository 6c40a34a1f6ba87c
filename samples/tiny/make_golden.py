#!/usr/bin/env python3
"""Writes golden.json: logits and greedy tokens of this checkpoint, computed in float32 by the `transformers` package.

    pip install torch transformers && python3 make_golden.py .
"""

import hashlib
import json
import pathlib
import sys

import torch
import transformers

PLAIN = [
    "In the beginning",
    "And the LORD spake unto Moses, saying,",
    "Blessed are the poor",
    "The king of 1234 cities; \u00e9t\u00e9, \u65e5\u672c \U0001f600\n\n  two spaces",
]
CHATS = ["Who was Noah?", "Tell me the story of the flood.", "Count from three to nine.", "What is the capital of France?"]
NEW_TOKENS = 64
LAST_POSITIONS = 1


@torch.no_grad()
def case(model, tokenizer, text, new_tokens, stop):
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    logits = model(torch.tensor([ids])).logits[0]
    tokens = list(ids)
    margin = float("inf")
    while len(tokens) < len(ids) + new_tokens:
        top = model(torch.tensor([tokens])).logits[0, -1].topk(2)
        margin = min(margin, (top.values[0] - top.values[1]).item())
        tokens.append(top.indices[0].item())
        if tokens[-1] in stop:
            break
    return {
        "text": text,
        "tokens": ids,
        "argmax": logits.argmax(-1).tolist(),
        "logits_from_position": len(ids) - LAST_POSITIONS,
        "logits": [[round(v, 4) for v in row] for row in logits[-LAST_POSITIONS:].tolist()],
        "greedy": tokens[len(ids) :],
        "greedy_smallest_margin": round(margin, 5),
        "greedy_text": tokenizer.decode(tokens[len(ids) :], skip_special_tokens=True),
    }


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    torch.set_num_threads(1)
    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    stop = {0, 2}
    cases = [case(model, tokenizer, text, NEW_TOKENS, stop) for text in PLAIN]
    for question in CHATS:
        message = [{"role": "user", "content": question}]
        text = tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)
        cases.append({"question": question} | case(model, tokenizer, text, NEW_TOKENS * 2, stop))
    golden = {
        "made_with": f"transformers {transformers.__version__}, float32",
        "weights_sha256": hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(),
        "stop_tokens": sorted(stop),
        "cases": cases,
    }
    # One case a line keeps differences readable.
    head = json.dumps({k: v for k, v in golden.items() if k != "cases"}, ensure_ascii=True)[:-1]
    body = ",\n".join(json.dumps(c, ensure_ascii=True) for c in cases)
    (folder / "golden.json").write_text(f'{head}, "cases": [\n{body}\n]}}\n')


if __name__ == "__main__":
    main()
