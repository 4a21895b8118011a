"""Takes of a length that Blender can hold."""

from __future__ import annotations

from pathlib import Path

from a2p_backend.wire.performance import Performance, load_take
from a2p_backend.wire.settings import MAX_SENT_SECONDS
from kinematics.errors import A2PError


def load_take_for_blender(path: Path) -> Performance:
    """A take from its file. Raises A2PError; also for one of hours, whose keys would fill the memory."""
    performance = load_take(path)
    if performance.duration > MAX_SENT_SECONDS:
        raise A2PError(
            f"{path} lasts {performance.duration / 60:.0f} minutes, and Blender holds at most "
            f"{MAX_SENT_SECONDS // 60} well in one Action: take a part of it, with "
            f"`a2p convert {path.name} --seconds 0:600 -o part.npz`."
        )
    return performance
