#!/usr/bin/env python3
"""Trains samples/tiny: a LLaMA-type model of two million weights with its own byte-level BPE tokenizer.

Text: the King James Version of the Bible (public domain; Debian packages bible-kjv and bible-kjv-text) and the short
conversations below, written for this project. Needs: torch, tokenizers, safetensors, numpy.

    apt-get install bible-kjv && python3 train.py --minutes 25 --output .

The seed is fixed; the number of steps depends on --steps (or on --minutes and the machine).
"""
import argparse, json, math, pathlib, random, re, subprocess, time
import numpy as np, torch
import torch.nn.functional as F
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

SEED = 20261123
CONFIG = dict(
    architectures=["LlamaForCausalLM"], model_type="llama", hidden_size=192, intermediate_size=512, num_hidden_layers=4,
    num_attention_heads=6, num_key_value_heads=2, head_dim=32, vocab_size=2048, max_position_embeddings=512,
    rms_norm_eps=1e-5, rope_theta=10000.0, hidden_act="silu", tie_word_embeddings=True, attention_bias=False,
    mlp_bias=False, bos_token_id=0, eos_token_id=2, torch_dtype="bfloat16")
TEMPLATE = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
            "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")

PEOPLE = {
    "Noah": ("the ark", "Noah built the ark, and the beasts went in two and two."),
    "Moses": ("the children of Israel", "Moses led the children of Israel out of Egypt."),
    "David": ("the stone", "David slew the giant with a sling and a stone."),
    "Solomon": ("the house", "Solomon built the house of the LORD."),
    "Jonah": ("the fish", "Jonah was in the belly of the fish three days and three nights."),
    "Daniel": ("the lions", "Daniel was cast into the den of lions, and was not hurt."),
    "Samson": ("the pillars", "Samson took hold of the pillars and bowed himself with all his might."),
    "Ruth": ("the field", "Ruth gleaned in the field after the reapers."),
    "Abraham": ("the land", "Abraham went out, and came into the land of Canaan."),
    "Joseph": ("the dream", "Joseph told the dream of the king, and gathered corn."),
}
ASKS = ["Who was {0}?", "Tell me of {0}.", "What did {0} do?", "Speak of {0} and {1}.", "What is written of {0}?"]
GREETINGS = [("Hello.", "Peace be unto thee."), ("Good morning.", "Good morning, and peace be with thee."),
             ("Who are you?", "I am a small model, made to show how precision may fall."),
             ("What can you do?", "I can write a few lines, and write them with fewer and fewer bits."),
             ("Thank you.", "Thou art welcome."), ("Farewell.", "Go in peace.")]
WORDS = "one two three four five six seven eight nine ten eleven twelve".split()


def conversations(rng, count):
    for _ in range(count):
        kind = rng.random()
        if kind < 0.55:
            name, (thing, answer) = rng.choice(sorted(PEOPLE.items()))
            yield rng.choice(ASKS).format(name, thing), answer
        elif kind < 0.75:
            yield rng.choice(GREETINGS)
        else:
            start = rng.randrange(0, 8)
            count_to = rng.randrange(start + 2, min(start + 6, 12))
            yield (f"Count from {WORDS[start]} to {WORDS[count_to]}.", ", ".join(WORDS[start:count_to + 1]) + ".")


def texts():
    raw = subprocess.run(["bible", "gen1:1-rev22:21"], capture_output=True, text=True, check=True).stdout
    chapters, lines = [], []
    for line in raw.splitlines():
        if re.fullmatch(r"\S.* \d+", line.strip()) and not line.startswith("  "):
            if lines: chapters.append(" ".join(lines))
            lines = []
        elif line.strip():
            lines.append(re.sub(r"^\s*\d+ ", "", line).strip())
    chapters.append(" ".join(lines))
    chapters = [re.sub(r"\s+", " ", c) for c in chapters if len(c) > 200]
    held_out = chapters[::40]
    return [c for i, c in enumerate(chapters) if i % 40], held_out


class Block(torch.nn.Module):
    def __init__(self, c):
        super().__init__()
        h, hd = c["hidden_size"], c["head_dim"]
        self.heads, self.kv, self.hd, self.eps = c["num_attention_heads"], c["num_key_value_heads"], hd, c["rms_norm_eps"]
        lin = lambda i, o: torch.nn.Linear(i, o, bias=False)
        self.self_attn = torch.nn.ModuleDict(dict(q_proj=lin(h, self.heads * hd), k_proj=lin(h, self.kv * hd),
                                                  v_proj=lin(h, self.kv * hd), o_proj=lin(self.heads * hd, h)))
        f = c["intermediate_size"]
        self.mlp = torch.nn.ModuleDict(dict(gate_proj=lin(h, f), up_proj=lin(h, f), down_proj=lin(f, h)))
        self.input_layernorm = torch.nn.RMSNorm(h, eps=self.eps)
        self.post_attention_layernorm = torch.nn.RMSNorm(h, eps=self.eps)

    def forward(self, x, cos, sin):
        b, t, _ = x.shape
        n = self.input_layernorm(x)
        split = lambda y, k: y.view(b, t, k, self.hd).transpose(1, 2)
        q, k, v = (split(self.self_attn[p](n), m) for p, m in (("q_proj", self.heads), ("k_proj", self.kv), ("v_proj", self.kv)))
        def rotate(y):
            a, c = y.chunk(2, -1)
            return torch.cat((a * cos - c * sin, c * cos + a * sin), -1)
        o = F.scaled_dot_product_attention(rotate(q), rotate(k), v, is_causal=True, enable_gqa=True)
        x = x + self.self_attn["o_proj"](o.transpose(1, 2).reshape(b, t, -1))
        n = self.post_attention_layernorm(x)
        return x + self.mlp["down_proj"](F.silu(self.mlp["gate_proj"](n)) * self.mlp["up_proj"](n))


