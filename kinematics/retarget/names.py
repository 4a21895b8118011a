"""Bone names as people write them, reduced to what they mean: a side, and the rest.

"mixamorig:LeftForeArm", "left_fore_arm" and "ForeArm.L" become ("L", "forearm").
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_LEADING_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
_COPY_NUMBER = re.compile(r"[._]\d{2,4}$")
_SIDE_WORDS = {"l": "L", "left": "L", "lft": "L", "lt": "L", "r": "R", "right": "R", "rgt": "R", "rt": "R"}
_SIDE_LETTERS = {"左": "L", "右": "R"}


class BoneName(NamedTuple):
    """side: "L", "R" or "". base: lower case, without separators."""

    side: str
    base: str

    @property
    def plain(self) -> BoneName:
        """Without leading zeros: "spine_01" is "Spine1" to most, though Biped's Finger01 is not Finger1."""
        return BoneName(self.side, _LEADING_ZEROS.sub("", self.base))


def parse(name: str) -> BoneName:
    """A single name. Namespaces (all up to the last ":" or "|") do not count."""
    return _from_tokens(_tokens(name))


def readings(names: Sequence[str]) -> Iterator[list[BoneName]]:
    """The ways to read a rig's names, the plainest first.

    Words that most bones begin with ("Bip01", "CC_Base") may be a prefix, and a number at the end (".001",
    "_037") the trace of copying or converting; or either may belong to the name.
    """
    seen = []
    for written in (list(names), [_COPY_NUMBER.sub("", name) for name in names]):
        tokens = [_tokens(name) for name in written]
        for length in range(_shared_prefix(tokens) + 1):
            prefix = _majority_prefix(tokens, length)
            reading = _with_letter_pairs(
                [_from_tokens(words[length:] if words[:length] == prefix else words) for words in tokens]
            )
            if reading not in seen:
                seen.append(reading)
                yield reading


def _tokens(name: str) -> list[str]:
    name = re.split(r"[:|]", unicodedata.normalize("NFKC", name))[-1]
    return [word.lower() for word in _TOKEN.findall(name)]


def _from_tokens(words: list[str]) -> BoneName:
    # A side is said first or last as a rule: "L_lip" has its lip, not its side, in second place.
    spoken = [position for position, word in enumerate(words) if not word.isdecimal()]
    order = dict.fromkeys([*spoken[:1], *spoken[-1:], *spoken])
    for position in order:
        side, rest = _side_of(words[position])
        if side and (rest or len(spoken) > 1):
            return BoneName(side, "".join([*words[:position], rest, *words[position + 1 :]]))
    return BoneName("", "".join(words))


def _side_of(word: str) -> tuple[str, str]:
    """The side that a word tells, and what else it says."""
    if word in _SIDE_WORDS:
        return _SIDE_WORDS[word], ""
    if word[:1] in _SIDE_LETTERS:
        return _SIDE_LETTERS[word[0]], word[1:]
    for spelled in ("left", "right"):
        if word.startswith(spelled):
            return _SIDE_WORDS[spelled], word[len(spelled) :]
        if word.endswith(spelled):
            return _SIDE_WORDS[spelled], word[: -len(spelled)]
    return "", word


def _with_letter_pairs(reading: list[BoneName]) -> list[BoneName]:
    """Sides told by a glued letter, "lhand" and "rhand", "handl" and "handr": a pair shows it."""
    bases = {name.base for name in reading if not name.side}
    paired: dict[str, BoneName] = {}
    for base in bases:
        if base[:1] == "l" and len(base) > 3 and "r" + base[1:] in bases:
            paired |= {base: BoneName("L", base[1:]), "r" + base[1:]: BoneName("R", base[1:])}
        elif base[-1:] == "l" and len(base) > 3 and base[:-1] + "r" in bases:
            paired |= {base: BoneName("L", base[:-1]), base[:-1] + "r": BoneName("R", base[:-1])}
    return [name if name.side else paired.get(name.base, name) for name in reading]


def _majority_prefix(tokens: list[list[str]], length: int) -> list[str]:
    (prefix, _), *_ = Counter(tuple(words[:length]) for words in tokens).most_common(1)
    return list(prefix)


def _shared_prefix(tokens: list[list[str]]) -> int:
    """How many words, three at most, most names have in common at their beginning."""
    shared = 0
    for length in (1, 2, 3):
        prefix = tuple(_majority_prefix(tokens, length))
        count = sum(tuple(words[:length]) == prefix and len(words) > length for words in tokens)
        if len(prefix) == length and count > len(tokens) / 2 and not _SIDE_WORDS.keys() & set(prefix):
            shared = length
    return shared
