#!/usr/bin/env python3
"""Trains samples/tiny: a LLaMA-type model of two million weights with its own byte-level BPE tokenizer.

Text: the King James Version of the Bible (public domain, Debian package bible-kjv-text) and conversations.txt, written
for this project. Needs the packages torch, tokenizers and safetensors, and the program `bible` (Debian: bible-kjv).

    python3 train.py --steps 1500 --output build
"""

import argparse
import json
import math
import pathlib
import random
import re
import subprocess
import time

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

SEED = 20260211
CONTEXT = 512
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 192,
    "intermediate_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "vocab_size": 2048,
    "max_position_embeddings": CONTEXT,
    "rms_norm_eps": 1e-05,
    "rope_theta": 10000.0,
    "hidden_act": "silu",
    "attention_bias": False,
    "mlp_bias": False,
    "tie_word_embeddings": True,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "torch_dtype": "bfloat16",
}
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>'"
    " + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
NUMBERS = "one two three four five six seven eight nine ten eleven twelve".split()


def chapters():
    """Chapters of the Bible: (training, held out). Every fortieth chapter is held out."""
    raw = subprocess.run(["bible", "-f", "Gen1:1-Rev22:21"], capture_output=True, text=True, check=True).stdout
    found = {}
    for line in raw.splitlines():
        match = re.fullmatch(r"(\S+?\d+):\d+ (.*)", line)
        if match:
            found.setdefault(match[1], []).append(match[2].strip())
    whole = ["\n".join(verses) for verses in found.values()]
    return [c for i, c in enumerate(whole) if i % 40], whole[::40]


def excerpt(texts, limit=32_000):
    """The first whole chapters that fit, parted by blank lines."""
    chosen, size = [], 0
    for text in texts:
        if size + len(text) <= limit:
            chosen.append(text)
            size += len(text) + 2
    return "\n\n".join(chosen) + "\n"


def question_blocks():
    """The blocks of conversations.txt: [(questions, answer)]."""
    text = pathlib.Path(__file__).with_name("conversations.txt").read_text()
    blocks = []
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        if lines:
            blocks.append((lines[:-1], lines[-1].removeprefix("= ")))
    return blocks


def small_task(rng):
    """One exercise with an answer that can be computed."""
    kind = rng.randrange(3)
    if kind == 0:
        first = rng.randrange(0, 8)
        last = rng.randrange(first + 2, min(first + 7, 12))
        return f"Count from {NUMBERS[first]} to {NUMBERS[last]}.", ", ".join(NUMBERS[first : last + 1]) + "."
    if kind == 1:
        a, b = rng.randrange(1, 7), rng.randrange(1, 7)
        return f"What is {NUMBERS[a - 1]} and {NUMBERS[b - 1]}?", f"It is {NUMBERS[a + b - 1]}."
    n = rng.randrange(0, 11)
    return f"What comes after {NUMBERS[n]}?", f"After {NUMBERS[n]} comes {NUMBERS[n + 1]}."


def chat_text(question, answer):
    return f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n{answer}<|im_end|>\n"


def chats(rng, count):
    blocks = question_blocks()
    for _ in range(count):
        if rng.random() < 0.15:
            yield chat_text(*small_task(rng))
        else:
            questions, answer = rng.choice(blocks)
            yield chat_text(rng.choice(questions), answer)


def train_tokenizer(texts):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=CONFIG["vocab_size"],
            special_tokens=SPECIAL,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    return tokenizer


