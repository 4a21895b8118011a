"""Bezier keys as Blender's F-curves evaluate them.

Each segment of an F-curve is a cubic Bezier in time and value. Handles a third of the segment long make its
time run evenly, so that the segment is a plain cubic, determined by value and slope at both keys. Handles
never overlap in time, and both handles of a key lie on one line: Blender's "aligned".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kinematics.arrays import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Keys:
    """K keys that C curves have at the same times.

    frames: (K,) ascending, counted from the first dense frame. values: (K, C). slopes: (K, C) a frame.
    """

    frames: IntArray
    values: FloatArray
    slopes: FloatArray

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def count(self) -> int:
        """Keys that an animator sees: one a curve and time."""
        return int(self.values.size)

    def evaluate(self, times: npt.ArrayLike) -> FloatArray:
        """Values (N, C) at times (N,) in frames; before the first and after the last key they stay."""
        times = np.clip(np.asarray(times, np.float64), self.frames[0], self.frames[-1])
        if len(self) == 1:
            return np.repeat(self.values, len(times), axis=0)
        left = np.clip(np.searchsorted(self.frames, times, side="right") - 1, 0, len(self) - 2)
        length = np.diff(self.frames)[left]
        weights = hermite((times - self.frames[left]) / length, length)
        known = (self.values[left], self.slopes[left], self.values[left + 1], self.slopes[left + 1])
        value: FloatArray = np.sum(
            [w[:, None] * part for w, part in zip(weights, known, strict=True)], axis=0
        )
        return value

    def handles(self) -> tuple[FloatArray, FloatArray]:
        """Left and right handles (K, C, 2): time and value."""
        gaps = np.diff(self.frames) if len(self) > 1 else np.ones(1)
        before, after = np.append(gaps[0], gaps) / 3.0, np.append(gaps, gaps[-1]) / 3.0
        if len(self) == 1:
            before, after = before[:1], after[:1]
        return self._handles(-before), self._handles(after)

    def points(self) -> FloatArray:
        """(K, C, 2): time and value."""
        return self._handles(np.zeros(len(self)))

    def _handles(self, away: FloatArray) -> FloatArray:
        times = np.broadcast_to((self.frames + away)[:, None], self.values.shape)
        return np.stack([times, self.values + away[:, None] * self.slopes], axis=-1)


def hermite(
    fraction: FloatArray, length: FloatArray | IntArray | float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Weights of value and slope at the start, and at the end, of a cubic segment of `length` frames."""
    square, cube = fraction**2, fraction**3
    end = 3.0 * square - 2.0 * cube
    return 1.0 - end, (fraction - 2.0 * square + cube) * length, end, (cube - square) * length
