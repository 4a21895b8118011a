"""Reads point caches, by their formats' descriptions, to see what was written."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np


def read_point_cache(path: Path) -> tuple[np.ndarray, float | None]:
    """Frames (T, V, 3), and the frame rate where the file tells it: an .mdd of two frames or more."""
    content = path.read_bytes()
    if path.suffix == ".pc2":
        signature, version, points, start, rate, count = struct.unpack_from("<12siiffi", content)
        assert (signature, version, start, rate) == (b"POINTCACHE2\0", 1, 0.0, 1.0)
        assert len(content) == 32 + 12 * points * count
        return np.frombuffer(content, "<f4", offset=32).reshape(count, points, 3), None
    count, points = struct.unpack_from(">ii", content)
    times = np.frombuffer(content, ">f4", count, 8)
    assert len(content) == 8 + 4 * count + 12 * points * count
    frames = np.frombuffer(content, ">f4", offset=8 + 4 * count).reshape(count, points, 3)
    return frames, float(1.0 / (times[1] - times[0])) if count > 1 else None
