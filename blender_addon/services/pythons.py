"""The Python that the backend's environment is made with: Blender's own, or one that is installed here."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from a2p_backend.wire.progress import Progress
from kinematics.errors import A2PError

from .watching import heard

OLDEST, NEWEST = (3, 11), (3, 14)
"""What the backend runs on, and what PyTorch is built for."""
_MINORS = (13, 12, 11, 14)
"""Of Python 3, the ones that are tried most first."""
_PATIENCE = 30.0
_QUESTION = "import struct, sys, venv; print(*sys.version_info[:2], struct.calcsize('P'), sys.executable)"
_POINTER = 8  # bytes, of a 64-bit Python


@dataclass(frozen=True)
class Python:
    """program: its path."""

    version: tuple[int, int]
    program: str


def finding(chosen: str) -> Generator[Progress | None, None, Python]:
    """Steps that find a Python for the backend; `chosen` alone is considered, unless it is empty.

    Blender's own comes first: whoever has Blender has it. Raises A2PError.
    """
    for command in [(chosen,)] if chosen else _candidates():
        python = _read((yield from heard((*command, "-I", "-c", _QUESTION), _PATIENCE)))
        if python is not None:
            return python
    wanted = f"64-bit Python {_dotted(OLDEST)} to {_dotted(NEWEST)}"
    if chosen:
        raise A2PError(f"{chosen} is no {wanted}: correct it in the add-on's preferences.")
    raise A2PError(
        f"The backend needs a {wanted}, which this Blender (with {_dotted(sys.version_info[:2])}) does not "
        "bring: install one from python.org, then press Install Backend again, or name it in the add-on's "
        "preferences."
    )


def _candidates() -> Iterator[tuple[str, ...]]:
    """Commands that may be a Python: Blender's first, then what the search path has."""
    if OLDEST <= sys.version_info[:2] <= NEWEST and sys.executable:
        yield (sys.executable,)
    for minor in _MINORS:
        program = shutil.which(f"python3.{minor}")
        if program:
            yield (program,)
    launcher = shutil.which("py") if sys.platform == "win32" else None
    if launcher:
        yield (launcher, "-3")
    for name in ("python3", "python"):
        program = shutil.which(name)
        if program:
            yield (program,)


def _read(said: str | None) -> Python | None:
    """The Python that gave that answer; None where the backend does not run on it."""
    words = (said or "").strip().split(" ", 3)
    if len(words) != 4 or not all(word.isdigit() for word in words[:3]):
        return None
    version = (int(words[0]), int(words[1]))
    fits = OLDEST <= version <= NEWEST and int(words[2]) == _POINTER
    return Python(version, words[3]) if fits else None


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
