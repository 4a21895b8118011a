"""Where a take stands: at the world's origin, on the floor, facing forward.

Generated motion keeps the capture dome's coordinates, whose origin is a camera more than a metre above the
pelvis. Renderer and add-on both place a take by this function, so that the plate and the armature coincide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kinematics.rotations import quaternion_conjugate, rotate

if TYPE_CHECKING:
    from kinematics.body import Body

_ROOT = 1
_SOLE_HEIGHT_CM = 6.0
"""Joints that rest no higher than this above the lowest one belong to the soles."""


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
    placed = np.array(pose, dtype=np.float64)
    drive = body.transform.matrix[7 * _ROOT : 7 * _ROOT + 3, :3]
    root = body.global_states(placed).translation[:, _ROOT]
    horizontal = np.array([1.0, 0.0, 1.0])
    target = root - root.mean(axis=0) * horizontal
    if np.cos(placed[:, 3]).mean() < 0:
        placed[:, 3:6] = _half_turn(placed[:, 3:6])
        target *= 1.0 - 2.0 * horizontal
    placed[:, :3] += np.linalg.solve(drive, (target - root).T).T
    lift = np.array([0.0, -np.median(_lowest_soles(body, placed)), 0.0])
    placed[:, :3] += np.linalg.solve(drive, lift)
    return placed.astype(np.float32)


def _half_turn(angles: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Root angles (T, 3), turned by pi about the vertical x: `Rx(pi) Rz(c) Ry(b) = Rz(-c) Ry(-b) Rx(pi)`."""
    yaw = np.remainder(angles[:, 0], 2 * np.pi) - np.pi
    return np.column_stack([yaw, -angles[:, 1], -angles[:, 2]])


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
