"""Rotations in the form in which a bone keys them."""

from __future__ import annotations

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.rotations import align_hemispheres, euler_from_matrix, matrix_from_quaternion, smooth_euler


def rotation_channels(rotation: FloatArray, mode: str) -> tuple[str, FloatArray]:
    """The property of a Blender pose bone in rotation `mode`, and its values for rotations (T, 4), w x y z.

    mode: QUATERNION, AXIS_ANGLE, or an Euler order as Blender writes it: "XYZ" turns about X first. Euler
    angles take the shortest way from frame to frame, beyond half a turn where need be.
    """
    if mode == "QUATERNION":
        return "rotation_quaternion", align_hemispheres(rotation)
    if mode == "AXIS_ANGLE":
        return "rotation_axis_angle", _axis_angle(align_hemispheres(rotation))
    order = mode[::-1]
    angles = smooth_euler(euler_from_matrix(matrix_from_quaternion(np.roll(rotation, -1, axis=-1)), order))
    return "rotation_euler", angles[:, [order.index(axis) for axis in "XYZ"]]


def _axis_angle(rotation: FloatArray) -> FloatArray:
    """(T, 4) angle, axis; where nothing turns, the axis that was there before."""
    sine = np.linalg.norm(rotation[:, 1:], axis=1)
    angle = 2 * np.arctan2(sine, rotation[:, 0])
    axis = rotation[:, 1:] / np.maximum(sine, 1e-12)[:, None]
    known = np.flatnonzero(sine > 1e-9)
    if not len(known):
        axis[:] = (0.0, 1.0, 0.0)
    else:
        latest = np.maximum(np.searchsorted(known, np.arange(len(axis)), side="right") - 1, 0)
        axis = axis[known[latest]]
    values: FloatArray = np.column_stack([angle, axis])
    return values
