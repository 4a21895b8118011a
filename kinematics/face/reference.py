"""A reference face: landmarks, and where each known shape and each of the default actor's codes moves them.

Made by rule, from what ARKit's, VRM's and Oculus's documentation says that each shape does. Displacements are
centimetres on a face of average size: x to the face's own left, y up, z forward. What is defined on the left
is mirrored to the right. An actor with geometry of its own does without this table: `solve` takes any.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.face_codes import FACE_CODE_NAMES

_MIDDLE = (
    "chin",
    "lower_lip",
    "upper_lip",
    "inner_lower",
    "inner_upper",
    "nose_tip",
    "tongue",
    "brow_middle",
)
_SIDED = (
    "mouth_corner",
    "lower_lip_side",
    "upper_lip_side",
    "cheek",
    "cheek_bone",
    "nostril",
    "brow_inner",
    "brow_outer",
    "upper_lid",
    "lower_lid",
    "pupil",
)
LANDMARKS = (*_MIDDLE, *(f"{name}.{side}" for name in _SIDED for side in "LR"))

Moves = Mapping[str, tuple[float, float, float]]

_LEFT: dict[str, Moves] = {
    "eyeBlinkLeft": {"upper_lid.L": (0, -0.95, 0.1), "lower_lid.L": (0, 0.12, 0)},
    "eyeLookDownLeft": {"pupil.L": (0, -0.5, 0), "upper_lid.L": (0, -0.25, 0)},
    "eyeLookInLeft": {"pupil.L": (-0.5, 0, 0)},
    "eyeLookOutLeft": {"pupil.L": (0.5, 0, 0)},
    "eyeLookUpLeft": {"pupil.L": (0, 0.5, 0), "upper_lid.L": (0, 0.15, 0)},
    "eyeSquintLeft": {"lower_lid.L": (0, 0.35, 0), "cheek_bone.L": (0, 0.25, 0.1)},
    "eyeWideLeft": {"upper_lid.L": (0, 0.3, 0)},
    "jawLeft": {"chin": (0.7, 0, 0), "lower_lip": (0.5, 0, 0), "inner_lower": (0.5, 0, 0)},
    "mouthLeft": {
        "lower_lip": (0.6, 0, 0),
        "upper_lip": (0.6, 0, 0),
        "inner_lower": (0.6, 0, 0),
        "inner_upper": (0.6, 0, 0),
        "mouth_corner.L": (0.6, 0, 0),
        "mouth_corner.R": (0.6, 0, 0),
    },
    "mouthSmileLeft": {
        "mouth_corner.L": (0.65, 0.75, -0.35),
        "cheek.L": (0.15, 0.45, 0.2),
        "lower_lip_side.L": (0.25, 0.2, -0.1),
        "upper_lip_side.L": (0.25, 0.25, -0.1),
    },
    "mouthFrownLeft": {"mouth_corner.L": (0.1, -0.6, -0.1), "lower_lip_side.L": (0, -0.25, 0)},
    "mouthDimpleLeft": {"mouth_corner.L": (0.35, 0.05, -0.5)},
    "mouthStretchLeft": {
        "mouth_corner.L": (0.8, -0.15, -0.4),
        "lower_lip_side.L": (0.4, -0.1, -0.15),
        "upper_lip_side.L": (0.4, 0, -0.15),
        "cheek.L": (0.2, 0, 0),
    },
    "mouthPressLeft": {"upper_lip_side.L": (0, -0.15, -0.1), "lower_lip_side.L": (0, 0.2, -0.1)},
    "mouthLowerDownLeft": {"lower_lip_side.L": (0.05, -0.6, 0), "inner_lower": (0, -0.25, 0)},
    "mouthUpperUpLeft": {"upper_lip_side.L": (0, 0.5, 0), "inner_upper": (0, 0.2, 0)},
    "browDownLeft": {"brow_inner.L": (-0.1, -0.5, 0.1), "brow_outer.L": (0, -0.35, 0)},
    "browOuterUpLeft": {"brow_outer.L": (0, 0.8, 0), "brow_inner.L": (0, 0.1, 0)},
    "cheekSquintLeft": {"cheek_bone.L": (0, 0.45, 0.15), "lower_lid.L": (0, 0.15, 0)},
    "noseSneerLeft": {"nostril.L": (0.1, 0.4, 0), "upper_lip_side.L": (0, 0.2, 0)},
}
_LOWER_LIP = ("lower_lip", "inner_lower")
_CENTRE: dict[str, Moves] = {
    "jawOpen": {
        "chin": (0, -2.2, -0.6),
        **dict.fromkeys(_LOWER_LIP, (0, -1.9, -0.4)),
        **{f"lower_lip_side.{side}": (0.0, -1.5, -0.3) for side in "LR"},
        **{f"mouth_corner.{side}": (0.0, -0.6, -0.1) for side in "LR"},
    },
    "jawForward": {"chin": (0, 0, 0.7), **dict.fromkeys(_LOWER_LIP, (0, 0, 0.5))},
    "mouthClose": {
        **dict.fromkeys(_LOWER_LIP, (0, 1.7, 0.3)),
        **{f"lower_lip_side.{side}": (0.0, 1.3, 0.2) for side in "LR"},
        "inner_upper": (0, -0.2, 0),
    },
    "mouthFunnel": {
        **dict.fromkeys(("upper_lip", "inner_upper"), (0.0, 0.35, 0.6)),
        **dict.fromkeys(_LOWER_LIP, (0.0, -0.35, 0.6)),
        "mouth_corner.L": (-0.55, 0, 0.35),
        "mouth_corner.R": (0.55, 0, 0.35),
    },
    "mouthPucker": {
        **dict.fromkeys(("upper_lip", "inner_upper", *_LOWER_LIP), (0.0, 0.0, 0.8)),
        "mouth_corner.L": (-0.95, 0, 0.45),
        "mouth_corner.R": (0.95, 0, 0.45),
        "upper_lip_side.L": (-0.4, 0, 0.5),
        "upper_lip_side.R": (0.4, 0, 0.5),
        "lower_lip_side.L": (-0.4, 0, 0.5),
        "lower_lip_side.R": (0.4, 0, 0.5),
    },
    "mouthRollLower": {"lower_lip": (0, 0.25, -0.4), "inner_lower": (0, 0.05, -0.4)},
    "mouthRollUpper": {"upper_lip": (0, -0.25, -0.4), "inner_upper": (0, -0.05, -0.4)},
    "mouthShrugLower": {"lower_lip": (0, 0.35, 0.25), "inner_lower": (0, 0.35, 0.1), "chin": (0, 0.3, 0.1)},
    "mouthShrugUpper": {"upper_lip": (0, 0.35, 0.25), "inner_upper": (0, 0.25, 0.1)},
    "browInnerUp": {"brow_inner.L": (0, 0.8, 0), "brow_inner.R": (0, 0.8, 0), "brow_middle": (0, 0.6, 0)},
    "cheekPuff": {"cheek.L": (0.6, 0, 0.5), "cheek.R": (-0.6, 0, 0.5)},
    "tongueOut": {"tongue": (0, -0.2, 2.5)},
}

_CODES: dict[str, Moves] = {
    "jaw_open": _CENTRE["jawOpen"],
    "lips_wide": {
        "mouth_corner.L": (0.75, -0.02, -0.4),
        "mouth_corner.R": (-0.75, -0.02, -0.4),
        "lower_lip_side.L": (0.36, -0.06, -0.14),
        "lower_lip_side.R": (-0.36, -0.06, -0.14),
        "upper_lip_side.L": (0.36, 0.02, -0.14),
        "upper_lip_side.R": (-0.36, 0.02, -0.14),
    },
    "lips_round": _CENTRE["mouthPucker"],
    "brows_up": {
        "brow_middle": (0, 0.5, 0),
        **{f"brow_inner.{side}": (0.0, 0.75, 0.0) for side in "LR"},
        **{f"brow_outer.{side}": (0.0, 0.7, 0.0) for side in "LR"},
    },
    "blink": {
        **{f"upper_lid.{side}": (0.0, -0.95, 0.1) for side in "LR"},
        **{f"lower_lid.{side}": (0.0, 0.12, 0.0) for side in "LR"},
    },
    "smile": {
        "mouth_corner.L": (0.65, 0.72, -0.33),
        "mouth_corner.R": (-0.65, 0.72, -0.33),
        "cheek.L": (0.15, 0.45, 0.2),
        "cheek.R": (-0.15, 0.45, 0.2),
        "lower_lip_side.L": (0.25, 0.2, -0.1),
        "lower_lip_side.R": (-0.25, 0.2, -0.1),
        "upper_lip_side.L": (0.25, 0.25, -0.1),
        "upper_lip_side.R": (-0.25, 0.25, -0.1),
        "cheek_bone.L": (0, 0.15, 0),
        "cheek_bone.R": (0, 0.15, 0),
    },
}
_TOGETHER: dict[str, dict[str, float]] = {
    # Vowels and consonants as mixtures of ARKit's shapes.
    "viseme_sil": {},
    "viseme_PP": {
        "mouthRollLower": 0.5,
        "mouthRollUpper": 0.4,
        "mouthPressLeft": 0.5,
        "mouthPressRight": 0.5,
    },
    "viseme_FF": {"mouthRollLower": 0.7, "mouthUpperUpLeft": 0.3, "mouthUpperUpRight": 0.3, "jawOpen": 0.05},
    "viseme_TH": {"jawOpen": 0.2, "tongueOut": 0.3},
    "viseme_DD": {"jawOpen": 0.15, "mouthLowerDownLeft": 0.3, "mouthLowerDownRight": 0.3},
    "viseme_kk": {"jawOpen": 0.2, "mouthStretchLeft": 0.15, "mouthStretchRight": 0.15},
    "viseme_CH": {"mouthFunnel": 0.5, "jawOpen": 0.08},
    "viseme_SS": {"mouthStretchLeft": 0.45, "mouthStretchRight": 0.45, "jawOpen": 0.04},
    "viseme_nn": {"jawOpen": 0.12, "mouthStretchLeft": 0.1, "mouthStretchRight": 0.1},
    "viseme_RR": {"mouthFunnel": 0.4, "jawOpen": 0.12},
    "viseme_aa": {"jawOpen": 1.0},
    "viseme_E": {"jawOpen": 0.3, "mouthStretchLeft": 0.5, "mouthStretchRight": 0.5},
    "viseme_I": {"jawOpen": 0.12, "mouthStretchLeft": 0.8, "mouthStretchRight": 0.8},
    "viseme_O": {"jawOpen": 0.45, "mouthPucker": 0.5},
    "viseme_U": {"jawOpen": 0.15, "mouthPucker": 0.9},
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


def _mirrored(moves: Moves) -> Moves:
    swap = {"L": "R", "R": "L"}
    return {
        name if "." not in name else f"{name[:-1]}{swap[name[-1]]}": (-x, y, z)
        for name, (x, y, z) in moves.items()
    }


def _right(name: str) -> str:
    return name.replace("Left", "Right")


_SHAPES = {**_CENTRE, **_LEFT, **{_right(name): _mirrored(moves) for name, moves in _LEFT.items()}}

ARKIT_SHAPES = tuple(sorted(_SHAPES))
"""The 52 names of Apple's ARFaceAnchor.BlendShapeLocation."""
KNOWN_SHAPES = (*ARKIT_SHAPES, *_TOGETHER)
"""ARKit's shapes, Oculus's 15 visemes, and three of VRM's expressions (its vowels are visemes)."""


def shape_geometry(names: tuple[str, ...]) -> FloatArray:
    """Displacements (S, V, 3) of the landmarks by known shapes. KeyError for an unknown name."""
    shapes = [
        _mixed(_TOGETHER[name]) if name in _TOGETHER else _displacements(_SHAPES[name]) for name in names
    ]
    return np.array(shapes).reshape(len(names), len(LANDMARKS), 3)


def code_geometry(names: tuple[str, ...] = FACE_CODE_NAMES) -> FloatArray:
    """Displacements (C, V, 3) of the landmarks by the default actor's codes. KeyError for an unknown name."""
    return np.array([_displacements(_CODES[name]) for name in names]).reshape(len(names), len(LANDMARKS), 3)


def _mixed(parts: Mapping[str, float]) -> FloatArray:
    mixed = np.zeros((len(LANDMARKS), 3))
    for name, share in parts.items():
        mixed += share * _displacements(_SHAPES[name])
    return mixed


def _displacements(moves: Moves) -> FloatArray:
    moved = np.zeros((len(LANDMARKS), 3))
    for name, way in moves.items():
        moved[LANDMARKS.index(name)] = way
    return moved
