"""Recordings as the backend takes them."""

from __future__ import annotations

from pathlib import Path

from a2p_backend.wire.client import read_clip

from ..scene import sound


def read_playable(clip: Path) -> bytes:
    """A recording's bytes; any thread may call it. Raises A2PError where it cannot be read or played."""
    contents = read_clip(clip)
    sound.require_playable(clip)
    return contents