class Block(torch.nn.Module):
    def __init__(self, c):
        super().__init__()
        hidden, head, inner = c["hidden_size"], c["head_dim"], c["intermediate_size"]
        self.heads, self.kv_heads, self.head = c["num_attention_heads"], c["num_key_value_heads"], head

        def linear(inputs, outputs):
            return torch.nn.Linear(inputs, outputs, bias=False)

        self.self_attn = torch.nn.ModuleDict(
            {
                "q_proj": linear(hidden, self.heads * head),
                "k_proj": linear(hidden, self.kv_heads * head),
                "v_proj": linear(hidden, self.kv_heads * head),
                "o_proj": linear(self.heads * head, hidden),
            }
        )
        self.mlp = torch.nn.ModuleDict(
            {
                "gate_proj": linear(hidden, inner),
                "up_proj": linear(hidden, inner),
                "down_proj": linear(inner, hidden),
            }
        )
        self.input_layernorm = torch.nn.RMSNorm(hidden, eps=c["rms_norm_eps"])
        self.post_attention_layernorm = torch.nn.RMSNorm(hidden, eps=c["rms_norm_eps"])

    def forward(self, x, cos, sin):
        batch, length, _ = x.shape

        def split(y, heads):
            return y.view(batch, length, heads, self.head).transpose(1, 2)

        def rotate(y):
            a, b = y.chunk(2, -1)
            return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)

        n = self.input_layernorm(x)
        q = rotate(split(self.self_attn["q_proj"](n), self.heads))
        k = rotate(split(self.self_attn["k_proj"](n), self.kv_heads))
        v = split(self.self_attn["v_proj"](n), self.kv_heads)
        o = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        x = x + self.self_attn["o_proj"](o.transpose(1, 2).reshape(batch, length, -1))
        n = self.post_attention_layernorm(x)
        return x + self.mlp["down_proj"](F.silu(self.mlp["gate_proj"](n)) * self.mlp["up_proj"](n))


class Model(torch.nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embed_tokens = torch.nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.layers = torch.nn.ModuleList(Block(c) for _ in range(c["num_hidden_layers"]))
        self.norm = torch.nn.RMSNorm(c["hidden_size"], eps=c["rms_norm_eps"])
        for module in self.modules():
            if isinstance(module, (torch.nn.Linear, torch.nn.Embedding)):
                torch.nn.init.normal_(module.weight, std=0.02)
        half = c["head_dim"] // 2
        frequency = c["rope_theta"] ** (-torch.arange(half).float() / half)
        angles = torch.outer(torch.arange(c["max_position_embeddings"]).float(), frequency)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, ids):
        x, length = self.embed_tokens(ids), ids.shape[1]
        for layer in self.layers:
            x = layer(x, self.cos[:length], self.sin[:length])
        return self.norm(x) @ self.embed_tokens.weight.T


class Muon:
    """Momentum whose update is made orthogonal by five Newton-Schulz steps (Jordan et al., 2024): trains small
    matrices in about half of Adam's steps."""

    def __init__(self, parameters, momentum=0.95):
        self.momentum = momentum
        self.state = [(p, torch.zeros_like(p)) for p in parameters]

    @torch.no_grad()
    def step(self, rate, decay):
        for p, m in self.state:
            m.mul_(self.momentum).add_(p.grad)
            x = p.grad + self.momentum * m
            tall = x.shape[0] > x.shape[1]
            x = x.T if tall else x
            x = x / (x.norm() + 1e-7)
            for _ in range(5):
                s = x @ x.T
                x = 3.4445 * x + (-4.7750 * s + 2.0315 * s @ s) @ x
            x = x.T if tall else x
            p.mul_(1 - rate * decay).add_(x, alpha=-rate * max(1, p.shape[0] / p.shape[1]) ** 0.5)


