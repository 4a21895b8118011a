"""A picture of the recording for the sidebar: the actor's channel above, the partner's below.

Blender draws pictures in panels as square icons, so the waveform is a row of them. A thread reads the
recording; the icons are made when it is done, at the sidebar's next drawing.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import bpy
import bpy.utils.previews
import numpy as np
from numpy.typing import NDArray

from a2p_backend.wire.settings import MAX_SENT_SECONDS

from . import jobs
from .scene import sound_file

TILES = 4
SIDE = 64
"""Pixels of an icon's side."""
LONGEST = float(MAX_SENT_SECONDS)
"""Seconds that are shown."""
_PIECE = 30.0
"""Seconds that are read at once."""
_LOOK = 0.1
_ACTOR = np.array([0.95, 0.58, 0.12, 1.0], np.float32)
_PARTNER = np.array([0.45, 0.60, 0.80, 1.0], np.float32)
_GROUND = np.array([0.0, 0.0, 0.0, 0.0], np.float32)
"""Nothing: Blender leaves gaps between icons, which frames would make seen."""
_LINE = np.array([0.45, 0.45, 0.45, 1.0], np.float32)

Key = tuple[str, int, str]

_executor: ThreadPoolExecutor | None = None
_future: Future[NDArray[np.float32]] | None = None
_asked: Key | None = None
_icons: dict[Key, tuple[int, ...]] = {}
_collection: bpy.utils.previews.ImagePreviewCollection | None = None


def icons(clip: Path, speaker: str) -> tuple[int, ...]:
    """The icons of a recording's waveform; empty until it has been read, or where it cannot be."""
    try:
        key = (str(clip), clip.stat().st_mtime_ns, speaker)
    except OSError:
        return ()
    if key in _icons:
        return _icons[key]
    if key == _asked and _future is not None and _future.done():
        _icons[key] = () if _future.exception() is not None else _make_icons(key, _future.result())
        return _icons[key]
    if key != _asked:
        _ask(key)
    return ()


def loudness(clip: Path, columns: int) -> NDArray[np.float32]:
    """(columns, 2) the loudest sample of each stretch of a recording, 0 to 1; mono is the first channel's.

    Raises A2PError where Blender cannot read it.
    """
    pieces = []
    for number in range(int(LONGEST / _PIECE)):
        samples = np.abs(sound_file.samples(clip, number * _PIECE, (number + 1) * _PIECE))
        if not len(samples):
            break
        pieces.append(np.pad(samples[:, :2], ((0, 0), (0, 2 - min(samples.shape[1], 2)))))
    if not pieces:
        return np.zeros((columns, 2), np.float32)
    samples = np.concatenate(pieces)
    edges = np.linspace(0, len(samples), columns + 1).astype(int)[:-1]
    return np.minimum(np.maximum.reduceat(samples, np.minimum(edges, len(samples) - 1)), 1.0)


def picture(peaks: NDArray[np.float32], actor_channel: int) -> NDArray[np.float32]:
    """(SIDE, columns, 4) RGBA, the bottom row first as Blender has it, of `loudness`."""
    half = SIDE // 2
    rows = np.arange(half)[:, None] + 0.5
    image = np.tile(_GROUND, (SIDE, len(peaks), 1))
    image[half:][rows < half * peaks[None, :, actor_channel]] = _ACTOR
    image[:half][::-1][rows < half * peaks[None, :, 1 - actor_channel]] = _PARTNER
    image[half] = np.maximum(image[half], _LINE)
    return image


def shut_down() -> None:
    """Let go of icons and thread: for the add-on's unregister."""
    global _executor, _future, _asked, _collection
    if bpy.app.timers.is_registered(_look):
        bpy.app.timers.unregister(_look)
    if _executor is not None:
        _executor.shutdown(wait=True, cancel_futures=True)
    _executor = _future = _asked = None
    _icons.clear()
    if _collection is not None:
        bpy.utils.previews.remove(_collection)
        _collection = None


def _ask(key: Key) -> None:
    global _executor, _future, _asked
    if _executor is None:
        _executor = ThreadPoolExecutor(1, "a2p waveform")
    if _future is not None:
        _future.cancel()
    _asked = key
    _future = _executor.submit(loudness, Path(key[0]), TILES * SIDE)
    if not bpy.app.timers.is_registered(_look):
        bpy.app.timers.register(_look, first_interval=_LOOK)


def _look() -> float | None:
    """Blender's timer: have the sidebar drawn anew once the recording has been read."""
    if _future is not None and not _future.done():
        return _LOOK
    jobs.redraw_sidebars()
    return None


def _make_icons(key: Key, peaks: NDArray[np.float32]) -> tuple[int, ...]:
    global _collection
    if _collection is None:
        _collection = bpy.utils.previews.new()
    image = picture(peaks, 0 if key[2] == "left" else 1)
    made = []
    for tile in range(TILES):
        preview = _collection.new(f"{key} {tile}")
        preview.image_size = (SIDE, SIDE)
        preview.image_pixels_float.foreach_set(image[:, tile * SIDE : (tile + 1) * SIDE].ravel())
        made.append(preview.icon_id)
    return tuple(made)
