"""The figure that a map sees in a rig: where slots lie, which way it stands and faces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.retarget.rig import Rig, RigError
from kinematics.retarget.slots import FINGERS, SIDES, sided

_UPRIGHT = np.cos(np.radians(30))
"""A figure whose head is this near to one of the axes above its hips stands along that axis."""

_NO_HIPS = "The map has no hips: say which bone they are."


@dataclass(frozen=True, eq=False)
class Figure:
    """A rig with its mapped bones, as one sees it: the object's uneven scale is in the points.

    rig: J bones. bones: bone numbers by slot, from the body outward.
    """

    rig: Rig
    bones: Mapping[str, tuple[int, ...]]

    @cached_property
    def points(self) -> FloatArray:
        """(J, 3) heads."""
        points: FloatArray = self.rig.heads @ self.rig.stretch.T
        return points

    def point(self, slot: str) -> FloatArray | None:
        """(3,) head of the first bone in a slot."""
        bones = self.bones.get(slot)
        return self.points[bones[0]] if bones else None

    def direction(self, slot: str, next_slot: str) -> FloatArray | None:
        """(3,) unit vector from one slot's head to another's; None where either is empty or they coincide."""
        start, end = self.point(slot), self.point(next_slot)
        return None if start is None or end is None else unit(end - start)

    @cached_property
    def hip_centre(self) -> FloatArray:
        """(3,) midway between the hip joints; the hips bone's head where there are no legs."""
        return self.middle("thigh", "hips")

    @cached_property
    def shoulder_centre(self) -> FloatArray:
        """(3,) midway between the shoulder joints; the last spine bone's head where there are no arms."""
        return self.middle("upper_arm", "spine")

    @cached_property
    def chest(self) -> int:
        """The bone that carries the shoulders: the last of the spine, or of the hips where there is none."""
        bones = self.bones.get("spine") or self.bones.get("hips")
        if not bones:
            raise RigError(_NO_HIPS)
        return bones[-1]

    @cached_property
    def chest_offset(self) -> FloatArray:
        """(3,) rig space: from the chest bone's head to where the middle between the shoulders rests."""
        shrink = np.linalg.inv(self.rig.stretch)
        offset: FloatArray = shrink @ self.shoulder_centre - self.rig.heads[self.chest]
        return offset

    def length(self, *slots: str) -> float:
        """Along the heads of some slots; 0 where one is empty."""
        points = [self.point(slot) for slot in slots]
        if any(point is None for point in points):
            return 0.0
        return float(np.linalg.norm(np.diff(np.array(points), axis=0), axis=1).sum())

    def limb_length(self, *slots: str) -> float:
        """Mean of both sides' limbs along some sided slots; 0 where no side has all of them."""
        lengths = [self.length(*(sided(slot, side) for slot in slots)) for side in SIDES]
        return float(np.mean([length for length in lengths if length] or [0.0]))

    def arm_span(self, arm: tuple[str, str, str]) -> float:
        """From between the shoulders over shoulder and elbow to the wrist.

        Lengths by which hands are compared: outstretched arms and folded hands then agree for any width of
        shoulders.
        """
        shoulder = self.point(arm[0])
        across = 0.0 if shoulder is None else float(np.linalg.norm(shoulder - self.shoulder_centre))
        return across + self.length(*arm)

    @cached_property
    def up(self) -> FloatArray:
        """(3,) from the hips to the head, or the rig's axis along that: bent backs do not tilt floors."""
        top = next((point for slot in ("head", "neck") if (point := self.point(slot)) is not None), None)
        up = unit((self.shoulder_centre if top is None else top) - self.hip_centre)
        if up is None:
            raise RigError("The rig's head and hips are in one place: its bones do not make a figure.")
        axis = int(np.argmax(np.abs(up)))
        upright = np.eye(3)[axis] * np.sign(up[axis])
        return upright if up @ upright > _UPRIGHT else up

    @cached_property
    def frame(self) -> FloatArray:
        """(3, 3) columns: the figure's left, up and forward."""
        across = [
            self.direction(sided(slot, "R"), sided(slot, "L")) for slot in ("thigh", "upper_arm", "clavicle")
        ]
        left = next((vector for vector in across if vector is not None), None)
        left = None if left is None else unit(left - (left @ self.up) * self.up)
        if left is None:
            raise RigError("The rig needs both legs or both arms in its map, to tell which way it faces.")
        return np.stack([left, self.up, np.cross(left, self.up)], axis=1)

    def tip(self, bone: int) -> FloatArray | None:
        """(3,) where a bone without a mapped bone below ends: its only child's head, or its tail."""
        children = self.rig.children[bone]
        if len(children) == 1 and unit(self.points[children[0]] - self.points[bone]) is not None:
            head: FloatArray = self.points[children[0]]
            return head
        if self.rig.tails is not None and not children:
            tail: FloatArray = self.rig.stretch @ self.rig.tails[bone]
            return tail
        return None

    def heading(self, side: str) -> FloatArray | None:
        """(3,) where a foot points, level; None where its bone does not tell, as one that points down."""
        foot, toe = sided("foot", side), sided("toe", side)
        ankle, ball = self.point(foot), self.point(toe)
        if ankle is not None and ball is None:
            ball = self.tip(self.bones[foot][0])
        if ankle is None or ball is None:
            return None
        ahead = ball - ankle
        level = ahead - (ahead @ self.up) * self.up
        return unit(level) if np.linalg.norm(level) > 0.3 * np.linalg.norm(ahead) else None

    def fingers(self, side: str) -> tuple[str, ...]:
        """The four fingers' slots that are filled, thumb apart."""
        return tuple(slot for finger in FINGERS if self.bones.get(slot := sided(finger, side)))

    def middle(self, limb: str, centre: str) -> FloatArray:
        """(3,) midway between both sides of a slot; without them, the last bone of a central slot."""
        points = [self.point(sided(limb, side)) for side in SIDES]
        if points[0] is not None and points[1] is not None:
            middle: FloatArray = (points[0] + points[1]) / 2
            return middle
        bones = self.bones.get(centre) or self.bones.get("hips")
        if not bones:
            raise RigError(_NO_HIPS)
        last: FloatArray = self.points[bones[-1]]
        return last


def unit(vector: FloatArray) -> FloatArray | None:
    """A vector (3,) at length 1; None where it has none to speak of."""
    length = float(np.linalg.norm(vector))
    return vector / length if length > 1e-12 else None
