"""Where a take stands: at the world's origin, on the floor, facing forward.

Generated motion keeps the capture dome's coordinates, whose origin is a camera more than a metre above the
pelvis. Renderer and add-on both place a take by this function, so that the plate and the armature coincide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kinematics.rotations import quaternion_conjugate, rotate

if TYPE_CHECKING:
    from kinematics.body import Body

_ROOT = 1
_SOLE_HEIGHT_CM = 6.0
"""Joints that rest no higher than this above the lowest one belong to the soles."""
_FRAMES_AT_ONCE = 1800

Find = Callable[["Body", npt.NDArray[np.float64]], npt.NDArray[np.float64]]
"""(body, pose (T, 104)) -> something of each frame (T, ...)."""


@dataclass(frozen=True, eq=False)
class Stage:
    """How a take is placed: the same for all of its frames, and for other poses of its body.

    turned: whether it makes a half turn. shift: (3,) added to the root's first three parameters afterwards.
    flip: (3, 3) what the half turn does to those three.
    """

    turned: bool
    shift: npt.NDArray[np.float64]
    flip: npt.NDArray[np.float64]

    def apply(self, pose: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
        """Poses (T, 104) of the take where they stand on the stage, a new array."""
        placed = np.array(pose, dtype=np.float64)
        if self.turned:
            placed[:, 3:6] = _half_turn(placed[:, 3:6])
            placed[:, :3] = placed[:, :3] @ self.flip.T
        placed[:, :3] += self.shift
        return placed

    def undo(self, placed: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
        """The inverse of `apply`, up to whole turns of the root."""
        pose = np.array(placed, dtype=np.float64)
        pose[:, :3] -= self.shift
        if self.turned:
            pose[:, :3] = pose[:, :3] @ np.linalg.inv(self.flip).T
            pose[:, 3:6] = _half_turn(pose[:, 3:6])
        return pose


def stage_for(body: Body, pose: npt.NDArray[np.floating[Any]]) -> Stage:
    """How `place_on_stage` places the take pose (T, 104)."""
    given = np.asarray(pose, dtype=np.float64)
    drive = body.transform.matrix[7 * _ROOT : 7 * _ROOT + 3, :3]
    horizontal = np.array([1.0, 0.0, 1.0])
    turned = bool(np.cos(given[:, 3]).mean() < 0)
    # Parameters to the root's place is affine: seen from the middle of the take, the turn is linear.
    turn: npt.NDArray[np.float64] = np.diag([-1.0, 1.0, -1.0]) if turned else np.eye(3)
    flip: npt.NDArray[np.float64] = np.linalg.solve(drive, turn @ drive)
    half_way = Stage(turned, np.zeros(3), flip)
    placed = half_way.apply(given)
    middle = _frame_by_frame(_roots, body, placed).mean(axis=0)
    root = _frame_by_frame(_roots, body, given).mean(axis=0)
    target = turn @ (root - root * horizontal)
    shift: npt.NDArray[np.float64] = np.linalg.solve(drive, target - middle)
    placed[:, :3] += shift
    lift = np.array([0.0, -np.median(_frame_by_frame(_lowest_soles, body, placed)), 0.0])
    raised: npt.NDArray[np.float64] = np.linalg.solve(drive, lift)
    return Stage(turned, shift + raised, flip)


def place_on_stage(body: Body, pose: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
    """Moves a whole take so that the figure stands at the origin with its feet on the floor.

    The mean horizontal position of the root and the soles' usual height come to zero, and a take whose figure
    faces backward (two of the released actors were captured so) makes a half turn. Motion within the take
    stays as it is.

    Args:
        body: whose feet these are.
        pose: (T, 104) parameters; columns 0-2 translate the root, column 3 turns it about the vertical,
            columns 4 and 5 about its other two axes.

    Returns:
        (T, 104) float32, a new array.
    """
    return stage_for(body, pose).apply(pose).astype(np.float32)


def _half_turn(angles: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Root angles (T, 3), turned by pi about the vertical x: `Rx(pi) Rz(c) Ry(b) = Rz(-c) Ry(-b) Rx(pi)`."""
    yaw = np.remainder(angles[:, 0], 2 * np.pi) - np.pi
    return np.column_stack([yaw, -angles[:, 1], -angles[:, 2]])


def _frame_by_frame(find: Find, body: Body, pose: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What `find` says of each frame: some at a time, as the joints' states take 30 times a pose's memory."""
    starts = range(0, max(len(pose), 1), _FRAMES_AT_ONCE)
    return np.concatenate([find(body, pose[start : start + _FRAMES_AT_ONCE]) for start in starts])


def _roots(body: Body, pose: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(T, 3) where the root is in each frame, centimetres."""
    return body.global_states(pose).translation[:, _ROOT]


def _lowest_soles(body: Body, pose: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(T,) height of the lowest sole in each frame, centimetres.

    A sole point lies on the rest pose's ground under each low joint and moves rigidly with it.
    """
    bind = body.bind_states()
    height = bind.translation[:, 1]
    low = np.flatnonzero(height <= height[_ROOT:].min() + _SOLE_HEIGHT_CM)
    low = low[low >= _ROOT]
    ground = height[low].min() if body.mesh is None else float(body.mesh.vertices[:, 1].min())
    down = np.zeros((len(low), 3))
    down[:, 1] = ground - height[low]
    in_joint = rotate(quaternion_conjugate(bind.rotation[low]), down) / bind.scale[low, None]
    states = body.global_states(pose)
    points = states.translation[:, low] + rotate(
        states.rotation[:, low], in_joint * states.scale[:, low, None]
    )
    lowest: npt.NDArray[np.float64] = points[..., 1].min(axis=1)
    return lowest
