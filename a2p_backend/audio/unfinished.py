"""A recording while it is made: a file that plays at every moment, under a name that says it is not whole."""

from __future__ import annotations

import itertools
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from a2p_backend.wire.progress import Cancelled
from kinematics.errors import A2PError

_FULL_SCALE = 32767
"""Of 16-bit samples."""

Write = Callable[[npt.NDArray[np.float32]], None]
"""Adds samples (N,), -1 to 1, to the file: they are with the system when it returns."""


@contextmanager
def growing_wav(path: Path, sample_rate: int) -> Iterator[Write]:
    """A mono 16-bit WAV file that becomes `path` when the block ends without an error.

    Until then, and after an error or the process's death, it is "NAME (unfinished).wav" beside it, with a
    header that is right after every write. Cancelled, and an error before anything was written, leave
    nothing. Raises A2PError where it cannot be written, or `path` exists.
    """
    if path.exists():
        raise A2PError(f"{path} exists already: name another file, as a recording cannot be made again.")
    unfinished: Path | None = None
    written = False
    try:
        unfinished, file = _open_new(path)
        with file, wave.open(file, "wb") as wav:
            wav.setnchannels(1)
            wav.setsampwidth(2)
            wav.setframerate(sample_rate)

            def write(samples: npt.NDArray[np.float32]) -> None:
                nonlocal written
                wav.writeframes((samples.clip(-1.0, 1.0) * _FULL_SCALE).round().astype("<i2").tobytes())
                file.flush()
                written = True

            yield write
        unfinished.replace(path)
    except OSError as error:
        kept = f"; what was recorded until then is in {unfinished}" if written else ""
        raise A2PError(f"Cannot write {path}: {error.strerror or error}{kept}.") from error
    except Cancelled:
        written = False
        raise
    finally:
        if unfinished is not None and not written:
            unfinished.unlink(missing_ok=True)


def _open_new(path: Path) -> tuple[Path, BinaryIO]:
    """A file that did not exist: what was left of an earlier recording is not touched."""
    for number in itertools.count(1):
        suffix = "unfinished" if number == 1 else f"unfinished {number}"
        unfinished = path.with_name(f"{path.stem} ({suffix}){path.suffix}")
        try:
            return unfinished, unfinished.open("xb")
        except FileExistsError:
            continue
    raise AssertionError("itertools.count ended")
