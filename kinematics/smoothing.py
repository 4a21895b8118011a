"""A low-pass filter that shifts nothing in time."""

from __future__ import annotations

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.errors import A2PError

_REACH = 4.0
"""Standard deviations after which a Gaussian is as good as zero."""


def smooth(
    dense: FloatArray, cutoff: float, fps: float, first: int = 0, last: int | None = None
) -> FloatArray:
    """Curves (T, C) without what is faster than `cutoff` Hz in frames `first` to `last`, both included.

    The filter is a Gaussian, so nothing overshoots or moves in time; at `cutoff` half the power is left.
    Where a range ends inside the take, the smoothed part blends into what is kept, without a step. Pass
    quaternions in one hemisphere and angles without wraps. Raises A2PError for a cutoff that is not above 0.
    """
    if not (np.isfinite(cutoff) and cutoff > 0.0):
        raise A2PError("The frequency to smooth to must be a number of hertz above 0.")
    frames = len(dense)
    last = frames - 1 if last is None else last
    deviation = np.sqrt(np.log(2.0)) / (2.0 * np.pi * cutoff) * fps
    reach = max(1, int(np.ceil(_REACH * deviation)))
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (offsets / deviation) ** 2)
    kernel /= kernel.sum()
    # Mirrored about its end values, a curve goes on straight, so that ends are not drawn inward.
    padded = _continued(np.asarray(dense, np.float64), reach)
    filtered = np.stack([np.convolve(column, kernel, mode="valid") for column in padded.T], axis=1)
    weight = _inside(frames, first, last, min(reach, max(1, (last - first) // 3)))[:, None]
    blended: FloatArray = dense + weight * (filtered - dense)
    return blended


def _continued(dense: FloatArray, reach: int) -> FloatArray:
    if len(dense) == 1:
        return np.repeat(dense, 2 * reach + 1, axis=0)
    return np.pad(dense, ((reach, reach), (0, 0)), mode="reflect", reflect_type="odd")


def _inside(frames: int, first: int, last: int, blend: int) -> FloatArray:
    """(T,) 1 inside a range, 0 outside, with soft sides within it where it ends inside the take."""
    frame = np.arange(frames, dtype=np.float64)
    rise = np.ones(frames) if first <= 0 else np.clip((frame - first) / blend, 0.0, 1.0)
    fall = np.ones(frames) if last >= frames - 1 else np.clip((last - frame) / blend, 0.0, 1.0)
    ramp = np.minimum(rise, fall)
    soft: FloatArray = ramp * ramp * (3.0 - 2.0 * ramp)
    return soft
