"""Skeletons: joints, what they hang from and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from kinematics.arrays import FloatArray, IntArray, constant
from kinematics.hierarchy import Hierarchy

CHANNELS = ("tx", "ty", "tz", "rx", "ry", "rz", "sc")
"""Names of a joint's channels, in order."""


@dataclass(frozen=True, eq=False)
class Skeleton(Hierarchy):
    """J joints, parents before children.

    names: one unique name a joint.
    parents: (J,) index of each joint's parent, -1 for a root.
    offsets: (J, 3) centimetres, in the parent's axes.
    pre_rotations: (J, 4) unit quaternions x y z w, from the joint's unturned axes to the parent's.

    Raises ValueError where the arrays do not fit each other.
    """

    names: tuple[str, ...]
    parents: IntArray
    offsets: FloatArray
    pre_rotations: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "parents", constant(self.parents, np.int64))
        object.__setattr__(self, "offsets", constant(self.offsets, np.float64))
        object.__setattr__(self, "pre_rotations", constant(self.pre_rotations, np.float64))
        count = len(self.names)
        if count == 0:
            raise ValueError("a skeleton needs at least one joint")
        if (
            self.parents.shape != (count,)
            or self.offsets.shape != (count, 3)
            or self.pre_rotations.shape != (count, 4)
        ):
            raise ValueError(f"parents, offsets and pre-rotations do not fit {count} joint names")
        if len(set(self.names)) != count:
            raise ValueError(f"joint names repeat: {_first_repeated(self.names)}")
        if not np.all((self.parents >= -1) & (self.parents < np.arange(count))):
            raise ValueError("a joint comes before its parent")
        if not (np.all(np.isfinite(self.offsets)) and np.all(np.isfinite(self.pre_rotations))):
            raise ValueError("an offset or pre-rotation is not a finite number")
        if not np.allclose(np.linalg.norm(self.pre_rotations, axis=1), 1, atol=1e-3):
            raise ValueError("a pre-rotation is not a unit quaternion")

    @cached_property
    def levels(self) -> tuple[IntArray, ...]:
        """Joint numbers by distance from their root: (roots, their children, ...).

        A level needs nothing but the level above it, so what goes down the tree does so in a dozen steps.
        """
        depth = np.zeros(len(self), dtype=np.int64)
        for joint, parent in enumerate(self.parents):
            if parent >= 0:
                depth[joint] = depth[parent] + 1
        return tuple(np.flatnonzero(depth == level) for level in range(int(depth.max()) + 1))


def skeleton_from_legacy(skeleton: Mapping[str, Any]) -> Skeleton:
    """The skeleton of the legacy format's object `Skeleton`.

    A parent below 0, or one above the number of joints (writers use 2^32 - 1 and 2^64 - 1), marks a root.
    KeyError, TypeError or ValueError where the object is malformed.
    """
    bones = skeleton["Bones"]
    parents = [int(bone["Parent"]) for bone in bones]
    return Skeleton(
        names=tuple(str(bone["Name"]) for bone in bones),
        parents=np.array([parent if 0 <= parent < len(bones) else -1 for parent in parents]),
        offsets=np.array([bone["TranslationOffset"] for bone in bones], dtype=np.float64),
        pre_rotations=np.array([bone["PreRotation"] for bone in bones], dtype=np.float64),
    )


def _first_repeated(names: tuple[str, ...]) -> str:
    return next(name for position, name in enumerate(names) if name in names[:position])
