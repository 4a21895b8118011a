"""Rotations as animation programs key them: quaternions by component, or three Euler angles."""

from __future__ import annotations

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.rotations import align_hemispheres, euler_from_matrix, matrix_from_quaternion
from kinematics.rotations import quaternion_from_euler as _fixed_order

EULER_ORDERS = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")
"""Blender's names: the first letter's axis turns first."""


def rotation_of(curves: FloatArray, mode: str) -> FloatArray:
    """Unit quaternions (..., 4) x y z w from keyed values.

    curves: (..., 4) w x y z for the mode "QUATERNION", angles (..., 3) for an Euler order. As in Blender,
    quaternions are normalised; one of length 0 is no rotation.
    """
    if mode == "QUATERNION":
        length = np.linalg.norm(curves, axis=-1, keepdims=True)
        unit = np.where(length > 0.0, curves / np.where(length > 0.0, length, 1.0), [1.0, 0.0, 0.0, 0.0])
        turned: FloatArray = np.roll(unit, -1, axis=-1)
        return turned
    by_turn = curves[..., ["XYZ".index(axis) for axis in reversed(mode)]]
    return _fixed_order(by_turn, mode[::-1])


def curves_of(rotation: FloatArray, mode: str) -> FloatArray:
    """The other way: rotations (T, ..., 4) x y z w as continuous curves over their first axis.

    Quaternions stay in one hemisphere. Euler angles have no wraps, and near the pole, where two sets of
    angles are one rotation, the set nearer to the frame before is taken.
    """
    if mode == "QUATERNION":
        continuous: FloatArray = np.roll(align_hemispheres(rotation, axis=0), 1, axis=-1)
        return continuous
    by_turn = euler_from_matrix(matrix_from_quaternion(rotation), mode[::-1])
    angles = np.empty_like(by_turn)
    angles[..., ["XYZ".index(axis) for axis in reversed(mode)]] = by_turn
    return continuous_euler(angles, mode)


def continuous_euler(angles: FloatArray, mode: str) -> FloatArray:
    """Angles (T, ..., 3) of the same rotations without jumps over time; the first frame stays as it is."""
    middle = "XYZ".index(mode[1])
    flip = np.full(3, np.pi)
    mirror = np.ones(3)
    mirror[middle] = -1.0
    smooth = np.array(angles, np.float64)
    for frame in range(1, len(smooth)):
        before = smooth[frame - 1]
        near = _nearest_turn(smooth[frame], before)
        other = _nearest_turn(smooth[frame] * mirror + flip, before)
        nearer = np.abs(near - before).sum(-1) <= np.abs(other - before).sum(-1)
        smooth[frame] = np.where(nearer[..., None], near, other)
    return smooth


def _nearest_turn(angles: FloatArray, before: FloatArray) -> FloatArray:
    turn: FloatArray = angles - 2.0 * np.pi * np.round((angles - before) / (2.0 * np.pi))
    return turn
