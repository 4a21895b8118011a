"""Frames between which straight lines keep near to sampled values: few keys for readers that know no curves,
and for many values that share their keys' times, of which cubic curves would have to tell two slopes each."""

from __future__ import annotations

import numpy as np

from kinematics.arrays import BoolArray, FloatArray, IntArray

_LONGEST = 256
"""Frames that a line spans at most: to look farther takes time and saves next to nothing."""


def fewest_lines(times: FloatArray, values: FloatArray, tolerance: float) -> IntArray:
    """Which of T frames to keep, the first and the last among them, so that lines between their values stay
    within `tolerance` of all values.

    times: (T,), increasing. values: (T, C), whose keys share their times. No choice of frames is smaller, but
    for lines of more than 256 frames.
    """
    count = len(times)
    follower = np.full(count, -1)
    lines = np.zeros(count, np.int64)
    for first in range(count - 2, -1, -1):
        ends = first + 1 + np.flatnonzero(_are_lines(times, values, first, tolerance))
        # Of equally few the farthest: their lines are even.
        best = ends[len(ends) - 1 - int(np.argmin(lines[ends][::-1]))]
        follower[first], lines[first] = best, lines[best] + 1
    kept = [0]
    while follower[kept[-1]] >= 0:
        kept.append(int(follower[kept[-1]]))
    return np.array(kept)


def _are_lines(times: FloatArray, values: FloatArray, first: int, tolerance: float) -> BoolArray:
    """(N,) whether a line from a frame to each of the next N stays near the values between them."""
    length = (times[first + 1 : first + 1 + _LONGEST] - times[first])[:, None]
    ahead = values[first + 1 : first + 1 + _LONGEST] - values[first]
    slope = ahead / length
    # Through every value's tolerance goes a cone of lines; a line to the next value must lie in all of them.
    steepest = np.minimum.accumulate((ahead + tolerance) / length)
    flattest = np.maximum.accumulate((ahead - tolerance) / length)
    near: BoolArray = np.ones(len(slope), np.bool_)
    near[1:] = np.all((slope[1:] <= steepest[:-1]) & (slope[1:] >= flattest[:-1]), axis=1)
    return near