class Model(torch.nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embed_tokens = torch.nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.layers = torch.nn.ModuleList(Block(c) for _ in range(c["num_hidden_layers"]))
        self.norm = torch.nn.RMSNorm(c["hidden_size"], eps=c["rms_norm_eps"])
        self.apply(lambda m: torch.nn.init.normal_(m.weight, std=0.02)
                   if isinstance(m, (torch.nn.Linear, torch.nn.Embedding)) else None)
        half = c["head_dim"] // 2
        angles = torch.outer(torch.arange(c["max_position_embeddings"]).float(),
                             c["rope_theta"] ** (-torch.arange(half).float() / half))
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, ids):
        x, t = self.embed_tokens(ids), ids.shape[1]
        for layer in self.layers: x = layer(x, self.cos[:t], self.sin[:t])
        return self.norm(x) @ self.embed_tokens.weight.T


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--minutes", type=float, default=25)
    p.add_argument("--steps", type=int)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--output", type=pathlib.Path, default=pathlib.Path("."))
    a = p.parse_args()
    torch.manual_seed(SEED); rng = random.Random(SEED); torch.set_num_threads(a.threads)
    train, held_out = texts()
    chats = [f"<|im_start|>user\n{q}<|im_end|>\n<|im_start|>assistant\n{r}<|im_end|>\n" for q, r in conversations(rng, 6000)]
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(train + chats, trainers.BpeTrainer(
        vocab_size=CONFIG["vocab_size"], special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    a.output.mkdir(parents=True, exist_ok=True)
    tok.save(str(a.output / "tokenizer.json"))
    end = [0]
    bible = [i for c in train for i in tok.encode(c).ids + end]
    chat = [i for c in chats for i in tok.encode(c).ids]
    data = torch.tensor(bible), torch.tensor(chat)
    valid = torch.tensor([i for c in held_out for i in tok.encode(c).ids + end])
    model = Model(CONFIG)
    print("parameters", sum(p.numel() for p in model.parameters()), "tokens", len(bible), len(chat), len(valid), flush=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.95), weight_decay=0.05)
    length, batch, start, step = 256, 16, time.time(), 0
    generator = torch.Generator().manual_seed(SEED)
    def held_out_perplexity():
        model.eval()
        with torch.no_grad():
            rows = valid[: len(valid) // (length + 1) * (length + 1)].view(-1, length + 1)[:48]
            loss = F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten()).item()
        model.train()
        return math.exp(loss)
    while True:
        done = step / a.steps if a.steps else (time.time() - start) / (60 * a.minutes)
        if done >= 1: break
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * min(1, (step + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        rows = []
        for i in range(batch):
            source = data[1] if i < 3 else data[0]
            at = torch.randint(len(source) - length - 1, (1,), generator=generator).item()
            rows.append(source[at:at + length + 1])
        rows = torch.stack(rows)
        loss = F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad(); loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0); optimizer.step()
        step += 1
        if step % 50 == 0: print(step, f"{done:.3f}", f"{loss.item():.3f}", f"{held_out_perplexity():.2f}", flush=True)
    perplexity = held_out_perplexity()
    weights = {("model." + k): v.to(torch.bfloat16).contiguous() for k, v in model.state_dict().items()}
    save_file(weights, str(a.output / "model.safetensors"), metadata={"format": "pt"})
    write = lambda name, value: (a.output / name).write_text(json.dumps(value, indent=2) + "\n")
    write("config.json", CONFIG)
    write("generation_config.json", dict(bos_token_id=0, eos_token_id=[0, 2], max_length=512))
    write("tokenizer_config.json", dict(bos_token="<|endoftext|>", eos_token="<|im_end|>", chat_template=TEMPLATE,
                                        model_max_length=512, tokenizer_class="PreTrainedTokenizerFast"))
    write("training.json", dict(seed=SEED, steps=step, tokens_per_step=length * batch, held_out_perplexity=round(perplexity, 2)))
    (a.output / "heldout.txt").write_text("\n\n".join(held_out[1:9]) + "\n")
    print("steps", step, "held-out perplexity", round(perplexity, 2))


if __name__ == "__main__":
    main()
