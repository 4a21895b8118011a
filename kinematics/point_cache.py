"""Point caches: a mesh's vertices in every frame, as PC2 or MDD files, which most programs read.

PC2 is the Point Cache 2 of 3ds Max: little-endian, a 32-byte header, then all frames. MDD is LightWave's
motion designer format: big-endian, counts, the frames' times in seconds, then all frames.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.errors import A2PError

FORMATS = (".pc2", ".mdd")
_PC2_SIGNATURE = b"POINTCACHE2\0"
_PC2_VERSION = 1
_PC2_HEADER = 32
"""Bytes before the frames."""


class PointCacheError(A2PError):
    """A point cache that cannot be written."""


def write_point_cache(
    file: BinaryIO, kind: str, frames: Iterable[FloatArray], count: int, points: int, fps: float
) -> None:
    """Write a cache of `count` frames, each (points, 3), in the unit and axes that they have.

    kind: ".pc2" or ".mdd". Frames are asked for one at a time.

    Raises PointCacheError for another kind, or for frames of other sizes and numbers than said.
    """
    if kind not in FORMATS:
        raise PointCacheError(
            f"A point cache is a {' or '.join(FORMATS)} file, not {kind or 'one without an ending'}."
        )
    if kind == ".pc2":
        header = struct.pack("<12siiffi", _PC2_SIGNATURE, _PC2_VERSION, points, 0.0, 1.0, count)
        number = "<f4"
    else:
        times = np.arange(count) / fps
        header = struct.pack(">ii", count, points) + times.astype(">f4").tobytes()
        number = ">f4"
    file.write(header)
    written = 0
    for frame in frames:
        if frame.shape != (points, 3):
            raise PointCacheError(f"Frame {written} of the cache has shape {frame.shape}, not ({points}, 3).")
        file.write(np.ascontiguousarray(frame, number).tobytes())
        written += 1
    if written != count:
        raise PointCacheError(f"The cache was to have {count} frames, but {written} came.")


def read_point_cache_size(path: str | Path) -> tuple[int, int]:
    """Frames and vertices of a .pc2 file. Raises PointCacheError where it is none, or is cut short."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            signature, _, points, _, _, frames = struct.unpack("<12siiffi", file.read(_PC2_HEADER))
        whole = path.stat().st_size == _PC2_HEADER + frames * points * 12
    except OSError as error:
        raise PointCacheError(f"The point cache {path} cannot be read: {error.strerror}.") from error
    except struct.error as error:
        raise PointCacheError(f"{path} is not a whole point cache: {error}.") from error
    if signature != _PC2_SIGNATURE or not whole:
        raise PointCacheError(f"{path} is not a whole PC2 cache: write it again.")
    return frames, points


def write_obj(
    file: BinaryIO, vertices: FloatArray, faces: FloatArray, uvs: FloatArray, uv_faces: FloatArray
) -> None:
    """The mesh that a cache moves, as Wavefront OBJ. uvs: (U, 2), v up. faces, uv_faces: (F, 3), from 0."""
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices]
    lines += [f"vt {u:.6f} {v:.6f}" for u, v in uvs]
    for face, texture in zip(np.asarray(faces) + 1, np.asarray(uv_faces) + 1, strict=True):
        lines.append("f " + " ".join(f"{a}/{b}" for a, b in zip(face, texture, strict=True)))
    file.write(("\n".join(lines) + "\n").encode())
