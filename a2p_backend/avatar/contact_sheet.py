"""A performance at a glance: some of its frames, armature and plate side by side, in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from kinematics.errors import A2PError
from kinematics.files import atomic_write

_GAP = 6
_PAPER, _INK = 24, 235
_DIGITS = {
    "0": "111101101101111", "1": "010110010010111", "2": "111001111100111", "3": "111001111001111",
    "4": "101101111001001", "5": "111100111001111", "6": "111100111101111", "7": "111001010010010",
    "8": "111101111101111", "9": "111101111001111", ".": "000000000000010", "s": "011100010001110",
    " ": "000000000000000",
}  # fmt: skip
"""Three columns, five rows of pixels each."""
_LETTER_SIZE = 3
"""Picture pixels a pixel of a digit."""


class PictureError(A2PError):
    """A picture cannot be read or written."""


def contact_sheet(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
    seconds: Sequence[float],
    columns: int = 4,
    height: int = 360,
) -> np.ndarray:
    """Pairs of pictures in rows of `columns`, each with its time.

    Args:
        pairs: armature and plate, each (H, W, 3) uint8, any size; shown `height` pixels high.
        seconds: one time for each pair.

    Returns:
        (H, W, 3) uint8.
    """
    cells = [
        _labelled(np.hstack([_scaled(armature, height), _scaled(plate, height)]), time)
        for (armature, plate), time in zip(pairs, seconds, strict=True)
    ]
    cell_width = max(cell.shape[1] for cell in cells)
    rows = -(-len(cells) // columns)
    across, down = cell_width + _GAP, height + _GAP
    sheet = np.full((rows * down + _GAP, min(columns, len(cells)) * across + _GAP, 3), _PAPER, np.uint8)
    for i, cell in enumerate(cells):
        top, left = (i // columns) * down + _GAP, (i % columns) * across + _GAP
        sheet[top : top + height, left : left + cell.shape[1]] = cell
    return sheet


def read_frames(video: str | Path, frames: Sequence[int]) -> list[np.ndarray]:
    """Frames of a video (0 is the first) as (H, W, 3) uint8, in ascending order of their numbers.

    Raises PictureError where the video cannot be read or is shorter.
    """
    wanted = sorted(frames)
    found = []
    try:
        with av.open(str(video)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                found += [frame.to_ndarray(format="rgb24")] * wanted.count(number)
                if len(found) == len(wanted):
                    return found
    except (OSError, av.FFmpegError) as error:
        raise PictureError(f"Cannot read {video}: {error.strerror or error}.") from error
    raise PictureError(f"{video} has no frame {wanted[len(found)]}: render it again.")


def read_picture(path: str | Path) -> np.ndarray:
    """A picture file, such as a .png, as (H, W, 3) uint8. Raises PictureError."""
    return read_frames(path, [0])[0]


def write_png(path: str | Path, picture: np.ndarray) -> None:
    """Write a picture (H, W, 3) uint8, or (H, W, 4) with straight alpha, whole or not at all.

    Raises PictureError.
    """
    pixels = "rgba" if picture.shape[2] == 4 else "rgb24"
    encoder = av.CodecContext.create("png", "w")
    encoder.height, encoder.width = picture.shape[:2]
    encoder.pix_fmt, encoder.time_base = pixels, Fraction(1, 1)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=pixels)
    frame.pts = 0
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    try:
        with atomic_write(path) as file:
            file.writelines(bytes(packet) for packet in packets)
    except OSError as error:
        raise PictureError(f"Cannot write {path}: {error.strerror or error}.") from error


def _scaled(picture: np.ndarray, height: int) -> np.ndarray:
    if picture.shape[0] == height:
        return picture
    width = round(picture.shape[1] * height / picture.shape[0])
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    return frame.reformat(width=width, height=height, interpolation="AREA").to_ndarray()


def _labelled(picture: np.ndarray, seconds: float) -> np.ndarray:
    """With its time in the lower left corner."""
    ink = np.zeros((5, 0), bool)
    for letter in f"{seconds:.1f} s":
        glyph = np.array(list(_DIGITS[letter])).reshape(5, 3) == "1"
        ink = np.hstack([ink, glyph, np.zeros((5, 1), bool)])
    ink = np.pad(ink, ((2, 2), (2, 1))).repeat(_LETTER_SIZE, axis=0).repeat(_LETTER_SIZE, axis=1)
    labelled = picture.copy()
    labelled[-ink.shape[0] :, : ink.shape[1]] = np.where(ink[..., None], _INK, _PAPER)
    return labelled
