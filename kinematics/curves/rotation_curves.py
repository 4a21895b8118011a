"""Keyed rotations, read back: quaternions by component, or three Euler angles."""

from __future__ import annotations

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.rotations import align_hemispheres, quaternion_from_euler, smooth_euler

QUATERNION = "QUATERNION"
AXIS_ANGLE = "AXIS_ANGLE"
EULER_ORDERS = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")
"""Blender's names: the first letter's axis turns first."""


def rotation_of(curves: FloatArray, mode: str) -> FloatArray:
    """Unit quaternions (..., 4) x y z w from keyed values.

    curves: (..., 4) w x y z for the mode QUATERNION, (..., 4) angle and axis for AXIS_ANGLE, angles (..., 3)
    for an Euler order. As in Blender, they are normalised; a quaternion or axis of length 0 turns nothing.
    """
    if mode == QUATERNION:
        length = np.linalg.norm(curves, axis=-1, keepdims=True)
        unit = np.where(length > 0.0, curves / np.where(length > 0.0, length, 1.0), [1.0, 0.0, 0.0, 0.0])
        turned: FloatArray = np.roll(unit, -1, axis=-1)
        return turned
    if mode == AXIS_ANGLE:
        half, axis = 0.5 * curves[..., :1], curves[..., 1:]
        length = np.linalg.norm(axis, axis=-1, keepdims=True)
        vector = np.sin(half) * axis / np.where(length > 0.0, length, 1.0)
        return np.concatenate([vector, np.where(length > 0.0, np.cos(half), 1.0)], axis=-1)
    return quaternion_from_euler(curves[..., _turning(mode)], mode[::-1])


def continuous(curves: FloatArray, mode: str) -> FloatArray:
    """The same rotations (T, C) without jumps: one hemisphere, or angles without wraps and flips.

    Axes and angles stay as they are.
    """
    if mode == QUATERNION:
        length = np.linalg.norm(curves, axis=-1, keepdims=True)
        aligned: FloatArray = align_hemispheres(curves / np.where(length > 0.0, length, 1.0))
        return aligned
    if mode == AXIS_ANGLE:
        return curves
    smooth = np.empty(curves.shape)
    smooth[:, _turning(mode)] = smooth_euler(np.asarray(curves[:, _turning(mode)], np.float64))
    return smooth


def _turning(mode: str) -> list[int]:
    """Columns of the angles in the order in which rotations multiply: the last to turn comes first."""
    return ["XYZ".index(axis) for axis in reversed(mode)]
