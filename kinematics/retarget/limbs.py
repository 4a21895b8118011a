"""Two-bone limbs that reach a point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.retarget.swing import arc
from kinematics.rotations import rotate

_SLACK = 1e-4
"""Of the limb's length: what keeps it from being quite straight, where its plane would be lost."""


@dataclass(frozen=True, eq=False)
class Reach:
    """upper, lower: (T, 4) turns to give to the limb's bones as they are; end: (T, 3) where it then ends."""

    upper: FloatArray
    lower: FloatArray
    end: FloatArray


def reach(root: FloatArray, joint: FloatArray, end: FloatArray, goal: FloatArray, pole: FloatArray) -> Reach:
    """Turns the limb root-joint-end, (T, 3) each, to end at goal (T, 3), or as near as its length allows.

    The joint keeps the side on which it is; pole (T, 3) tells the side of a limb that is straight.
    """
    upper_length = _length(joint - root)
    lower_length = _length(end - joint)
    slack = _SLACK * (upper_length + lower_length)
    before, after = _unit(end - root), _unit(goal - root)
    distance = np.clip(
        _length(goal - root), np.abs(upper_length - lower_length) + slack, upper_length + lower_length - slack
    )
    side = joint - root
    side = side + 1e-3 * upper_length * pole
    side = _unit(side - np.sum(side * before, axis=1, keepdims=True) * before)
    side = rotate(arc(before, after), side)
    cosine = (upper_length**2 + distance**2 - lower_length**2) / (2 * upper_length * distance)
    cosine = np.clip(cosine, -1, 1)
    new_joint = root + upper_length * (cosine * after + np.sqrt(1 - cosine**2) * side)
    new_end = root + distance * after
    return Reach(
        arc(_unit(joint - root), _unit(new_joint - root)),
        arc(_unit(end - joint), _unit(new_end - new_joint)),
        new_end,
    )


def _length(v: FloatArray) -> FloatArray:
    length: FloatArray = np.linalg.norm(v, axis=1, keepdims=True)
    return length


def _unit(v: FloatArray) -> FloatArray:
    unit: FloatArray = v / np.maximum(_length(v), 1e-12)
    return unit
