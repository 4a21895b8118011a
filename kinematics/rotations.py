"""Rotations: Hamilton quaternions x y z w, 3 x 3 matrices for column vectors, and Euler angles.

Every function works over leading axes, which broadcast, and keeps the floating type of its input. Quaternions
are used
as they are, not normalised: forward kinematics multiplies unit quaternions only. Angles are radians.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kinematics.arrays import FloatArray


def quaternion_multiply(a: npt.ArrayLike, b: npt.ArrayLike) -> FloatArray:
    """The rotation that turns by b first, then by a: (..., 4) and (..., 4) -> (..., 4)."""
    ax, ay, az, aw = _components(a)
    bx, by, bz, bw = _components(b)
    return np.stack(
        [
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
            aw * bw - ax * bx - ay * by - az * bz,
        ],
        axis=-1,
    )


def quaternion_conjugate(q: npt.ArrayLike) -> FloatArray:
    """The opposite rotation of unit quaternions (..., 4)."""
    q = _floating(q)
    conjugate: FloatArray = q * np.array([-1, -1, -1, 1], dtype=q.dtype)
    return conjugate


def quaternion_inverse(q: npt.ArrayLike) -> FloatArray:
    """The multiplicative inverse of quaternions (..., 4) of any length but zero."""
    q = _floating(q)
    inverse: FloatArray = quaternion_conjugate(q) / np.sum(q * q, axis=-1, keepdims=True)
    return inverse


def rotate(q: npt.ArrayLike, v: npt.ArrayLike) -> FloatArray:
    """Vectors v (..., 3) turned by quaternions q (..., 4)."""
    q, v = _floating(q), _floating(v)
    axis, w = q[..., :3], q[..., 3:]
    once = _cross(axis, v)
    turned: FloatArray = v + 2 * (w * once + _cross(axis, once))
    return turned


def quaternion_from_euler_xyz(angles: npt.ArrayLike) -> FloatArray:
    """Quaternions (..., 4) of the matrices Rz Ry Rx, from angles (..., 3) = (rx, ry, rz).

    x turns first, z last, about fixed axes: scipy's 'xyz' (lower case), Blender's Euler order 'XYZ'.
    """
    half = 0.5 * _floating(angles)
    sx, sy, sz = np.moveaxis(np.sin(half), -1, 0)
    cx, cy, cz = np.moveaxis(np.cos(half), -1, 0)
    return np.stack(
        [
            sx * cy * cz - cx * sy * sz,
            cx * sy * cz + sx * cy * sz,
            cx * cy * sz - sx * sy * cz,
            cx * cy * cz + sx * sy * sz,
        ],
        axis=-1,
    )


def euler_xyz_from_matrix(R: npt.ArrayLike) -> FloatArray:
    """Angles (..., 3) = (rx, ry, rz) with R = Rz Ry Rx, from rotation matrices (..., 3, 3).

    ry lies within +-pi/2. There only rz +- rx is determined: rx is then 0.
    """
    return euler_from_matrix(R, "ZYX")[..., ::-1]


def quaternion_from_euler(angles: npt.ArrayLike, order: str) -> FloatArray:
    """Quaternions (..., 4) of R1(a1) R2(a2) R3(a3): `order` names the axes, such as "ZXY"."""
    half = 0.5 * _floating(angles)
    turns = np.zeros((*half.shape, 4), half.dtype)
    for position, axis in enumerate(order):
        turns[..., position, "XYZ".index(axis)] = np.sin(half[..., position])
    turns[..., 3] = np.cos(half)
    first, second, third = np.moveaxis(turns, -2, 0)
    return quaternion_multiply(quaternion_multiply(first, second), third)


def euler_from_matrix(R: npt.ArrayLike, order: str) -> FloatArray:
    """Angles (..., 3) with R = R1(a1) R2(a2) R3(a3), from matrices (..., 3, 3); `order` as "ZXY".

    The second angle lies within +-pi/2. There only a1 +- a3 is determined: a3 is then 0.
    """
    R = _floating(R)
    i, j, k = ("XYZ".index(axis) for axis in order)
    handed = 1 if (j - i) % 3 == 1 else -1
    cosine = np.hypot(R[..., i, i], R[..., i, j])
    third = np.arctan2(-handed * R[..., i, j], R[..., i, i])
    third = np.where(cosine < 8 * np.finfo(R.dtype).eps, np.zeros_like(third), third)
    second = np.arctan2(handed * R[..., i, k], cosine)
    # From what the third angle leaves over: taken by itself it would add an error of its own near the pole.
    s, c = handed * np.sin(third), np.cos(third)
    first = np.arctan2(
        handed * (s * R[..., k, i] + c * R[..., k, j]),
        s * R[..., j, i] + c * R[..., j, j],
    )
    angles: FloatArray = np.stack([first, second, third], axis=-1).astype(R.dtype, copy=False)
    return angles


def smooth_euler(angles: npt.ArrayLike) -> FloatArray:
    """The same rotations (T, ..., 3), as angles that change as little as can be from frame to frame.

    Any order of three different axes: (a, b, c) and (a + pi, pi - b, c + pi) are one rotation.
    """
    smooth = _floating(angles).copy()
    for frame in range(1, len(smooth)):
        before, now = smooth[frame - 1], smooth[frame]
        first, second, third = np.moveaxis(now, -1, 0)
        other = np.stack([first + np.pi, np.pi - second, third + np.pi], axis=-1)
        now, other = (
            choice + np.round((before - choice) / (2 * np.pi)) * (2 * np.pi) for choice in (now, other)
        )
        nearer = np.abs(other - before).sum(axis=-1) < np.abs(now - before).sum(axis=-1)
        smooth[frame] = np.where(nearer[..., None], other, now)
    return smooth


def matrix_from_quaternion(q: npt.ArrayLike) -> FloatArray:
    """Rotation matrices (..., 3, 3) of unit quaternions (..., 4)."""
    x, y, z, w = _components(q)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def quaternion_from_matrix(R: npt.ArrayLike) -> FloatArray:
    """Unit quaternions (..., 4), w >= 0, of rotation matrices (..., 3, 3)."""
    R = _floating(R)
    xx, yy, zz = R[..., 0, 0], R[..., 1, 1], R[..., 2, 2]
    yz, zx, xy = R[..., 2, 1] - R[..., 1, 2], R[..., 0, 2] - R[..., 2, 0], R[..., 1, 0] - R[..., 0, 1]
    sxy, szx, syz = R[..., 1, 0] + R[..., 0, 1], R[..., 0, 2] + R[..., 2, 0], R[..., 2, 1] + R[..., 1, 2]
    # 4 q q^T: each row is q times 4 of its components, so the row of the largest component loses no digits.
    outer = np.stack(
        [
            np.stack([1 + xx - yy - zz, sxy, szx, yz], axis=-1),
            np.stack([sxy, 1 - xx + yy - zz, syz, zx], axis=-1),
            np.stack([szx, syz, 1 - xx - yy + zz, xy], axis=-1),
            np.stack([yz, zx, xy, 1 + xx + yy + zz], axis=-1),
        ],
        axis=-2,
    )
    largest = np.argmax(np.diagonal(outer, axis1=-2, axis2=-1), axis=-1)
    q = np.take_along_axis(outer, largest[..., None, None], axis=-2)[..., 0, :]
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    positive: FloatArray = np.where(q[..., 3:] < 0, -q, q)
    return positive


def align_hemispheres(q: npt.ArrayLike, axis: int = 0) -> FloatArray:
    """Quaternions (..., 4) with signs such that neighbours along `axis` lie close together.

    The rotations stay the same, and the first keeps its sign. What interpolates keys by component needs this.
    """
    q = np.moveaxis(_floating(q), axis, 0)
    dots = np.sum(q[1:] * q[:-1], axis=-1, keepdims=True)
    signs = np.cumprod(np.where(dots < 0, -1, 1), axis=0)
    aligned = np.concatenate([q[:1], q[1:] * signs.astype(q.dtype)])
    return np.moveaxis(aligned, 0, axis)


def slerp(a: npt.ArrayLike, b: npt.ArrayLike, t: npt.ArrayLike) -> FloatArray:
    """Unit quaternions a fraction t (...,) of the way from a to b (..., 4), the short way round."""
    a, b = _floating(a), _floating(b)
    t = np.asarray(t, dtype=np.result_type(a, b))[..., None]
    dot = np.sum(a * b, axis=-1, keepdims=True)
    b = np.where(dot < 0, -b, b)
    angle = (
        np.arctan2(
            np.linalg.norm(b - a, axis=-1, keepdims=True), np.linalg.norm(b + a, axis=-1, keepdims=True)
        )
        * 2
    )
    sine = np.sin(angle)
    near = sine < 1e-6
    safe = np.where(near, np.ones_like(sine), sine)
    weight_a = np.where(near, 1 - t, np.sin((1 - t) * angle) / safe)
    weight_b = np.where(near, t, np.sin(t * angle) / safe)
    q = weight_a * a + weight_b * b
    unit: FloatArray = q / np.linalg.norm(q, axis=-1, keepdims=True)
    return unit


def _floating(values: npt.ArrayLike) -> npt.NDArray[Any]:
    array = np.asarray(values)
    return array if np.issubdtype(array.dtype, np.floating) else array.astype(np.float64)


def _components(q: npt.ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    q = _floating(q)
    return q[..., 0], q[..., 1], q[..., 2], q[..., 3]


def _cross(a: FloatArray, b: FloatArray) -> FloatArray:
    # numpy.cross is several times slower on the small blocks of forward kinematics.
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)
