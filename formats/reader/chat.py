"""The sections `chat` and `templates`: how conversations are written for the model."""

from refusal import demand
from strict_json import parse

ROLES = ("system", "user", "assistant")
TRIMS = ("none", "newlines", "space")
TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


class Fields:
    """An object's fields by key, refused unless they have the type asked for."""

    def __init__(self, value, place):
        demand(isinstance(value, dict), place, "no object")
        self.value, self.place = value, place

    def one(self, key, kind, nullable=False):
        value = self.value.get(key)
        absent = nullable and value is None and key in self.value
        demand(absent or isinstance(value, kind), self.place, f"'{key}' is missing or no {kind.__name__}")
        return value

    def choice(self, key, choices):
        value = self.value.get(key)
        demand(isinstance(value, str) and value in choices, self.place, f"'{key}' is {value}, not one of {choices}")
        return value

    def texts(self, key, most):
        """At most so many texts, none empty."""
        values = self.one(key, list)
        demand(len(values) <= most, self.place, f"'{key}' has more than {most} elements")
        demand(all(isinstance(v, str) and v for v in values), self.place, f"'{key}' holds an empty text or none")
        return values


def chat(text):
    """The checked object of either schema."""
    place = "section 'chat'"
    value = parse(text, place)
    fields = Fields(value, place)
    schema = fields.choice("schema", ("taper-chat-1", "taper-chat-2"))
    fields.one("name", str)
    fields.texts("stops", 64)
    if schema == "taper-chat-1":
        for key in ("start", "generation"):
            fields.one(key, str)
        for role in ROLES:
            frame = Fields(fields.one(role, dict), f"{place}, {role}")
            frame.one("before", str)
            frame.one("after", str)
        default = value.get("default_system")
        demand(default is None or isinstance(default, str), place, f"'default_system' is {default}, no text")
        for key in ("system_inside_user", "trims"):
            fields.one(key, bool)
        return value

    fields.choice("system", ("first", "last_user", "dropped"))
    for key in ("adds_bos", "allows_empty"):
        fields.one(key, bool)
    reasoning = fields.one("reasoning", dict, nullable=True)
    if reasoning is not None:
        inner = Fields(reasoning, f"{place}, reasoning")
        demand(inner.one("end", str), inner.place, "'end' is empty")
        inner.choice("trims", TRIMS)
    special = fields.one("special", list)
    demand(len(special) <= 64, place, "'special' has more than 64 elements")
    for element in special:
        inner = Fields(element, f"{place}, special")
        inner.choice("role", ROLES)
        demand(inner.one("text", str), inner.place, "'text' is empty")
    joints(fields.one("joints", list), f"{place}, joints")
    return value


def joints(array, place):
    """Refuses joints that are no joints, stand twice, trim where no content is, or leave out what every chat needs."""
    pairs = set()
    for element in array:
        joint = Fields(element, place)
        pair = joint.choice("from", ("start", *ROLES)), joint.choice("to", (*ROLES, "generation", "end"))
        demand(pair not in pairs, place, f"{pair[0]} to {pair[1]} stands twice")
        pairs.add(pair)
        joint.one("text", str)
        before, after = joint.choice("trims_before", TRIMS), joint.choice("trims_after", TRIMS)
        demand(before == "none" or pair[0] in ROLES, place, "trims before a joint where no content stands")
        demand(after == "none" or pair[1] in ROLES, place, "trims after a joint where no content stands")
    for pair in ("start", "user"), ("user", "generation"):
        demand(pair in pairs, place, f"no joint from {pair[0]} to {pair[1]}")


def templates(text):
    """The checked object of template sources."""
    place = "section 'templates'"
    value = parse(text, place)
    fields = Fields(value, place)
    fields.choice("schema", ("taper-templates-1",))
    for key, token in fields.one("tokens", dict).items():
        demand(key in TOKENS and isinstance(token, str), place, f"token '{key}' is unknown or no text")
    array = fields.one("templates", list)
    demand(1 <= len(array) <= 16, place, f"{len(array)} templates, not 1 to 16")
    names, total = set(), 0
    for element in array:
        template = Fields(element, place)
        name, size = template.one("name", str), len(template.one("source", str).encode("utf-8"))
        demand(name and name not in names, place, f"the name '{name}' is empty or occurs twice")
        names.add(name)
        total += size
        demand(size <= 1_000_000 and total <= 2_000_000, place, f"the source of '{name}' is too long")
    return value
