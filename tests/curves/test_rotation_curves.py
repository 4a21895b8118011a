from __future__ import annotations

import numpy as np
import pytest

from kinematics.curves.rotation_curves import EULER_ORDERS, curves_of, rotation_of


def turning(frames: int = 200) -> np.ndarray:
    """Rotations (T, 4) that go round several times and pass close to every order's pole."""
    time = np.linspace(0.0, 1.0, frames)
    angles = np.stack([9.0 * time, 1.6 * np.sin(7 * time), 5.0 * np.cos(4 * time)], axis=-1)
    rotation = rotation_of(angles, "XYZ")
    return rotation * np.where(np.arange(frames) % 3 == 0, -1.0, 1.0)[:, None]


@pytest.mark.parametrize("mode", ["QUATERNION", *EULER_ORDERS])
def test_curves_are_the_same_rotations_and_continuous(mode):
    rotation = turning()
    curves = curves_of(rotation, mode)
    same = np.abs(np.sum(rotation_of(curves, mode) * rotation, axis=1))
    np.testing.assert_allclose(same, 1.0, atol=1e-12)
    if mode == "QUATERNION":
        assert np.sum(curves[1:] * curves[:-1], axis=1).min() > 0.9
    else:
        assert np.abs(np.diff(curves, axis=0)).max() < np.pi / 2


def test_euler_orders_are_blenders():
    # The first letter's axis turns first: XYZ is Rz Ry Rx.
    quarter = np.pi / 2
    q = rotation_of(np.array([quarter, 0.0, quarter]), "XYZ")
    np.testing.assert_allclose(np.abs(q), [0.5, 0.5, 0.5, 0.5], atol=1e-12)
    assert np.sign(q[1]) == np.sign(q[3])
    q = rotation_of(np.array([quarter, 0.0, quarter]), "ZYX")
    assert np.sign(q[1]) == -np.sign(q[3])


def test_a_quaternion_of_no_length_is_no_rotation():
    np.testing.assert_array_equal(rotation_of(np.zeros(4), "QUATERNION"), [0.0, 0.0, 0.0, 1.0])
