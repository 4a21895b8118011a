"""The sound of a recording, which is read where it is needed instead of being held: an hour takes 1.3 GiB."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from kinematics.errors import A2PError

IN_MEMORY = 16 << 20
"""Bytes of a track that stay in memory, 87 s at 48 kHz: short recordings never touch the disk."""

BYTES_A_SAMPLE = 4

FloatArray = npt.NDArray[np.float32]


class Samples(Protocol):
    """Two channels of sound (N, 2) float32, read by ranges; an array is one."""

    def __len__(self) -> int: ...

    def __getitem__(self, span: slice, /) -> FloatArray:
        """The samples of a range (n, 2), fewer where it reaches past the end."""
        ...


class Track:
    """One channel (N,) float32 that grows at its end, in an unnamed temporary file once it is long.

    To be used by one thread at a time. The file goes with the track.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - open as long as the track is
        weakref.finalize(self, self._file.close)
        self._length = 0
        self.peak = 0.0
        """The largest magnitude so far."""

    def __len__(self) -> int:
        return self._length

    def append(self, samples: FloatArray) -> None:
        """Adds samples (n,) at the end. Raises A2PError where there is no room for them."""
        if not len(samples):
            return
        try:
            self._file.seek(0, 2)
            self._file.write(np.ascontiguousarray(samples, np.float32).tobytes())
        except OSError as error:
            raise A2PError(
                f"The recording's sound cannot be laid down in {tempfile.gettempdir()} while it is used "
                f"({error.strerror or error}): make room there, or name another folder in TMPDIR."
            ) from error
        self._length += len(samples)
        self.peak = max(self.peak, float(samples.max()), -float(samples.min()))

    def __getitem__(self, span: slice) -> FloatArray:
        """The samples of a range, fewer where it reaches past the end."""
        first, stop, _ = span.indices(self._length)
        self._file.seek(BYTES_A_SAMPLE * first)
        return np.frombuffer(self._file.read(BYTES_A_SAMPLE * max(stop - first, 0)), np.float32)


@dataclass(frozen=True, eq=False)
class Mix:
    """Two tracks as `Samples` (length, 2): each at its level, silent where it is over."""

    tracks: tuple[Track, Track]
    levels: tuple[float, float]
    length: int

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, span: slice) -> FloatArray:
        first, stop, _ = span.indices(self.length)
        samples = np.zeros((max(stop - first, 0), 2), np.float32)
        for column, (track, level) in enumerate(zip(self.tracks, self.levels, strict=True)):
            part = track[first:stop]
            np.multiply(part, np.float32(level), out=samples[: len(part), column])
        return samples


@dataclass(frozen=True, eq=False)
class Section:
    """Samples first (included) to stop (excluded) of other samples."""

    whole: Samples
    first: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.first

    def __getitem__(self, span: slice) -> FloatArray:
        first, stop, _ = span.indices(len(self))
        return self.whole[self.first + first : self.first + max(first, stop)]


@dataclass(frozen=True, eq=False)
class Rearranged:
    """The same sound with these of its channels, in this order."""

    whole: Samples
    columns: Sequence[int]

    def __len__(self) -> int:
        return len(self.whole)

    def __getitem__(self, span: slice) -> FloatArray:
        return self.whole[span][:, list(self.columns)]
