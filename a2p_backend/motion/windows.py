"""Motions longer than the networks' window: one tensor, which the network looks at in overlapping windows.

At every step what the windows say of their overlaps is cross-faded, so neighbours agree at every step rather
than being glued at the end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from a2p_backend.motion.sampler import Denoiser, never
from a2p_backend.wire.progress import IsCancelled, raise_if

GUIDE_INTERVAL = 30
"""Frames between two guide poses; windows start on one, so that each sees its own guide poses in their
places.
"""

EXTRA = 0.06
"""Share of work that a layout in pauses may cost: two or three windows more in ten minutes."""


@dataclass(frozen=True)
class Window:
    """Frames start (included) to stop (excluded) of a clip."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class WindowBatch:
    """Windows of one length that are denoised in one call.

    denoise takes x (W * B, length, C), window by window, and steps (W * B,).
    """

    windows: tuple[Window, ...]
    denoise: Denoiser


def lay_windows(
    frames: int, longest: int = 600, overlap: int = 120, interval: int = GUIDE_INTERVAL
) -> tuple[Window, ...]:
    """Covers a clip of `frames` frames with overlapping windows.

    A clip of up to `longest` frames is one window. Otherwise: as few windows as `longest` and `overlap`
    (both multiples of `interval`) allow, spread evenly and starting on multiples of `interval`; neighbours
    share at least `overlap` frames. All have the same length but the last, which may be shorter by less
    than 2 * `interval`; none is shorter than (longest + overlap) / 2 - 2 * interval.
    """
    if frames < 1 or longest % interval or overlap % interval or not 0 < overlap < longest:
        raise ValueError(f"no windows of {longest} frames overlapping by {overlap} over {frames} frames")
    if frames <= longest:
        return (Window(0, frames),)
    count = math.ceil((frames - overlap) / (longest - overlap))
    starts = [interval * math.ceil(i * (frames - overlap) / (count * interval)) for i in range(count)]
    longest_stride = max(after - before for before, after in pairwise([*starts, frames - overlap]))
    length = overlap + interval * math.ceil(longest_stride / interval)
    return tuple(Window(start, min(start + length, frames)) for start in starts)


