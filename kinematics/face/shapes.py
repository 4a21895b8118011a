"""The names of known shapes: ARKit's, and Oculus's visemes and VRM's expressions as mixtures of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kinematics.arrays import FloatArray

_MIDDLE = (
    "browInnerUp",
    "cheekPuff",
    "jawForward",
    "jawLeft",
    "jawOpen",
    "jawRight",
    "mouthClose",
    "mouthFunnel",
    "mouthLeft",
    "mouthPucker",
    "mouthRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "tongueOut",
)
_SIDED = (
    "browDown",
    "browOuterUp",
    "cheekSquint",
    "eyeBlink",
    "eyeLookDown",
    "eyeLookIn",
    "eyeLookOut",
    "eyeLookUp",
    "eyeSquint",
    "eyeWide",
    "mouthDimple",
    "mouthFrown",
    "mouthLowerDown",
    "mouthPress",
    "mouthSmile",
    "mouthStretch",
    "mouthUpperUp",
    "noseSneer",
)

ARKIT_SHAPES = tuple(sorted((*_MIDDLE, *(f"{name}{side}" for name in _SIDED for side in ("Left", "Right")))))
"""The 52 names of Apple's ARFaceAnchor.BlendShapeLocation."""

_MIXTURES: dict[str, dict[str, float]] = {
    # Speech opens the jaw about three quarters of the way that jawOpen goes.
    "viseme_sil": {},
    "viseme_PP": {
        "mouthRollLower": 0.5,
        "mouthRollUpper": 0.4,
        "mouthPressLeft": 0.5,
        "mouthPressRight": 0.5,
    },
    "viseme_FF": {"mouthRollLower": 0.7, "mouthUpperUpLeft": 0.3, "mouthUpperUpRight": 0.3, "jawOpen": 0.05},
    "viseme_TH": {"jawOpen": 0.15, "tongueOut": 0.3},
    "viseme_DD": {"jawOpen": 0.12, "mouthLowerDownLeft": 0.3, "mouthLowerDownRight": 0.3},
    "viseme_kk": {"jawOpen": 0.15, "mouthStretchLeft": 0.15, "mouthStretchRight": 0.15},
    "viseme_CH": {"mouthFunnel": 0.5, "jawOpen": 0.06},
    "viseme_SS": {"mouthStretchLeft": 0.45, "mouthStretchRight": 0.45, "jawOpen": 0.03},
    "viseme_nn": {"jawOpen": 0.09, "mouthStretchLeft": 0.1, "mouthStretchRight": 0.1},
    "viseme_RR": {"mouthFunnel": 0.4, "jawOpen": 0.09},
    "viseme_aa": {"jawOpen": 0.78},
    "viseme_E": {"jawOpen": 0.22, "mouthStretchLeft": 0.5, "mouthStretchRight": 0.5},
    "viseme_I": {"jawOpen": 0.09, "mouthStretchLeft": 0.8, "mouthStretchRight": 0.8},
    "viseme_O": {"jawOpen": 0.34, "mouthFunnel": 0.6, "mouthPucker": 0.2},
    "viseme_U": {"jawOpen": 0.1, "mouthFunnel": 0.3, "mouthPucker": 0.7},
    "vrm_blink": {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0},
    "vrm_happy": {
        "mouthSmileLeft": 0.9,
        "mouthSmileRight": 0.9,
        "cheekSquintLeft": 0.3,
        "cheekSquintRight": 0.3,
    },
    "vrm_surprised": {
        "browInnerUp": 1.0,
        "browOuterUpLeft": 1.0,
        "browOuterUpRight": 1.0,
        "eyeWideLeft": 0.5,
        "eyeWideRight": 0.5,
    },
}

UNSEEN = ("viseme_TH", "viseme_DD", "viseme_kk", "viseme_SS", "viseme_nn", "viseme_RR")
"""What tongue and teeth make of a mouth that looks like another: no face's geometry tells them apart."""

KNOWN_SHAPES = (*ARKIT_SHAPES, *_MIXTURES)
"""ARKit's shapes, Oculus's 15 visemes, and three of VRM's expressions (its vowels are visemes)."""


def mixtures(names: Sequence[str]) -> FloatArray:
    """(S, 52): how much of each of ARKit's shapes is in each known shape. KeyError for an unknown name."""
    shares = np.zeros((len(names), len(ARKIT_SHAPES)))
    for row, name in zip(shares, names, strict=True):
        parts = {name: 1.0} if name in ARKIT_SHAPES else _MIXTURES[name]
        for part, share in parts.items():
            row[ARKIT_SHAPES.index(part)] = share
    return shares
