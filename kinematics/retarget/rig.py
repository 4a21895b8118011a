"""A rig: the skeleton of a character, from whatever program or file, in its rest pose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from kinematics.arrays import BoolArray, FloatArray, IntArray, constant
from kinematics.errors import A2PError
from kinematics.hierarchy import Hierarchy
from kinematics.rotations import matrix_from_quaternion, quaternion_from_matrix, quaternion_multiply, rotate


class RigError(A2PError):
    """A rig that cannot receive or give motion."""


@dataclass(frozen=True, eq=False)
class Rig(Hierarchy):
    """J bones in rest, parents before children. Unit and axes are the rig's own: any way may be up.

    names: one unique name a bone. parents: (J,) int, -1 for a root.
    rest: (J, 4, 4) bone to rig space (Blender: `bone.matrix_local`).
    to_world: (4, 4) rig space to world (Blender: `object.matrix_world`).
    tails: (J, 3) rig space, where the format has tails.
    deforms: (J,) bool, the bones that move skin, where that is known.
    follows: for bones that constraints make follow another bone instead of their parent, that bone.
    unturned: bones that move with their parent but do not turn with it.
    joined: bones whose head cannot leave their parent's tail (Blender: `bone.use_connect`).

    Raises RigError where the parts do not fit each other or hold numbers that are not finite.
    """

    names: tuple[str, ...]
    parents: IntArray
    rest: FloatArray
    to_world: FloatArray = field(default_factory=lambda: np.eye(4))
    tails: FloatArray | None = None
    deforms: BoolArray | None = None
    follows: Mapping[int, int] = field(default_factory=dict)
    unturned: frozenset[int] = frozenset()
    joined: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        count = len(self.names)
        if count == 0:
            raise RigError("The rig has no bones.")
        object.__setattr__(self, "names", tuple(self.names))
        self._settle("parents", np.int64, (count,))
        self._settle("rest", np.float64, (count, 4, 4))
        self._settle("to_world", np.float64, (4, 4))
        if self.tails is not None:
            self._settle("tails", np.float64, (count, 3))
        if self.deforms is not None:
            self._settle("deforms", np.bool_, (count,))
        if len(set(self.names)) != count:
            raise RigError("The rig has two bones of one name: rename one of them.")
        if not np.all((self.parents >= -1) & (self.parents < np.arange(count))):
            raise RigError("A bone of the rig comes before its parent.")
        if not (np.all(np.isfinite(self.rest)) and np.all(np.isfinite(self.to_world))):
            raise RigError("The rig's rest pose holds a number that is not finite.")
        if np.linalg.matrix_rank(self.to_world[:3, :3]) < 3:
            raise RigError("The rig's object is scaled to nothing: give it a scale other than 0.")

    def _settle(self, name: str, dtype: type, shape: tuple[int, ...]) -> None:
        array = constant(getattr(self, name), dtype)
        if array.shape != shape:
            raise RigError(f"The rig's {name} do not fit its {len(self.names)} bones.")
        object.__setattr__(self, name, array)

    @property
    def heads(self) -> FloatArray:
        """(J, 3) rig space."""
        return self.rest[:, :3, 3]

    @cached_property
    def rest_rotations(self) -> FloatArray:
        """(J, 4) unit quaternions x y z w, bone axes to rig axes, without any scale in the matrices."""
        u, _, vt = np.linalg.svd(self.rest[:, :3, :3])
        flip = np.linalg.det(u @ vt) < 0
        u[flip, :, 2] *= -1
        return quaternion_from_matrix(u @ vt)

    @cached_property
    def stretch(self) -> FloatArray:
        """(3, 3) symmetric: what the object's scale does to shapes, volume kept; identity if it is uniform.

        The figure as one sees it, in the rig's axes, is the stretched one: world = turn * size * stretch.
        """
        _, scales, axes = np.linalg.svd(self.to_world[:3, :3])
        if scales[0] - scales[2] < 1e-4 * scales[0]:
            return np.eye(3)
        stretch: FloatArray = axes.T @ np.diag(scales / np.cbrt(np.prod(scales))) @ axes
        return stretch

    def carriers(self, bone: int) -> Iterator[int]:
        """The bones that carry a bone, nearest first: what it follows, or else its parent, and so on."""
        seen = {bone}
        while True:
            bone = self.follows.get(bone, int(self.parents[bone]))
            if bone < 0 or bone in seen:
                return
            seen.add(bone)
            yield bone

    def is_carried_by(self, bone: int, carrier: int) -> bool:
        """Whether `bone` moves with `carrier`."""
        return carrier in self.carriers(bone)


def pose_matrices(rig: Rig, rotation: FloatArray, location: FloatArray) -> FloatArray:
    """Where all bones are, (T, J, 4, 4) in rig space, when turned and moved from rest.

    rotation: (T, J, 4) x y z w. location: (T, J, 3). Both in the bones' own rest axes, as programs key them.
    What follows another bone keeps its rest place relative to it; its own channels come on top.
    """
    rest, heads = rig.rest_rotations, rig.heads
    turns = np.empty((len(rotation), len(rig), 4))
    places = np.empty((len(rotation), len(rig), 3))
    for bone in _carriers_first(rig):
        turn: FloatArray = quaternion_multiply(rest[bone], rotation[:, bone])
        place: FloatArray = heads[bone] + rotate(rest[bone], location[:, bone])
        carrier = next(rig.carriers(bone), None)
        if carrier is not None:
            moved = quaternion_multiply(turns[:, carrier], rest[carrier] * [-1, -1, -1, 1])
            place = places[:, carrier] + rotate(moved, place - heads[carrier])
            if bone not in rig.unturned:
                turn = quaternion_multiply(moved, turn)
        turns[:, bone], places[:, bone] = turn, place
    matrices = np.zeros((*turns.shape[:2], 4, 4))
    matrices[..., :3, :3] = matrix_from_quaternion(turns)
    matrices[..., :3, 3] = places
    matrices[..., 3, 3] = 1.0
    return matrices


def _carriers_first(rig: Rig) -> list[int]:
    depth = [sum(1 for _ in rig.carriers(bone)) for bone in range(len(rig))]
    return sorted(range(len(rig)), key=depth.__getitem__)
