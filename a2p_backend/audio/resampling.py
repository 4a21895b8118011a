"""Resampling to 48 kHz piece by piece, as the sound comes: no recording has to be there whole."""

from __future__ import annotations

from collections.abc import Iterator
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

FloatArray = NDArray[np.float32]


class Resampler:
    """Takes a channel at `rate` Hz block by block and gives it at `to` Hz, by torchaudio's windowed sinc."""

    def __init__(self, rate: int, to: int) -> None:
        self._is_needed = rate != to
        ratio = Fraction(to, rate).limit_denominator(MAX_RATIO_TERM)
        self._period, self._made = ratio.denominator, ratio.numerator
        # Pieces begin where an input and an output sample meet, so that the filter is in the same phase.
        self._piece = PIECE_SECONDS * rate // self._period * self._period
        self._reach = _REACH * self._period
        self._blocks: list[FloatArray] = []
        self._waiting = 0
        """Samples in the blocks, the first `_before` of which were resampled and are seen once more."""
        self._before = 0

    def push(self, block: FloatArray) -> Iterator[FloatArray]:
        """Takes a block (N,) and gives what of the result (M,) can be told."""
        if not self._is_needed:
            yield block
            return
        self._blocks.append(block)
        self._waiting += len(block)
        while self._waiting >= self._before + self._piece + self._reach:
            yield self._resample_piece()

    def finish(self) -> Iterator[FloatArray]:
        """Gives the rest."""
        while self._waiting > self._before:
            yield self._resample_piece()

    def _resample_piece(self) -> FloatArray:
        heard = np.concatenate(self._blocks)
        before, period = self._before, self._period
        stop = min(before + self._piece, len(heard))
        around = torch.from_numpy(heard[: stop + self._reach])
        part = torchaudio.functional.resample(around, period, self._made)[before // period * self._made :]
        self._before = min(stop, self._reach)
        self._blocks = [heard[stop - self._before :]]
        self._waiting = len(self._blocks[0])
        made: FloatArray = part[: -(-(stop - before) * self._made // period)].numpy()
        return made
