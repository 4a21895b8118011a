"""Soles that lie flat where the source's do, though the source's rest pose does not show them flat.

Captures often rest with toes raised or lowered. Their feet stand all the same, and how they then lie is flat.
"""

from __future__ import annotations

import numpy as np

from kinematics.arrays import BoolArray
from kinematics.retarget.contacts import Contact
from kinematics.retarget.figure import Figure
from kinematics.retarget.pose import Pose
from kinematics.retarget.slots import SIDES, sided
from kinematics.retarget.swing import arc
from kinematics.rotations import rotate

_USUAL_SLOPE = np.radians(-25.0)
"""From ankle to ball, of a foot that stands and does not say where its ball is."""


def level_feet(pose: Pose, contacts: tuple[Contact, ...]) -> None:
    """Pitches feet and toes so that they rest flat on the floor where they usually stand.

    By no more than the two figures' feet differ in rest: a dancer stays on tiptoe, and a copy on the same
    skeleton is the same.
    """
    origin, target = pose.task.origin, pose.target
    for side in SIDES:
        foot = sided("foot", side)
        bone = target.bones.get(foot, (-1,))[0]
        stands = _standing(contacts, side, len(pose.task.source))
        if bone not in pose.turns or not stands.any():
            continue
        level = target.heading(side)
        if level is None:
            level = target.frame[:, 2]
        ahead = rotate(pose.turns[bone][stands], level)
        pitch = float(np.arcsin(np.clip(np.median(ahead @ target.up), -1, 1)))
        apart = _slope(origin, side) - _slope(target, side)
        pitch = float(np.clip(pitch, -max(apart, 0.0), max(-apart, 0.0)))
        raised = np.cos(pitch) * level - np.sin(pitch) * target.up
        pose.turn_before((foot, sided("toe", side)), arc(level, raised))


def _slope(figure: Figure, side: str) -> float:
    """Radians by which a foot rises from its ankle to its ball, at rest."""
    direction = figure.direction(sided("foot", side), sided("toe", side))
    return _USUAL_SLOPE if direction is None else float(np.arcsin(np.clip(direction @ figure.up, -1, 1)))


def _standing(contacts: tuple[Contact, ...], side: str, frames: int) -> BoolArray:
    stands = np.zeros(frames, dtype=bool)
    for contact in contacts:
        if contact.slot[-1] == side:
            stands[contact.start : contact.end] = True
    return stands
