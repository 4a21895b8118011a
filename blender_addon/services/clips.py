"""Recordings as the backend takes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from a2p_backend.wire.client import read_clip

from ..scene import sound, strips


class Clip(Protocol):
    """A recording that can be had; its methods may be called from any thread."""

    @property
    def path(self) -> Path:
        """The file that is sent, and named in the take."""
        ...

    def read(self) -> bytes:
        """The file's bytes. Raises A2PError where it cannot be read, or Blender cannot play it."""
        ...


@dataclass(frozen=True)
class WholeClip:
    """A file as it is."""

    path: Path

    def read(self) -> bytes:
        """See `Clip`."""
        contents = read_clip(self.path)
        sound.require_playable(self.path)
        return contents


@dataclass(frozen=True)
class TrimmedClip:
    """What a strip of the sequencer plays, written to a file in `folder`."""

    trim: strips.Trim
    folder: Path

    @property
    def path(self) -> Path:
        """See `Clip`."""
        return self.folder / self.trim.name

    def read(self) -> bytes:
        """See `Clip`."""
        return read_clip(strips.write_trimmed(self.trim, self.folder))
