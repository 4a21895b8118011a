"""Where keys go: the fewest whose cubic segments stay within a tolerance that may change with time."""

from __future__ import annotations

import numpy as np

from kinematics.arrays import BoolArray, FloatArray
from kinematics.curves.keys import hermite

_LENGTHS = (*range(1, 13), 14, 16, 20, 24, 28, 32, 40, 48, 64, 96)
"""Frames that a segment may span. Long ones are few: what stays still needs no exact choice."""
_TIE = 1e-3
"""What a segment's error counts against its key: of equally many keys, the nearer curve is taken."""


class SegmentErrors:
    """How far a cubic between any two frames is from the dense curves between them.

    Made once from groups (G, T, C) of curves with slopes (G, T, C) a frame, both in units of the error.
    """

    def __init__(self, dense: FloatArray, slopes: FloatArray) -> None:
        groups, frames, _ = dense.shape
        self.lengths = np.array([length for length in _LENGTHS if length < max(frames, 2)])
        self._worst = np.full((len(self.lengths), groups, frames), np.inf, np.float32)
        dense, slopes = dense.astype(np.float32), slopes.astype(np.float32)
        for row, length in enumerate(self.lengths):
            starts = frames - length
            worst = np.zeros((groups, starts), np.float32)
            for inside in range(1, length):
                a, b, c, d = (
                    np.float32(weight)
                    for weight in hermite(np.float64(inside / length), float(length))  # type: ignore[arg-type]
                )
                apart = a * dense[:, :starts]
                apart += b * slopes[:, :starts]
                apart += c * dense[:, length:]
                apart += d * slopes[:, length:]
                apart -= dense[:, inside : inside + starts]
                np.maximum(worst, np.einsum("gtc,gtc->gt", apart, apart), out=worst)
            # Stored by the frame at which a segment ends.
            self._worst[row, :, length:] = np.sqrt(worst)

    def fewest(self, tolerance: FloatArray) -> BoolArray:
        """(G, T) bool, the frames to key; tolerance (G, T) above 0 holds in every segment that
        touches a frame.

        Dynamic programming over all groups at once; the first and the last frame are always keyed.
        """
        groups, frames = tolerance.shape
        cost = np.full((groups, frames), np.inf, np.float32)
        cost[:, 0] = 0.0
        step = self._segment_costs(tolerance.astype(np.float32))
        choice = np.zeros((groups, frames), np.int64)
        everyone = np.arange(groups)
        for end in range(1, frames):
            reach = np.searchsorted(self.lengths, end, side="right")
            total = cost[:, end - self.lengths[:reach]] + step[end, :, :reach]
            best = total.argmin(axis=1)
            choice[:, end] = self.lengths[best]
            cost[:, end] = total[everyone, best]
        keyed = np.zeros((groups, frames), np.bool_)
        for group in range(groups):
            end = frames - 1
            while end > 0:
                keyed[group, end] = True
                end -= choice[group, end]
        keyed[:, 0] = True
        return keyed

    def _segment_costs(self, tolerance: FloatArray) -> FloatArray:
        """(T, G, L): 1 and a little for a segment that ends at a frame, infinite where it is not allowed."""
        rows = np.empty_like(self._worst)
        strictest = tolerance.copy()  # over the frames of a segment that ends here
        spanned = 0
        for row, length in enumerate(self.lengths):
            while spanned < length:
                spanned += 1
                strictest[:, spanned:] = np.minimum(strictest[:, spanned:], tolerance[:, :-spanned])
            share = self._worst[row] / strictest
            rows[row] = np.where(share <= 1.0, 1.0 + _TIE * share, np.inf)
        return np.ascontiguousarray(np.moveaxis(rows, 0, -1).swapaxes(0, 1))
