#!/usr/bin/env python3
"""Writes Sources/Runner/Text/CharacterTables+Data.swift: what the `tokenizers` library does to single characters.

    pip install tokenizers==0.23.3
    python3 Scripts/make-character-tables.py

The library has Unicode's tables of version 9, so they are taken from it and not from the newest Unicode.
"""
import os
import tokenizers
from tokenizers import normalizers

nfd, nfkd, marks = normalizers.NFD(), normalizers.NFKD(), normalizers.StripAccents()
scalars = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def wrapped(items, separator):
    lines, line = [], ""
    for item in items:
        if len(line) + len(item) + 1 > 120:
            lines.append(line)
            line = ""
        line += item + separator
    return "\\\n".join("        " + line for line in lines + [line])


forms = []
for c in scalars:
    text = nfkd.normalize_str(chr(c))
    if text != nfd.normalize_str(chr(c)):
        forms.append("%x=%s" % (c, "+".join("%x" % ord(x) for x in text)))
ranges = []
for c in scalars:
    if marks.normalize_str(chr(c)) == "":
        if ranges and ranges[-1][1] == c - 1:
            ranges[-1][1] = c
        else:
            ranges.append([c, c])
path = os.path.join(os.path.dirname(__file__), "..", "Sources", "Runner", "Text", "CharacterTables+Data.swift")
with open(path, "w") as out:
    out.write(
        f'''// Made by Scripts/make-character-tables.py with tokenizers {tokenizers.__version__}; do not edit.
extension CharacterTables {{
    /// Every character whose compatibility decomposition is not its canonical one, with it: "hex=hex+hex;".
    static let compatibilityData = """
{wrapped(forms, ";")}
        """

    /// First and last of each range of combining marks: "hex-hex;".
    static let markData = """
{wrapped(["%x-%x" % (a, b) for a, b in ranges], ";")}
        """
}}
'''
    )
print(len(forms), len(ranges))
