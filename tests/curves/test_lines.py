"""Straight lines in place of a key a frame."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from kinematics.curves.lines import fewest_lines


def worst(times: np.ndarray, values: np.ndarray, kept: np.ndarray) -> float:
    lines = np.stack([np.interp(times, times[kept], column[kept]) for column in values.T], axis=1)
    return float(np.abs(lines - values).max())


@pytest.mark.parametrize("seed", range(6))
def test_no_choice_of_frames_is_smaller(seed):
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.5, 1.5, 11))
    values = np.cumsum(rng.normal(0, 0.4, (11, 2)), axis=0)
    tolerance = 0.5
    kept = fewest_lines(times, values, tolerance)
    assert (kept[0], kept[-1]) == (0, 10)
    assert worst(times, values, kept) <= tolerance + 1e-12
    for inner in combinations(range(1, 10), max(len(kept) - 3, 0)):
        assert len(kept) == 2 or worst(times, values, np.array([0, *inner, 10])) > tolerance


def test_long_takes_are_split_and_still_values_need_hardly_a_key():
    times = np.arange(1000) / 30.0
    assert len(fewest_lines(times, np.zeros((1000, 3)), 0.005)) == 5
    blink = np.maximum(0.0, 1 - np.abs(times - 10.0) / 0.15)[:, None]
    kept = fewest_lines(times, np.concatenate([blink, 0.2 * blink], axis=1), 0.005)
    assert len(kept) <= 10
    assert worst(times, blink, kept) <= 0.005


def test_one_frame_stays():
    np.testing.assert_array_equal(fewest_lines(np.zeros(1), np.ones((1, 4)), 0.1), [0])