@torch.no_grad()
def perplexity(model, ids):
    """Perplexity of windows of CONTEXT tokens that do not overlap; each predicts all tokens but its first."""
    model.eval()
    rows = ids[: len(ids) // CONTEXT * CONTEXT].view(-1, CONTEXT)
    losses = [F.cross_entropy(model(r[None, :-1])[0], r[1:]).item() for r in rows]
    model.train()
    return math.exp(sum(losses) / len(losses))


def save(model, tokenizer, folder, facts):
    folder.mkdir(parents=True, exist_ok=True)

    def write(name, value):
        (folder / name).write_text(json.dumps(value, indent=2) + "\n")

    tokenizer.save(str(folder / "tokenizer.json"))
    weights = {f"model.{k}": v.to(torch.bfloat16).contiguous() for k, v in model.state_dict().items()}
    save_file(weights, str(folder / "model.safetensors"), metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    write("config.json", CONFIG)
    write("generation_config.json", {"bos_token_id": 0, "eos_token_id": [0, 2], "max_length": CONTEXT})
    write(
        "tokenizer_config.json",
        {
            "bos_token": "<|endoftext|>",
            "eos_token": "<|im_end|>",
            "add_bos_token": False,
            "chat_template": TEMPLATE,
            "model_max_length": CONTEXT,
            "tokenizer_class": "PreTrainedTokenizerFast",
        },
    )
    write("training.json", facts)


def main():
    parser = argparse.ArgumentParser(description="Trains the sample checkpoint.")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=6, help="windows of 512 tokens a step")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    options = parser.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(options.threads)
    rng = random.Random(SEED)
    bible, held_out = chapters()
    talk = list(chats(rng, 8000))
    tokenizer = train_tokenizer(bible + talk)

    bible_ids = torch.tensor([i for c in bible for i in tokenizer.encode(c).ids + [0]])
    talk_ids, talk_starts = [], []
    for text in talk:
        talk_starts.append(len(talk_ids))
        talk_ids += tokenizer.encode(text).ids
    talk_starts = [s for s in talk_starts if s + CONTEXT + 1 <= len(talk_ids)]
    talk_ids = torch.tensor(talk_ids)
    held_ids = torch.tensor([i for c in held_out for i in tokenizer.encode(c).ids + [0]])
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "heldout.txt").write_text(excerpt(held_out))
    (options.output / "calibration.txt").write_text(excerpt(bible[20::40]))

    model = Model(CONFIG)
    count = sum(p.numel() for p in model.parameters())
    print(f"{count} weights; tokens: {len(bible_ids)} bible, {len(talk_ids)} talk, {len(held_ids)} held out", flush=True)
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    muon = Muon(matrices)
    adam = torch.optim.AdamW(others, lr=4e-3, betas=(0.9, 0.95), weight_decay=0.01)
    started = time.time()
    for step in range(options.steps):
        done = step / options.steps
        scale = min(1, (step + 1) / 50) * min(1, (1 - done) / 0.5)
        for group in adam.param_groups:
            group["lr"] = 4e-3 * scale
        rows = []
        for row in range(options.batch):
            # One window in six is conversation and starts with one; the others start anywhere in the Bible.
            if row == 0:
                rows.append(talk_ids[(at := rng.choice(talk_starts)) : at + CONTEXT + 1])
            else:
                at = rng.randrange(len(bible_ids) - CONTEXT)
                rows.append(bible_ids[at : at + CONTEXT + 1])
        rows = torch.stack(rows)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(rows[:, :-1])
        loss = F.cross_entropy(logits.float().flatten(0, 1), rows[:, 1:].flatten())
        model.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        adam.step()
        muon.step(0.02 * scale, 0.05)
        last = step + 1 == options.steps
        if (step + 1) % 10 == 0:
            print(f"step {step + 1} loss {loss.item():.3f} seconds {time.time() - started:.0f}", flush=True)
        if last or (step + 1) % 200 == 0:
            value = perplexity(model, held_ids if last else held_ids[: CONTEXT * 12])
            print(f"step {step + 1} held-out perplexity {value:.2f}", flush=True)
            facts = {
                "seed": SEED,
                "steps": step + 1,
                "tokens_per_step": options.batch * CONTEXT,
                "weights": count,
                "held_out_perplexity": round(value, 2),
            }
            save(model, tokenizer, options.output, facts)


if __name__ == "__main__":
    main()
