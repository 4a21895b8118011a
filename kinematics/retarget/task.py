"""A motion to copy, the figure that is to receive it, and how their sizes and axes relate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.retarget.figure import Figure
from kinematics.retarget.rig import RigError
from kinematics.retarget.slots import SIDES, sided
from kinematics.retarget.source import SourceMotion
from kinematics.rotations import quaternion_conjugate, rotate


@dataclass(frozen=True, eq=False)
class Task:
    """A source, a target figure, and what relates them."""

    source: SourceMotion
    target: Figure

    def __post_init__(self) -> None:
        for name, figure in (("source", self.origin), ("rig", self.target)):
            if "hips" not in figure.bones:
                raise RigError(f"The {name}'s map has no hips: say which bone they are.")

    @property
    def origin(self) -> Figure:
        """The source's figure."""
        return self.source.figure

    @cached_property
    def facing(self) -> FloatArray:
        """(3, 3) F: source axes to target axes."""
        return self.target.frame @ self.origin.frame.T

    @cached_property
    def size(self) -> float:
        """The target's lengths per source length: legs, or trunks where one has no legs."""
        for slots in (("thigh", "shin", "foot"), ("thigh", "shin")):
            lengths = [figure.limb_length(*slots) for figure in (self.target, self.origin)]
            if all(lengths):
                return lengths[0] / lengths[1]
        trunks = [
            np.linalg.norm(figure.shoulder_centre - figure.hip_centre)
            for figure in (self.target, self.origin)
        ]
        if not all(trunks):
            raise RigError("The maps have too few bones in common to tell the sizes of the two figures.")
        return float(trunks[0] / trunks[1])

    def moved(self, slot: str) -> FloatArray | None:
        """(T, 3) a slot's head in the source's motion, in target axes but the source's unit."""
        bones = self.origin.bones.get(slot)
        return self.source.position[:, bones[0]] @ self.facing.T if bones else None

    @cached_property
    def chest(self) -> FloatArray:
        """(T, 3) where the source's chest carries the place that lies between its shoulders at rest."""
        rig, bone = self.source.rig, self.origin.chest
        offset = rotate(quaternion_conjugate(rig.rest_rotations[bone]), self.origin.chest_offset)
        carried = rotate(self.source.rotation[:, bone], offset) @ rig.stretch.T
        place: FloatArray = (self.source.position[:, bone] + carried) @ self.facing.T
        return place

    def middle(self, slot: str, centre: str) -> FloatArray:
        """(T, 3) midway between both sides of a slot, or one bone where they are not both there."""
        sides = [self.moved(sided(slot, side)) for side in SIDES]
        if sides[0] is not None and sides[1] is not None:
            middle: FloatArray = (sides[0] + sides[1]) / 2
            return middle
        bones = self.origin.bones.get(centre) or self.origin.bones["hips"]
        return self.source.position[:, bones[-1]] @ self.facing.T
