"""An arm that talks: the smallest figure in which errors add up along a chain."""

from __future__ import annotations

import numpy as np

from kinematics.curves.reduction import LOCATION, Channel, Figure
from kinematics.curves.rotation_curves import rotation_of
from kinematics.retarget.channels import rotation_channels
from kinematics.retarget.rig import Rig

BONES = ("hips", "chest", "upper_arm", "forearm", "hand", "finger")
HAND = BONES.index("hand")


def arm(unit: float = 1.0) -> Rig:
    """A chain of six bones, 0.3 m each, in an object scaled by `unit`."""
    rest = np.tile(np.eye(4), (len(BONES), 1, 1))
    rest[:, 1, 3] = 0.3 * np.arange(len(BONES)) / unit
    to_world = np.diag([unit, unit, unit, 1.0])
    return Rig(BONES, np.arange(-1, len(BONES) - 1), rest, to_world)


def talking(frames: int, mode: str = "QUATERNION", unit: float = 1.0) -> tuple[list[Channel], Figure]:
    """Every bone sways and beats, with a little noise; the hips also move."""
    random = np.random.default_rng(4)
    time = np.arange(frames)[:, None, None] / 30.0
    bones = len(BONES)
    angles = random.normal(0.0, 2e-4, (frames, bones, 3))
    for size, rate in ((0.3, 0.3), (0.15, 0.9), (0.04, 2.1)):
        phase = random.uniform(0.0, 6.0, (bones, 3))
        angles += random.normal(0.0, size, (bones, 3)) * np.sin(2 * np.pi * rate * time + phase)
    rotation = rotation_of(angles, "XYZ")
    location = np.zeros((frames, bones, 3))
    location[:, 0] = 0.05 * np.sin(time[:, 0] * [1.0, 2.0, 3.0]) / unit
    figure = Figure(arm(unit), rotation, location, (HAND,))
    turning = [
        Channel(rotation_channels(np.roll(rotation[:, bone], 1, axis=-1), mode)[1], mode, bone)
        for bone in range(bones)
    ]
    return [*turning, Channel(location[:, 0], LOCATION, 0)], figure
