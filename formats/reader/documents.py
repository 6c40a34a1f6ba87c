"""The JSON sections that choose precisions: rungs, schedules, the learned scheduler."""

import numpy as np

from refusal import demand
from strict_json import is_integer, is_number, parse

MAX_TOKENS = 1 << 20


def rungs(text, manifest):
    """Bits of every linear tensor by the rung's name, after the rules of mixed allocations."""
    place, nested, linear = "section 'rungs'", manifest.nested, manifest.linear
    value = parse(text, place)
    demand(isinstance(value, list) and len(value) <= 128, place, "no array of at most 128 rungs")
    sizes = [t.shape[0] * t.shape[1] for t in linear]
    found = {}
    for rung in value:
        demand(isinstance(rung, dict), place, "a rung is no object")
        name, bits = rung.get("bits"), rung.get("tensors")
        demand(is_number(name) and name != int(name) and nested[0] < name < nested[-1], place,
               f"{name} is no rung between {nested[0]} and {nested[-1]}")
        demand(abs(100 * name - round(100 * name)) < 1e-9, place, f"{name} has more than two decimals")
        demand(not found or name > max(found), place, f"{name} does not rise")
        demand(isinstance(bits, list) and len(bits) == len(linear), place, f"{name} does not allot every linear tensor")
        demand(all(is_integer(b) and b in nested for b in bits), place, f"{name} allots bits that the bundle lacks")
        average = sum(n * b for n, b in zip(sizes, bits)) / sum(sizes)
        demand(abs(average - name) <= 0.05, place, f"{name} has {average:.3f} bits on average")
        found[name] = bits
    allocations = {**found, **{p: [p] * len(linear) for p in nested}}
    read = [(name, sum(bytes_read(t, b) for t, b in zip(linear, allocations[name]))) for name in sorted(allocations)]
    for (low, fewer), (high, more) in zip(read, read[1:]):
        demand(fewer < more, place, f"{high} reads {more} bytes, no more than {low} with {fewer}")
    return found


def bytes_read(tensor, bits):
    """What a product reads of planes, entries and scales."""
    rows, columns = tensor.padded
    return rows // 8 * columns * bits + (rows << bits) + 4 * rows


def schedules(text, bundle):
    """The checked array of schedules."""
    place = "section 'schedules'"
    value = parse(text, place)
    demand(isinstance(value, list), place, "no array")
    tasks = set()
    for schedule in value:
        demand(isinstance(schedule, dict), place, "a schedule is no object")
        task, limit = schedule.get("task"), schedule.get("max_new_tokens")
        demand(isinstance(task, str) and task and task not in tasks, place, f"task '{task}' is empty or occurs twice")
        tasks.add(task)
        demand(isinstance(schedule.get("metric"), str), place, f"task '{task}' has no metric")
        demand(is_integer(limit, 1, MAX_TOKENS), place, f"task '{task}': max_new_tokens is {limit}")
        for key in ("average_bits", "score", "reference_score", "tolerance"):
            demand(is_number(schedule.get(key)), place, f"task '{task}': '{key}' is no number")
        steps = schedule.get("steps")
        demand(isinstance(steps, list) and 1 <= len(steps) <= 8, place, f"task '{task}' has not 1 to 8 steps")
        demand(all(isinstance(step, dict) for step in steps), place, f"task '{task}': a step is no object")
        starts, bits = [s.get("from_step") for s in steps], [s.get("bits") for s in steps]
        last = min(limit, bundle.manifest.model["max_position_embeddings"] - 1)
        demand(all(is_integer(s, 0, last) for s in starts), place, f"task '{task}': steps {starts} are not 0 to {last}")
        demand(starts[0] == 0 and all(a < b for a, b in zip(starts, starts[1:])), place,
               f"task '{task}': steps {starts} do not rise from 0")
        demand(all(is_number(b) for b in bits), place, f"task '{task}': bits {bits} are not all numbers")
        demand(all(a > b for a, b in zip(bits, bits[1:])), place, f"task '{task}': bits {bits} do not fall")
        for precision in (schedule.get("prefill_bits"), *bits):
            served(precision, bundle, place)
    return value


def served(precision, bundle, place):
    """The precision, if it is one of the bundle's or a rung."""
    demand(is_number(precision) and precision in bundle.precisions, place,
           f"precision {precision} is none of {bundle.precisions}")
    return precision


