"""Resampling to 48 kHz piece by piece: what a long recording takes beside itself does not grow with it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import torch
import torchaudio
from numpy.typing import NDArray

PIECE_SECONDS = 60
"""What is resampled at once. Shorter recordings are one piece."""

MAX_RATIO_TERM = 1000
"""Bound on the resampling ratio's denominator, as the filter bank grows with it: the error is under 1e-6."""

_REACH = 9
"""How far the filter looks to either side, in the fewest samples after which input and output samples meet
again, and one more: six zero crossings of its windowed sinc, a little stretched, as torchaudio has it.
"""


def resampled(channel: NDArray[np.float32], rate: int, to: int) -> NDArray[np.float32]:
    """A channel (N,) at `rate` Hz as one (M,) at `to` Hz, by torchaudio's windowed sinc."""
    if rate == to:
        return channel
    ratio = Fraction(to, rate).limit_denominator(MAX_RATIO_TERM)
    period, made = ratio.denominator, ratio.numerator
    out = np.empty(-(-len(channel) * made // period), np.float32)
    # Pieces begin where an input and an output sample meet, so that the filter is in the same phase.
    piece = PIECE_SECONDS * rate // period * period
    for start in range(0, len(channel), piece):
        stop = min(start + piece, len(channel))
        before = min(start, _REACH * period)
        around = torch.from_numpy(channel[start - before : stop + _REACH * period])
        part = torchaudio.functional.resample(around, period, made)[before // period * made :]
        first = start // period * made
        kept = part[: min(-(-(stop - start) * made // period), len(out) - first)]
        out[first : first + len(kept)] = kept.numpy()
    return out
