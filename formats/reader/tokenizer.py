"""The tokenizer section, versions 1 and 2, as its fields: what `tokenizer.md` says a reader checks."""

import struct
from typing import NamedTuple

import numpy as np

from refusal import Refused, demand

PLACE = "section 'tokenizer'"
MAGIC = 0x4B545054
NONE = 0xFFFFFFFF
MAX_TOKENS, MAX_MERGES, MAX_STEPS = 1 << 21, 1 << 23, 16
BYTE_LEVEL, CHARACTERS, UNIGRAM = 0, 1, 2
IS_SPECIAL, IS_ADDED, IS_BYTE = 1, 2, 4


class Step(NamedTuple):
    """A normalizer, pre-tokenizer or decoder: its code and operands."""

    code: int
    operands: tuple


class Bytes:
    """The section from front to end; nothing is read past its last byte."""

    def __init__(self, content):
        self.content, self.at = content, 0

    def take(self, count):
        demand(count <= len(self.content) - self.at, PLACE, f"{count} bytes at {self.at} reach past the end")
        self.at += count
        return self.content[self.at - count : self.at]

    def u8(self, high=255):
        value = self.take(1)[0]
        demand(value <= high, PLACE, f"byte {self.at - 1} is {value}, at most {high} is defined")
        return value

    def u16(self):
        return int.from_bytes(self.take(2), "little")

    def u32(self, high=NONE):
        value = int.from_bytes(self.take(4), "little")
        demand(value <= high, PLACE, f"the number before byte {self.at} is {value}, limit {high}")
        return value

    def array(self, count, dtype):
        return np.frombuffer(self.take(count * np.dtype(dtype).itemsize), dtype)

    def text(self, least=0):
        value = utf8(self.take(self.u16()))
        demand(len(value) >= least, PLACE, f"the text before byte {self.at} is empty")
        return value

    def pattern(self):
        return self.text(1)


def utf8(data):
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(PLACE, f"{data[:20]!r} is no UTF-8") from None


class Tokenizer:
    """Fields by the names of `tokenizer.md`. In version 1 `steps` are its splitters; version 2 has all three kinds."""

    def __init__(self, content):
        data = Bytes(content)
        demand(data.u32() == MAGIC, PLACE, "the magic is wrong")
        self.version = data.u32()
        demand(self.version in (1, 2), PLACE, f"version {self.version} is not known")
        (self._settings_1 if self.version == 1 else self._settings_2)(data)
        self.bos, self.eos, self.unknown = (data.u32() for _ in range(3))
        self.lead = data.array(data.u8(), "<u4")
        self.tail = data.array(data.u8(), "<u4")
        count, merges = data.u32(MAX_TOKENS), data.u32(MAX_MERGES)
        demand(count >= 1, PLACE, "there are no tokens")
        demand(merges == 0 or self.kind != UNIGRAM, PLACE, "a unigram model has no merges")
        added = data.u32(MAX_TOKENS) if self.version == 2 else 0
        lengths, self.flags = data.array(count, "<u2"), data.array(count, np.uint8)
        demand(self.version == 1 or not (self.flags & 0xC0).any(), PLACE, "a token has flags 6 or 7")
        ends = np.cumsum(lengths, dtype=np.int64)
        spelled = data.take(int(ends[-1]))
        self.tokens = [spelled[end - length : end] for end, length in zip(ends.tolist(), lengths.tolist())]
        self.scores = data.array(count, "<f8") if self.kind == UNIGRAM else None
        demand(self.scores is None or np.isfinite(self.scores).all(), PLACE, "a score is not finite")
        left, right, result, self.ranks = (data.array(merges, "<u4") for _ in range(4))
        self.merges = np.stack([left, right, result], 1)
        self.added = [(data.u32(), data.u8(31), data.pattern()) for _ in range(added)]
        demand(data.at == len(content), PLACE, f"{len(content) - data.at} bytes follow the last field")
        named = [token for token in (self.bos, self.eos, self.unknown) if token != NONE]
        for ids in (named, self.lead, self.tail, self.merges.ravel(), [token for token, _, _ in self.added]):
            demand(max(ids, default=0) < count, PLACE, f"an id is not below the token count {count}")

    def _settings_1(self, data):
        self.kind, self.prefix, self.settings = data.u8(1), data.u8(3), data.u8(15)
        self.pre_tokenizers = [Step(data.u8(5), ()) for _ in range(data.u8(MAX_STEPS))]
        self.normalizers = self.decoders = []

    def _settings_2(self, data):
        self.kind, self.settings = data.u8(2), data.u8(3)
        self.normalizers = [self._normalizer(data) for _ in range(data.u8(MAX_STEPS))]
        self.pre_tokenizers = [self._pre_tokenizer(data) for _ in range(data.u8(MAX_STEPS))]
        self.decoders = [self._decoder(data) for _ in range(data.u8(MAX_STEPS))]

    def _normalizer(self, data):
        code = data.u8(7)
        if code in (0, 2):
            return Step(code, (data.text(),))
        if code == 1:
            return Step(code, (data.pattern(), data.text()))
        if code == 5:
            count = data.u32()
            characters, lengths = data.array(count, "<u4"), data.array(count, np.uint8)
            demand((np.diff(characters.astype(np.int64)) > 0).all(), PLACE, "the characters of a map do not ascend")
            return Step(code, (characters, [utf8(data.take(length)) for length in lengths.tolist()]))
        if code == 6:
            return Step(code, (data.take(data.u32()),))
        return Step(code, (data.u8(3),) if code == 7 else ())

    def _pre_tokenizer(self, data):
        code = data.u8(18)
        demand(code <= 5 or code >= 16, PLACE, f"pre-tokenizer {code} is not defined")
        if code == 16:
            return Step(code, (data.u8(2),))
        if code == 18:
            behaviour, inverted, pattern = data.u8(4), data.u8(1), data.u8(4)
            return Step(code, (behaviour, inverted, pattern, *([data.pattern()] if pattern == 0 else [])))
        return Step(code, ())

    def _decoder(self, data):
        code = data.u8(6)
        if code == 0:
            return Step(code, (data.pattern(), data.text()))
        if code == 3:
            step = Step(code, (data.pattern(), data.u16(), data.u16()))
            demand(len(step.operands[0]) == 1, PLACE, "what a decoder strips is not one character")
            return step
        return Step(code, (data.u8(1),) if code == 4 else ())
