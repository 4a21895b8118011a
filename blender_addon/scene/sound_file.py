"""Recordings, as Blender's own sound library reads them. Nothing here touches Blender data: any thread may
call it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from kinematics.errors import A2PError

from .. import compat

T = TypeVar("T")


def can_read() -> bool:
    """Whether this Blender has its sound library."""
    return compat.sound_library() is not None


def sample_rate(path: Path) -> float:
    """Samples a second. Raises A2PError where Blender cannot play the file."""
    return _ask(path, lambda sound: float(sound.specs[0]))


def samples(path: Path, start: float, end: float) -> NDArray[np.float32]:
    """(N, channels) what is heard from second `start` to `end`, -1 to 1; shorter where the file is.

    Raises A2PError where Blender cannot play the file.
    """
    return _ask(path, lambda sound: sound.limit(start, end).data())


def _ask(path: Path, question: Callable[[Any], T]) -> T:
    library = compat.sound_library()
    if library is None:
        raise A2PError(f"This Blender has no sound library and cannot read {path}: use another build.")
    try:
        return question(library.Sound(str(path)))
    except library.error as error:
        raise A2PError(f"Blender cannot play {path} ({error}): convert it to WAV or FLAC first.") from error
