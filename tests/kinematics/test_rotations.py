from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from kinematics import rotations

RANDOM = np.random.default_rng(1)


def random_quaternions(*shape):
    q = RANDOM.standard_normal((*shape, 4))
    return q / np.linalg.norm(q, axis=-1, keepdims=True)


def test_conventions_are_scipys():
    angles = RANDOM.uniform(-3, 3, (20, 3))
    theirs = Rotation.from_euler("xyz", angles)
    q = rotations.quaternion_from_euler_xyz(angles)
    np.testing.assert_allclose(np.abs(np.sum(q * theirs.as_quat(), axis=-1)), 1, atol=1e-12)
    np.testing.assert_allclose(rotations.matrix_from_quaternion(q), theirs.as_matrix(), atol=1e-12)
    v = RANDOM.standard_normal((20, 3))
    np.testing.assert_allclose(rotations.rotate(q, v), theirs.apply(v), atol=1e-12)
    product = rotations.quaternion_multiply(q[1:], q[:-1])
    np.testing.assert_allclose(
        rotations.matrix_from_quaternion(product), (theirs[1:] * theirs[:-1]).as_matrix(), atol=1e-12
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("from_pole", [1.0, 1e-3, 1e-7, 1e-12, 0.0])
@pytest.mark.parametrize("pole", [np.pi / 2, -np.pi / 2])
def test_euler_angles_return_the_same_matrix_up_to_the_pole(dtype, from_pole, pole):
    angles = np.array([0.7, pole - np.copysign(from_pole, pole), -2.1])
    matrix = rotations.matrix_from_quaternion(rotations.quaternion_from_euler_xyz(angles)).astype(dtype)
    found = rotations.euler_xyz_from_matrix(matrix)
    assert found.dtype == dtype
    back = rotations.matrix_from_quaternion(rotations.quaternion_from_euler_xyz(found))
    np.testing.assert_allclose(back, matrix, atol=20 * np.finfo(dtype).eps)
    if from_pole == 0:
        assert found[0] == 0
    elif from_pole >= 1e-3:
        np.testing.assert_allclose(found, angles, atol=1e4 * np.finfo(dtype).eps)


def test_quaternion_from_matrix_at_half_turns_and_elsewhere():
    q = np.concatenate([np.eye(4), random_quaternions(50)])
    back = rotations.quaternion_from_matrix(rotations.matrix_from_quaternion(q))
    np.testing.assert_allclose(np.abs(np.sum(q * back, axis=-1)), 1, atol=1e-12)
    assert np.all(back[:, 3] >= 0)


def test_aligned_keys_lie_close_together():
    angles = np.zeros((30, 2, 3))
    angles[..., 0] = np.linspace(0, 12, 30)[:, None]
    smooth = rotations.quaternion_from_euler_xyz(angles)
    scattered = smooth * RANDOM.choice([-1, 1], (30, 2, 1))
    aligned = rotations.align_hemispheres(scattered)
    np.testing.assert_array_equal(aligned[0], scattered[0])
    np.testing.assert_allclose(
        aligned, smooth * np.sign(np.sum(scattered[0] * smooth[0], axis=-1, keepdims=True)), atol=1e-12
    )
    np.testing.assert_array_equal(
        np.moveaxis(rotations.align_hemispheres(np.moveaxis(scattered, 0, 1), axis=1), 1, 0), aligned
    )


def test_slerp_goes_the_short_way_at_constant_speed():
    a = np.array([0, 0, 0, 1.0])
    b = -rotations.quaternion_from_euler_xyz([0, 0, 1.2])
    t = np.array([0, 0.25, 1])
    expected = rotations.quaternion_from_euler_xyz(np.stack([0 * t, 0 * t, 1.2 * t], axis=-1))
    np.testing.assert_allclose(rotations.slerp(a, b, t), expected, atol=1e-12)
    np.testing.assert_allclose(rotations.slerp(a, a, t), np.broadcast_to(a, (3, 4)), atol=1e-12)
