"""What an animator changes about the copy of single joints: how far it is followed, and a turn on top."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.errors import A2PError
from kinematics.retarget.rig import Rig
from kinematics.retarget.slots import FINGERS
from kinematics.retarget.swing import IDENTITY, times
from kinematics.rotations import quaternion_conjugate, quaternion_from_euler_xyz, quaternion_multiply, slerp

LARGEST_OFFSET = 180.0
"""Degrees about an axis."""
_PARTS = frozenset(
    {"thumb", *FINGERS, *(f"{finger}_metacarpal" for finger in FINGERS), "toe", "jaw", "eye"}
    | {f"{limb}_twist" for limb in ("upper_arm", "forearm", "thigh", "shin")}
)
"""Slots that are parts of what carries them: fingers of a hand that follows less must stay on it."""


class CorrectionError(A2PError):
    """A correction out of its limits."""


@dataclass(frozen=True)
class Correction:
    """How the bones of one slot differ from a plain copy.

    offset: degrees about X, Y and Z, up to 180 either way: a turn on top of the copied one, in each bone's
    own axes as Blender shows them (Y along the bone), X first; all that the bone carries turns along. It does
    what turning the bone by as much in pose mode, in local axes, does to every key.
    influence: 0 to 1, how far the copied turn is followed. At 0 a bone rests on the one that carries it; the
    other joints keep the directions that the source gives them, but for fingers, toes and twist bones, which
    are part of their hand, foot or limb.

    Raises CorrectionError.
    """

    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    influence: float = 1.0

    def __post_init__(self) -> None:
        angles = tuple(map(float, self.offset))
        if len(angles) != 3 or not all(abs(angle) <= LARGEST_OFFSET for angle in angles):
            raise CorrectionError(
                f"an offset is three angles from -{LARGEST_OFFSET:g} to {LARGEST_OFFSET:g} degrees, "
                f"not {list(self.offset)}."
            )
        if not 0.0 <= self.influence <= 1.0:
            raise CorrectionError(f"an influence lies between 0 and 1, which {self.influence} does not.")
        object.__setattr__(self, "offset", angles)
        object.__setattr__(self, "influence", float(self.influence))

    @property
    def is_plain(self) -> bool:
        """Whether it leaves the copy as it is."""
        return not any(self.offset) and self.influence == 1.0


PLAIN = Correction()


@dataclass(frozen=True, eq=False)
class CorrectedBones:
    """The bones of a rig that move, and their corrections.

    slots: each bone's slot. order: the bones, carriers first. carriers: of each bone, what of these carries
    it, or None. corrections: by slot.
    """

    rig: Rig
    slots: Mapping[int, str]
    order: Sequence[int]
    carriers: Mapping[int, int | None]
    corrections: Mapping[str, Correction]

    def apply(self, turns: Mapping[int, FloatArray]) -> dict[int, FloatArray]:
        """The turns (T, 4) from rest of each bone, x y z w in rig axes, with the corrections."""
        return self._offset(self._weakened(turns))

    def _correction(self, bone: int) -> Correction:
        return self.corrections.get(self.slots[bone], PLAIN)

    def _weakened(self, turns: Mapping[int, FloatArray]) -> dict[int, FloatArray]:
        """Bones part of the way from where their slot's carrier would bring them to where they are."""
        weakened = dict(turns)
        above: dict[str, int | None] = {}
        for bone in self.order:
            slot = self.slots[bone]
            # A chain follows what carries it as one: each of its bones for itself would add up.
            start = above.setdefault(slot, self.carriers[bone])
            if slot.partition(".")[0] in _PARTS:
                weakened[bone] = self._along(bone, start, turns, weakened)
            influence = self._correction(bone).influence
            if influence < 1.0:
                rest = np.broadcast_to(IDENTITY, turns[bone].shape)
                if start is not None and bone not in self.rig.unturned:
                    rest = weakened[start]
                weakened[bone] = slerp(rest, weakened[bone], influence)
        return weakened

    def _offset(self, turns: Mapping[int, FloatArray]) -> dict[int, FloatArray]:
        """Bones turned on in their own axes, and all that they carry with them."""
        moved = dict(turns)
        for bone in self.order:
            moved[bone] = self._along(bone, self.carriers[bone], turns, moved)
            offset = self._correction(bone).offset
            if any(offset):
                rest = self.rig.rest_rotations[bone]
                turn = quaternion_from_euler_xyz([math.radians(angle) for angle in offset])
                in_rig = quaternion_multiply(quaternion_multiply(rest, turn), quaternion_conjugate(rest))
                moved[bone] = moved[bone] @ times(in_rig)
        return moved

    def _along(
        self,
        bone: int,
        carrier: int | None,
        before: Mapping[int, FloatArray],
        after: Mapping[int, FloatArray],
    ) -> FloatArray:
        """A bone's turn where a carrier of it has changed its own: seen from there it is as before."""
        if carrier is None or bone in self.rig.unturned or after[carrier] is before[carrier]:
            return before[bone]
        change = quaternion_multiply(after[carrier], quaternion_conjugate(before[carrier]))
        return quaternion_multiply(change, before[bone])
