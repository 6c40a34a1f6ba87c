"""A checkpoint of random weights: its shards, its index, its configuration."""

import contextlib
import importlib.util
import io
import json
import pathlib
import struct
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).parent.parent / "make-checkpoint.py"
spec = importlib.util.spec_from_file_location("make_checkpoint", SCRIPT)
make_checkpoint = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_checkpoint)

KNOWN = json.loads((SCRIPT.parents[1] / "samples/tiny/config.json").read_text())["vocab_size"]
MODEL = {
    "family": "qwen2", "normalization": "rms", "gated_mlp": True, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 4, "vocab_size": KNOWN + 8, "max_position_embeddings": 64,
    "norm_eps": 1e-6, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": False, "qkv_bias": True,
}


class CheckpointTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.addCleanup(setattr, make_checkpoint, "SHARD", make_checkpoint.SHARD)
        make_checkpoint.SHARD = 20_000

    def make(self, name, *arguments, **changes):
        shape = self.folder / "shape.json"
        shape.write_text(json.dumps({"model": {**MODEL, **changes}}))
        with contextlib.redirect_stdout(io.StringIO()):
            make_checkpoint.main([str(shape), str(self.folder / name), *arguments])
        return self.folder / name

    def tensors(self, folder):
        found = {}
        for path in sorted(folder.glob("*.safetensors")):
            data = path.read_bytes()
            size = struct.unpack("<Q", data[:8])[0]
            header = json.loads(data[8:8 + size])
            self.assertEqual(len(data), 8 + size + max(item["data_offsets"][1] for key, item in header.items() if key != "__metadata__"))
            for name, item in header.items():
                if name != "__metadata__":
                    begin, end = item["data_offsets"]
                    found[name] = (path.name, item["shape"], data[8 + size + begin:8 + size + end])
        return found

    def test_shards_hold_what_the_index_says(self):
        folder = self.make("one")
        tensors = self.tensors(folder)
        index = json.loads((folder / "model.safetensors.index.json").read_text())
        self.assertEqual(index["weight_map"], {name: path for name, (path, _, _) in tensors.items()})
        self.assertEqual(index["metadata"]["total_size"], sum(len(data) for _, _, data in tensors.values()))
        self.assertGreater(len(set(index["weight_map"].values())), 2)
        self.assertEqual(tensors["model.layers.1.self_attn.k_proj.weight"][1], [8, 16])
        self.assertEqual(tensors["model.layers.1.self_attn.k_proj.bias"][1], [8])
        self.assertNotIn("model.layers.1.self_attn.o_proj.bias", tensors)
        self.assertEqual(len([name for name in tensors if name.startswith("model.layers.1.")]), 12)
        # Ones in BF16; no rows of the head for tokens that the tokenizer lacks.
        self.assertEqual(tensors["model.norm.weight"][2], b"\x80\x3f" * 16)
        head = tensors["lm_head.weight"][2]
        self.assertEqual(head[32 * KNOWN:], bytes(32 * 8))
        self.assertNotEqual(head[32 * KNOWN - 32:32 * KNOWN], bytes(32))
        config = json.loads((folder / "config.json").read_text())
        self.assertEqual((config["model_type"], config["vocab_size"], config["num_hidden_layers"]), ("qwen2", KNOWN + 8, 2))

    def test_the_seed_decides_and_layers_can_be_fewer(self):
        one, again, other = (self.tensors(self.make(str(number), "--seed", seed)) for number, seed in enumerate("112"))
        self.assertEqual(one, again)
        self.assertNotEqual(one["model.embed_tokens.weight"], other["model.embed_tokens.weight"])
        few = self.make("few", "--layers", "1")
        self.assertNotIn("model.layers.1.input_layernorm.weight", self.tensors(few))
        self.assertEqual(json.loads((few / "config.json").read_text())["num_hidden_layers"], 1)

    def test_other_families_are_refused(self):
        with self.assertRaisesRegex(SystemExit, "only shapes of"):
            self.make("phi", family="phi")


if __name__ == "__main__":
    unittest.main()
