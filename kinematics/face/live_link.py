"""Weights of ARKit's shapes as Live Link Face's CSV, which Unreal, Blender add-ons and others read.

A header, then a row a frame: its SMPTE timecode with a fraction of a frame, how many values follow, the 52
weights under ARKit's names with a capital first letter, and nine rotations of head and eyes (radians), which
are 0 here: the body's rig turns the head.
"""

from __future__ import annotations

from typing import BinaryIO

from kinematics.arrays import FloatArray
from kinematics.face.shapes import ARKIT_SHAPES

_SHAPES = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft",
    "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight", "jawForward", "jawRight", "jawLeft", "jawOpen", "mouthClose",
    "mouthFunnel", "mouthPucker", "mouthRight", "mouthLeft", "mouthSmileLeft", "mouthSmileRight",
    "mouthFrownLeft", "mouthFrownRight", "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft",
    "mouthStretchRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft",
    "mouthUpperUpRight", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft",
    "browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight",
    "tongueOut",
)  # fmt: skip
"""In the order of Live Link Face."""
_TURNS = tuple(f"{part}{way}" for part in ("Head", "LeftEye", "RightEye") for way in ("Yaw", "Pitch", "Roll"))


def write_live_link(file: BinaryIO, weights: FloatArray, fps: int) -> None:
    """Write weights (T, 52), in the order of ARKIT_SHAPES. fps: whole frames a second."""
    columns = [ARKIT_SHAPES.index(name) for name in _SHAPES]
    names = [name[0].upper() + name[1:] for name in _SHAPES]
    lines = [",".join(("Timecode", "BlendShapeCount", *names, *_TURNS))]
    still = ",".join(["0.0"] * len(_TURNS))
    for frame, row in enumerate(weights[:, columns]):
        values = ",".join(f"{value:.6f}" for value in row)
        lines.append(f"{_timecode(frame, fps)},{len(_SHAPES) + len(_TURNS)},{values},{still}")
    file.write(("\n".join(lines) + "\n").encode())


def _timecode(frame: int, fps: int) -> str:
    seconds, rest = divmod(frame, fps)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}:{rest:02}.000"
