from __future__ import annotations

import numpy as np
import pytest

from kinematics.errors import A2PError
from kinematics.smoothing import smooth

TIME = np.arange(300) / 30.0


def test_half_the_power_is_left_at_the_cutoff_and_nothing_moves_in_time():
    wave = np.sin(2 * np.pi * 2.0 * TIME)[:, None]
    filtered = smooth(wave, 2.0, 30.0)[60:240]
    np.testing.assert_allclose(filtered, wave[60:240] / np.sqrt(2.0), atol=2e-3)


def test_slow_motion_passes_and_shake_goes():
    slow, shake = np.sin(2 * np.pi * 0.2 * TIME), 0.1 * np.sin(2 * np.pi * 11.0 * TIME)
    filtered = smooth((slow + shake)[:, None], 4.0, 30.0)[:, 0]
    assert np.abs(filtered - slow)[10:-10].max() < 0.015


def test_straight_motion_keeps_its_ends():
    line = np.linspace(0.0, 5.0, 50)[:, None]
    np.testing.assert_allclose(smooth(line, 1.0, 30.0), line, atol=1e-9)


def test_outside_the_range_nothing_changes_and_there_is_no_step():
    random = np.random.default_rng(0)
    noisy = np.sin(TIME)[:, None] + random.normal(0.0, 0.01, (300, 1))
    filtered = smooth(noisy, 2.0, 30.0, first=100, last=200)
    np.testing.assert_array_equal(filtered[:101], noisy[:101])
    np.testing.assert_array_equal(filtered[200:], noisy[200:])
    jerks = [np.abs(np.diff(curve[130:170], 2, axis=0)).max() for curve in (filtered, noisy)]
    assert jerks[0] < 0.2 * jerks[1]
    assert np.abs(np.diff(filtered, axis=0)).max() <= np.abs(np.diff(noisy, axis=0)).max()


def test_a_frame_and_a_frequency_of_nothing():
    np.testing.assert_allclose(smooth(np.ones((1, 2)), 1.0, 30.0), 1.0)
    with pytest.raises(A2PError, match="above 0"):
        smooth(np.ones((4, 1)), 0.0, 30.0)