def adaptive(text, bundle):
    """The checked rule of precision by need."""
    place = "section 'adaptive'"
    value = parse(text, place)
    demand(isinstance(value, dict), place, "no object")
    schema = value.get("schema")
    demand(schema == "taper-adaptive-1", place, f"schema is {schema}, not taper-adaptive-1")
    low, high, rescue, _ = (served(value.get(key + "_bits"), bundle, place)
                            for key in ("low", "high", "rescue", "prefill"))
    demand(low < high <= rescue, place, f"bits {low}, {high} and {rescue} are out of order")
    for key in ("margin", "keep_within"):
        demand(is_number(value.get(key), 0, 3.4e38), place, f"'{key}' is {value.get(key)}, no distance")
    for key in ("score", "reference_score", "tolerance", "average_bits"):
        demand(is_number(value.get(key)), place, f"'{key}' is {value.get(key)}, no number")
    for key, least, most in [("opening_steps", 0, 1 << 16), ("hold_steps", 0, 1 << 16), ("reread", 1, 15),
                             ("max_new_tokens", 1, MAX_TOKENS)]:
        demand(is_integer(value.get(key), least, most), place, f"'{key}' is {value.get(key)}, not {least} to {most}")
    return value


def learned(text, bundle):
    """The checked facts of the learned scheduler."""
    place, model = "section 'learned'", bundle.manifest.model
    value = parse(text, place)
    demand(isinstance(value, dict), place, "no object")
    schema = value.get("schema")
    demand(schema == "taper-learned-1", place, f"schema is {schema}, not taper-learned-1")
    served(value.get("prefill_bits"), bundle, place)
    for key, low, high in [
        ("max_new_tokens", 1, MAX_TOKENS), ("window", 16, 4096), ("queries", 1, 64), ("hidden", 1, 1024),
        ("kv_heads", *[model["num_key_value_heads"]] * 2), ("head_size", *[model["head_dim"]] * 2),
    ]:
        limits = low if low == high else f"{low} to {high}"
        demand(is_integer(value.get(key), low, high), place, f"'{key}' is {value.get(key)}, not {limits}")
    demand(value["window"] % 16 == 0, place, f"'window' is {value['window']}, no multiple of 16")
    pairs = value.get("pairs")
    demand(isinstance(pairs, list) and 1 <= len(pairs) <= 16, place, "not 1 to 16 pairs")
    above = None
    for pair in pairs:
        demand(isinstance(pair, dict), place, "a pair is no object")
        high, low = (served(pair.get(key), bundle, place) for key in ("high", "low"))
        demand(low < high, place, f"{high} to {low} is no step down")
        demand(above in (None, high), place, f"the pair of {high} does not follow on {above}")
        demand(is_number(pair.get("confidence"), 0, 1), place, f"confidence is {pair.get('confidence')}, not 0 to 1")
        above = low
    return value


def learned_weights(content, facts):
    """The classifiers' f32 values, one row for each pair."""
    place, width, hidden = "section 'learned.weights'", facts["kv_heads"] * facts["head_size"], facts["hidden"]
    count = facts["queries"] * width + 2 * width + hidden * width + hidden + 4 * hidden + 4
    expected = 4 * count * len(facts["pairs"])
    demand(len(content) == expected, place, f"{len(content)} bytes, its facts ask for {expected}")
    values = np.frombuffer(content, "<f4").reshape(-1, count)
    demand(np.isfinite(values).all(), place, "a value is not finite")
    return values


def verify(bundle):
    """Checks the documents that opening leaves alone; those of no rule here only as JSON."""
    sections, unpacked = bundle.container.sections, bundle.container.unpacked
    if "schedules" in sections:
        schedules(unpacked("schedules"), bundle)
    if "adaptive" in sections:
        adaptive(unpacked("adaptive"), bundle)
    demand(("learned" in sections) == ("learned.weights" in sections), "table of sections",
           "'learned' and 'learned.weights' come together or not at all")
    if "learned" in sections:
        learned_weights(unpacked("learned.weights"), learned(unpacked("learned"), bundle))
    for name in ("chat", "templates", "quality", "channels", "powers", "texts"):
        if name in sections:
            parse(unpacked(name), f"section '{name}'")