def lay_in_pauses(
    frames: int,
    loudness: NDArray[np.floating],
    longest: int = 600,
    overlap: int = 120,
    interval: int = GUIDE_INTERVAL,
    extra: float = EXTRA,
) -> tuple[Window, ...]:
    """Covers a clip as `lay_windows` does, with windows that begin and end where little is going on.

    No three of them share a frame, and the last is at least half as long as the others, which are of one
    length.

    loudness: (ceil(frames / interval) + 1,), of what goes on around each multiple of `interval`. extra: share
    of frames that they may have more than those of `lay_windows`.
    """
    even = lay_windows(frames, longest, overlap, interval)
    if len(even) == 1:
        return even
    work = (1 + extra) * sum(window.length for window in even)
    laid = [even]
    for count in range(len(even), int(work / even[0].length) + 1):
        for length in range(even[0].length, min(longest, int(work / count)) + 1, interval):
            starts = _quietest_starts(frames, loudness, count, length, overlap, interval)
            if starts:
                laid.append(tuple(Window(start, min(start + length, frames)) for start in starts))
    return min(laid, key=lambda windows: loudness[[edge // interval for edge in edges(windows)]].mean())


def edges(windows: Sequence[Window]) -> list[int]:
    """The frames within a clip at which its windows begin and end."""
    return [edge for window in windows for edge in (window.start, window.stop) if 0 < edge < windows[-1].stop]


def _quietest_starts(
    frames: int, loudness: NDArray[np.floating], count: int, length: int, overlap: int, interval: int
) -> list[int]:
    """The starts of so many windows that begin and end where it is quietest together; none if there are none.

    Found window by window: for each place where one may begin, the best way to have come there.
    """
    places, reach = math.ceil(frames / interval), length // interval
    nearest, farthest = math.ceil(length / 2 / interval), (length - overlap) // interval
    ends = np.arange(places) + reach
    at_end = np.where(ends < places, loudness[np.minimum(ends, places)], np.inf)
    cost = np.full(places, np.inf)
    cost[0] = at_end[0]
    came: list[NDArray[np.intp]] = []
    for number in range(1, count):
        strides = np.arange(nearest, farthest + 1)
        before = np.arange(places)[:, None] - strides
        ways = np.where(before >= 0, cost[np.maximum(before, 0)], np.inf)
        came.append(before[np.arange(places), ways.argmin(axis=1)])
        cost = ways.min(axis=1) + loudness[:places]
        if number < count - 1:
            cost = cost + at_end
    is_last = (ends * interval >= frames) & (frames - np.arange(places) * interval >= length / 2)
    cost = np.where(is_last, cost, np.inf)
    last = int(cost.argmin())
    if not np.isfinite(cost[last]):
        return []
    starts = [last]
    for way in reversed(came):
        starts.append(int(way[starts[-1]]))
    return [interval * start for start in reversed(starts)]


def equal_batches(windows: Sequence[Window], size: int) -> list[tuple[Window, ...]]:
    """Groups windows, in order, into batches of one length and at most `size` windows."""
    batches: list[list[Window]] = []
    for window in windows:
        if batches and len(batches[-1]) < size and batches[-1][0].length == window.length:
            batches[-1].append(window)
        else:
            batches.append([window])
    return [tuple(batch) for batch in batches]


def window_weights(windows: Sequence[Window]) -> list[Tensor]:
    """The weight (length,) of each window's frames, float32; over the clip they add up to 1 everywhere.

    Windows rise and fall as a squared sine over what they share with their neighbours, so the cross-fade
    has no corner.
    """
    raw = []
    for i, window in enumerate(windows):
        frame = torch.arange(window.start, window.stop, dtype=torch.float64) + 0.5
        weight = torch.ones_like(frame)
        if i > 0:
            weight *= _rise(frame - window.start, windows[i - 1].stop - window.start)
        if i + 1 < len(windows):
            weight *= _rise(window.stop - frame, window.stop - windows[i + 1].start)
        raw.append(weight)
    total = torch.zeros(max(window.stop for window in windows), dtype=torch.float64)
    for window, weight in zip(windows, raw, strict=True):
        total[window.start : window.stop] += weight
    return [
        (weight / total[window.start : window.stop]).float()
        for window, weight in zip(windows, raw, strict=True)
    ]


def _rise(distance: Tensor, width: int) -> Tensor:
    """Squared-sine ramp from 0 to 1 over `width` frames, 1 beyond."""
    return torch.sin((distance / width).clamp(max=1.0) * (math.pi / 2)).square()


def joint_denoiser(batches: Sequence[WindowBatch], cancelled: IsCancelled = never) -> Denoiser:
    """One denoiser of a whole clip (B, T, C) from the denoisers of its windows.

    Batches run one after another, so memory does not grow with the clip, and `cancelled` is asked before
    each. A single window needs no weights: its own denoiser is returned.
    """
    windows = [window for batch in batches for window in batch.windows]
    if len(windows) == 1:
        return batches[0].denoise
    weights = dict(zip(windows, window_weights(windows), strict=True))

    def denoise(x: Tensor, step: Tensor) -> Tensor:
        x0 = torch.zeros_like(x)
        for batch in batches:
            raise_if(cancelled)
            stacked = torch.cat([x[:, window.start : window.stop] for window in batch.windows])
            parts = batch.denoise(stacked, step.repeat(len(batch.windows)))
            for window, part in zip(batch.windows, parts.split(len(x)), strict=True):
                weight = weights[window].to(x.device, x.dtype)[:, None]
                x0[:, window.start : window.stop] += weight * part
        return x0

    return denoise
