"""What the learned scheduler decides after a prompt: the steps at which lower precisions take over."""

import numpy as np

import documents


def choose(bundle, keys, values, limit=None):
    """(from step, precision) pairs for a limit of new tokens (none: the one it was trained with).

    Keys and values are the last block's cache after the prefill at `prefill_bits`, (positions, KV heads, head size)."""
    unpacked = bundle.container.unpacked
    facts = documents.learned(unpacked("learned"), bundle)
    weights = documents.learned_weights(unpacked("learned.weights"), facts)
    limit = limit or facts["max_new_tokens"]
    steps, earliest = [(0, facts["pairs"][0]["high"])], 0
    for pair, row in zip(facts["pairs"], weights):
        share = probabilities(facts, row, keys, values)
        sums = np.cumsum(share)[:3]
        chosen = next((c for c in range(3) if sums[c] > pair["confidence"]), 3)
        if chosen == 3:
            break
        earliest = max(earliest, limit * chosen // 3)
        # Of two switches on one step the later one counts.
        steps = [step for step in steps if step[0] != earliest] + [(earliest, pair["low"])]
    return steps


def probabilities(facts, row, keys, values):
    """Shares of the four classes, by one pair's row of weights."""
    queries, width, hidden = facts["queries"], facts["kv_heads"] * facts["head_size"], facts["hidden"]
    sizes = [queries * width, width, width, hidden * width, hidden, 4 * hidden]
    query, scale, shift, inner, inner_bias, outer, outer_bias = np.split(row, np.cumsum(sizes))
    start = max(0, -(-(len(keys) - facts["window"]) // 16) * 16)
    k, v = (cache[start:].astype(np.float32).mean(1) for cache in (keys, values))
    query = query.reshape(queries, facts["kv_heads"], facts["head_size"])
    scores = np.einsum("ahd,td->aht", query, k) / np.float32(np.sqrt(facts["head_size"]))
    z = (softmax(scores) @ v).mean(0).ravel()
    x = (z - z.mean()) / np.sqrt(z.var() + np.float32(0.00001)) * scale + shift
    inside = np.maximum(0, inner.reshape(hidden, width) @ x + inner_bias)
    return softmax(outer.reshape(4, hidden) @ inside + outer_bias)


def softmax(x):
    shares = np.exp(x - x.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)
