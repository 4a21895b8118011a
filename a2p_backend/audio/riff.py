"""What a WAV file's own header says of its length, held against the bytes that are there.

libsndfile reads what is present and says nothing of what is missing, so a cut-off download would pass for a
short recording. Sources: "Multimedia Programming Interface and Data Specifications 1.0" (RIFF, WAVE) and
EBU Tech 3306 (RF64).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_UNKNOWN_LENGTH = (
    0xFFFFFFFF  # written by programs that stream; in RF64 the ds64 chunk holds the length instead
)


@dataclass(frozen=True)
class WavLength:
    """sample_rate: Hz; declared, present: seconds of sound, None where the header leaves the length open."""

    sample_rate: int
    declared: float | None
    present: float | None


def wav_length(file: BinaryIO) -> WavLength | None:
    """The declared and the present length of a WAV file's sound.

    None when the file is not a WAV file, or has no whole format and data chunks.
    """
    total = file.seek(0, 2)
    file.seek(0)
    head = file.read(12)
    if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        return None
    sample_rate = bytes_a_second = 0
    long_length = None
    for name, size, start in _chunks(file, total):
        if name == b"ds64" and total >= start + 16:
            _, long_length = struct.unpack("<QQ", file.read(16))
        elif name == b"fmt " and total >= start + 16:
            sample_rate, bytes_a_second = struct.unpack("<4xII4x", file.read(16))
        elif name == b"data":
            declared = long_length if size == _UNKNOWN_LENGTH else size
            if not bytes_a_second or declared is None:
                return WavLength(sample_rate, None, None)
            present = min(declared, total - start)
            return WavLength(sample_rate, declared / bytes_a_second, present / bytes_a_second)
    return None


def _chunks(file: BinaryIO, total: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, declared size and start of each chunk's content, in order; the file stands at that start."""
    position = 12
    while position + 8 <= total:
        file.seek(position)
        name, size = struct.unpack("<4sI", file.read(8))
        yield name, size, position + 8
        position += 8 + size + size % 2  # chunks begin at even places
