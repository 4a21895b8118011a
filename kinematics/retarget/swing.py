"""Rotations between directions, and the roll about one."""

from __future__ import annotations

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.rotations import quaternion_from_matrix

IDENTITY = np.array([0.0, 0.0, 0.0, 1.0])


def arc(start: FloatArray, end: FloatArray) -> FloatArray:
    """The shortest rotations (..., 4) that turn unit vectors start (..., 3) to end (..., 3)."""
    dot = np.sum(start * end, axis=-1, keepdims=True)
    q = np.concatenate([np.cross(start, end), 1.0 + dot], axis=-1)
    opposite = dot[..., 0] < -1.0 + 1e-9
    if np.any(opposite):
        # Half a turn about any axis across.
        across = np.cross(start, np.eye(3)[np.abs(start).argmin(axis=-1)])
        q[opposite] = np.concatenate([across, np.zeros_like(dot)], axis=-1)[opposite]
    unit: FloatArray = q / np.linalg.norm(q, axis=-1, keepdims=True)
    return unit


def times(q: FloatArray) -> FloatArray:
    """(4, 4) that multiplies from the right by a quaternion (4,): p @ times(q) is p q, for any p (..., 4).

    For thousands of frames and one constant this is many times faster than a product of quaternions.
    """
    x, y, z, w = q
    return np.array([[w, -z, y, -x], [z, w, -x, -y], [-y, x, w, -z], [x, y, z, w]])


def of(q: FloatArray) -> FloatArray:
    """(4, 4) that multiplies from the left: p @ of(q) is q p."""
    x, y, z, w = q
    return np.array([[w, z, -y, -x], [-z, w, x, -y], [y, -x, w, -z], [x, y, z, w]])


def roll_angle(q: FloatArray, axis: FloatArray) -> FloatArray:
    """(T,) radians by which rotations (T, 4) roll about a unit axis (3,), continuous over time."""
    angle = np.unwrap(2.0 * np.arctan2(q[:, :3] @ axis, q[:, 3]))
    near_zero: FloatArray = angle - 2 * np.pi * np.round(np.median(angle) / (2 * np.pi))
    return near_zero


def about(axis: FloatArray, angle: FloatArray) -> FloatArray:
    """Rotations (T, 4) by angles (T,) about a unit axis (3,)."""
    return np.concatenate([np.sin(angle / 2)[:, None] * axis, np.cos(angle / 2)[:, None]], axis=1)


def frame_rotation(
    along: FloatArray, across: FloatArray, to_along: FloatArray, to_across: FloatArray
) -> FloatArray:
    """The rotation (4,) that takes one direction exactly to another, and a second one as near as it goes."""
    return quaternion_from_matrix(_frame(to_along, to_across) @ _frame(along, across).T)


def _frame(along: FloatArray, across: FloatArray) -> FloatArray:
    normal = np.cross(along, across)
    normal = normal / np.linalg.norm(normal)
    return np.stack([along, normal, np.cross(along, normal)], axis=1)
