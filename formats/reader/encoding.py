"""From text to token ids and back: tokenizers of version 1, which are byte-pair encodings."""

import re
import sys
import unicodedata

from tokenizer import BYTE_LEVEL, CHARACTERS, IS_ADDED, IS_BYTE, IS_SPECIAL, NONE, PLACE
from refusal import demand

COMPOSES, TAKES_WORDS, FUSES_UNKNOWN, DROPS_SPACE = 1, 2, 4, 8
SWALLOWS_BEFORE, SWALLOWS_AFTER, IS_IN_VOCABULARY = 8, 16, 32
SPACE = "\u2581"
# The property White_Space; Python's \s has the separators U+001C to U+001F, too.
WHITE = "\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"


def category(letter):
    """The characters of a general category, as ranges for a class of a regular expression."""
    ranges, last = [], -2
    for c in range(sys.maxunicode + 1):
        if unicodedata.category(chr(c))[0] == letter:
            if c != last + 1:
                ranges.append([c, c])
            ranges[-1][1] = last = c
    return "".join(f"\\U{a:08x}-\\U{b:08x}" for a, b in ranges)


def splitters():
    """The regular expressions of splitters 0 to 5, of which every match and what lies between is a piece."""
    letter, number = category("L"), category("N")
    ends = rf"|[{WHITE}]+(?![^{WHITE}])|[{WHITE}]+"
    gpt2 = (rf"'s|'t|'re|'ve|'m|'ll|'d| ?[{letter}]+| ?[{number}]+| ?[^{WHITE}{letter}{number}]+" + ends)
    words = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)" + rf"|[^\r\n{letter}{number}]?[{letter}]+|[{number}]%s"
             rf"| ?[^{WHITE}{letter}{number}]+[\r\n]*|[{WHITE}]*[\r\n]+" + ends)
    patterns = [f"[{number}]", gpt2, words % "{1,3}", words % "", f"(?={SPACE})", f"[{number}]+"]
    return [re.compile(pattern) for pattern in patterns]


class Codec:
    """Tables from bytes and pairs to tokens, built once."""

    def __init__(self, tokenizer):
        demand(tokenizer.version == 1, PLACE, "this reader knows texts of version 1 only")
        self.tokenizer, self.splitters = tokenizer, splitters()
        self.ids, self.added = {}, {}
        for token, (spelling, flags) in enumerate(zip(tokenizer.tokens, tokenizer.flags.tolist())):
            if flags & IS_ADDED and spelling:
                self.added.setdefault(spelling.decode("utf-8"), token)
            if spelling and (not flags & IS_ADDED or flags & IS_IN_VOCABULARY or tokenizer.kind == CHARACTERS):
                self.ids.setdefault(spelling, token)
        self.bytes = {}
        for token in (tokenizer.flags & IS_BYTE).nonzero()[0].tolist():
            if named := re.fullmatch(rb"<0x([0-9A-F]{2})>", tokenizer.tokens[token]):
                self.bytes.setdefault(int(named[1], 16), token)
        self.merges = {}
        for (left, right, result), rank in zip(tokenizer.merges.tolist(), tokenizer.ranks.tolist()):
            self.merges.setdefault((left, right), (rank, result))
        longest_first = sorted(self.added, key=len, reverse=True)
        self.match = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")

    def encode(self, text, special=True):
        """Ids of a text; `special` allows special tokens in it and puts lead and tail tokens around it."""
        ids, at, start = [], 0, 0
        while found := self.match.search(text, at):
            token = self.added[found[0]]
            flags = self.tokenizer.flags[token]
            at = found.end()
            if flags & IS_SPECIAL and not special:
                continue
            before = text[start : found.start()]
            if flags & SWALLOWS_BEFORE:
                before = re.sub(f"[{WHITE}]+$", "", before)
            ids += self.between(before, start == 0) + [token]
            if flags & SWALLOWS_AFTER:
                at = re.compile(f"[{WHITE}]*").match(text, at).end()
            start = at
        ids += self.between(text[start:], start == 0)
        return [*self.tokenizer.lead.tolist(), *ids, *self.tokenizer.tail.tolist()] if special else ids

    def decode(self, ids):
        """The text of tokens; what is no UTF-8 shows as U+FFFD."""
        spelled = [self.tokenizer.tokens[token] for token in ids]
        if self.tokenizer.kind == BYTE_LEVEL:
            return b"".join(spelled).decode("utf-8", "replace")
        text, run = "", b""
        for token, content in zip([*ids, None], [*spelled, b""]):
            if token is not None and self.tokenizer.flags[token] & IS_BYTE:
                run += bytes([int(content[3:5], 16)])
                continue
            try:
                text += run.decode("utf-8")
            except UnicodeDecodeError:
                text += "\ufffd" * len(run)
            text, run = text + content.decode("utf-8", "replace").replace(SPACE, " "), b""
        return text[1:] if self.tokenizer.settings & DROPS_SPACE and text.startswith(" ") else text

    def between(self, text, first):
        """Ids of what lies between added tokens."""
        if not text:
            return []
        if self.tokenizer.settings & COMPOSES:
            text = unicodedata.normalize("NFC", text)
        if self.tokenizer.kind == CHARACTERS:
            text, prefix = text.replace(" ", SPACE), self.tokenizer.prefix
            if prefix == 1 or (prefix == 3 or prefix == 2 and first) and not text.startswith(SPACE):
                text = SPACE + text
        pieces = [text]
        for step in self.tokenizer.pre_tokenizers:
            pieces = [part for piece in pieces for part in cut(self.splitters[step.code], piece)]
        return [token for piece in pieces for token in self.word(piece)]

    def word(self, piece):
        """Ids of a piece that merges do not leave."""
        spelled = piece.encode("utf-8")
        if self.tokenizer.settings & TAKES_WORDS and spelled in self.ids:
            return [self.ids[spelled]]
        if self.tokenizer.kind == BYTE_LEVEL:
            units = [bytes([byte]) for byte in spelled]
        else:
            units = [character.encode("utf-8") for character in piece]
        tokens = []
        for unit in units:
            tokens += self.unit(unit, tokens[-1:] == [self.tokenizer.unknown])
        while len(tokens) > 1:
            pairs = [(self.merges.get(pair, (NONE + 1,))[0], i) for i, pair in enumerate(zip(tokens, tokens[1:]))]
            rank, i = min(pairs)
            if rank > NONE:
                break
            tokens[i : i + 2] = [self.merges[tokens[i], tokens[i + 1]][1]]
        return tokens

    def unit(self, spelled, after_unknown):
        """Ids of one byte or character."""
        if spelled in self.ids:
            return [self.ids[spelled]]
        if all(byte in self.bytes for byte in spelled):
            return [self.bytes[byte] for byte in spelled]
        if self.tokenizer.unknown == NONE:
            raise SystemExit(f"error: the tokenizer has no token for {spelled!r}")
        return [] if after_unknown and self.tokenizer.settings & FUSES_UNKNOWN else [self.tokenizer.unknown]


def cut(splitter, piece):
    """Matches and what lies between them, none empty."""
    places = sorted({0, len(piece), *(place for match in splitter.finditer(piece) for place in match.span())})
    return [piece[a:b] for a, b in zip(places, places[1:])]
