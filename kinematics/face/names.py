"""Which of a mesh's shape keys is which known shape, whatever its maker calls it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kinematics.face.shapes import KNOWN_SHAPES

_PREFIX = re.compile(
    r"^(?:.*[.:]|.*fcl_|(?:face|head|arkit|blendshapes?|bs|shape|key|ctrl|expressions|head_geo)[_ -]+)+",
    re.IGNORECASE,
)
_ALIASES = {
    # VRoid's `Fcl_MTH_A` and VRM's own words.
    "viseme_aa": ("mtha", "aa", "vowela", "moutha"),
    "viseme_I": ("mthi", "ih", "voweli", "mouthi"),
    "viseme_U": ("mthu", "ou", "vowelu", "mouthu"),
    "viseme_E": ("mthe", "ee", "vowele", "mouthe"),
    "viseme_O": ("mtho", "oh", "vowelo", "moutho"),
    "viseme_PP": ("visemebmp", "visememp", "visemembp"),
    "vrm_blink": ("blink", "eyeclose", "eyesclosed", "eyeblink", "eyesblink"),
    "vrm_happy": ("alljoy", "joy", "happy", "mouthsmile", "smile"),
    "vrm_surprised": ("brwsurprised", "surprised", "browsup", "browup"),
    "eyeBlinkLeft": ("blinkleft", "eyecloseleft"),
    "eyeBlinkRight": ("blinkright", "eyecloseright"),
    "jawOpen": ("mouthopen", "jawdrop", "openjaw"),
    "mouthPucker": ("lipspucker", "mouthkiss", "kiss"),
    # MetaHuman's controls.
    "mouthSmileLeft": ("mouthcornerpullleft",),
    "mouthSmileRight": ("mouthcornerpullright",),
    "mouthFrownLeft": ("mouthcornerdepressleft",),
    "mouthFrownRight": ("mouthcornerdepressright",),
    "browOuterUpLeft": ("browraiseouterleft",),
    "browOuterUpRight": ("browraiseouterright",),
}
_VOWELS = {"a": "viseme_aa", "i": "viseme_I", "u": "viseme_U", "e": "viseme_E", "o": "viseme_O"}
"""VRM 0's names: taken for vowels where all five are there."""
_WHOLE = {
    "vrm_blink": "eyeBlinkLeft",
    "vrm_happy": "mouthSmileLeft",
    "vrm_surprised": "browOuterUpLeft",
}
"""Mixtures, left out where a mesh has their parts."""


def canonical(name: str) -> str:
    """A shape key's name without case, separators, prefixes and the ways of writing sides."""
    bare = re.sub(r"[\s_.\-]+", "_", _PREFIX.sub("", name.strip())).strip("_")
    bare = re.sub(r"_(?:l|lt)$", "_left", bare, flags=re.IGNORECASE)
    bare = re.sub(r"_(?:r|rt)$", "_right", bare, flags=re.IGNORECASE)
    bare = re.sub(r"(?<=[a-z])L$", "Left", bare)
    bare = re.sub(r"(?<=[a-z])R$", "Right", bare)
    return bare.replace("_", "").lower()


def known_shapes(names: Iterable[str]) -> dict[str, str]:
    """Known shape to the name that a mesh has for it, for those of `names` that are known.

    Where a mesh has ARKit's mouth shapes, visemes are left to its own lip sync: both would add up.
    """
    canonicals = {canonical(name): name for name in reversed(list(names))}
    found = {shape: canonicals[canonical(shape)] for shape in KNOWN_SHAPES if canonical(shape) in canonicals}
    for shape, aliases in _ALIASES.items():
        for alias in aliases:
            if alias in canonicals:
                found.setdefault(shape, canonicals[alias])
    if _VOWELS.keys() <= canonicals.keys():
        for vowel, shape in _VOWELS.items():
            found.setdefault(shape, canonicals[vowel])
    if {"jawOpen", "mouthPucker"} <= found.keys():
        found = {shape: name for shape, name in found.items() if not shape.startswith("viseme_")}
    return {shape: name for shape, name in found.items() if _WHOLE.get(shape) not in found}
