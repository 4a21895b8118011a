from __future__ import annotations

import numpy as np
import pytest

from kinematics.curves.rotation_curves import EULER_ORDERS, continuous, rotation_of
from kinematics.retarget.channels import rotation_channels


def turning(frames: int = 200) -> np.ndarray:
    """Rotations (T, 4) that go round several times and pass close to every order's pole."""
    time = np.linspace(0.0, 1.0, frames)
    angles = np.stack([9.0 * time, 1.6 * np.sin(7 * time), 5.0 * np.cos(4 * time)], axis=-1)
    rotation = rotation_of(angles, "XYZ")
    return rotation * np.where(np.arange(frames) % 3 == 0, -1.0, 1.0)[:, None]


@pytest.mark.parametrize("mode", ["QUATERNION", "AXIS_ANGLE", *EULER_ORDERS])
def test_what_is_keyed_reads_back(mode):
    rotation = turning()
    curves = rotation_channels(np.roll(rotation, 1, axis=-1), mode)[1]
    same = np.abs(np.sum(rotation_of(curves, mode) * rotation, axis=1))
    np.testing.assert_allclose(same, 1.0, atol=1e-12)


@pytest.mark.parametrize("mode", ["QUATERNION", *EULER_ORDERS])
def test_jumps_go_and_rotations_stay(mode):
    wanted = rotation_channels(np.roll(turning(), 1, axis=-1), mode)[1]
    if mode == "QUATERNION":
        jumping = wanted * np.where(np.arange(len(wanted)) % 3 == 0, -1.0, 1.0)[:, None]
    else:
        jumping = (wanted + np.pi) % (2 * np.pi) - np.pi
    curves = continuous(jumping, mode)
    same = np.abs(np.sum(rotation_of(curves, mode) * rotation_of(wanted, mode), axis=1))
    np.testing.assert_allclose(same, 1.0, atol=1e-12)
    assert np.abs(np.diff(curves, axis=0)).max() < 1.1 * np.abs(np.diff(wanted, axis=0)).max()


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
