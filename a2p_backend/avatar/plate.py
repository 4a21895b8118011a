"""The plate: the video that the animator works against."""

from __future__ import annotations

import itertools
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from a2p_backend.avatar.choice import choose_rasteriser
from a2p_backend.avatar.portrait import Avatar
from a2p_backend.avatar.video import SAMPLE_RATE, Sound, in_background, open_plate
from a2p_backend.wire.performance import Performance
from a2p_backend.wire.progress import IsCancelled, OnProgress, Progress, raise_if
from a2p_backend.wire.settings import PlateSettings


def render_plate(
    performance: Performance,
    avatar: Avatar,
    path: str | Path,
    settings: PlateSettings,
    sound: Sound | None,
    on_progress: OnProgress,
    cancelled: IsCancelled,
) -> None:
    """Write the plate of a performance; it appears at `path` whole or not at all. Memory is constant.

    While a picture is encoded the next one is drawn.

    Args:
        path: an .mp4, a .mov, or a folder for a PNG of each frame; see `video.open_plate`.
        sound: of the whole take, or None for a silent video.

    Raises:
        A2PError: what cannot be drawn, for want of a rasteriser too; VideoError: what cannot be written.
        Cancelled: `cancelled()` said so, which is asked at every frame.
    """
    frames = settings.frames_of(performance.frame_count)
    every = avatar.step(settings)
    total = len(frames[::every])
    sound = sound_of(sound, frames, performance.fps)
    with (
        choose_rasteriser(settings.rasteriser) as rasteriser,
        closing(avatar.pictures(performance, settings, rasteriser)) as pictures,
    ):
        first = next(pictures)
        height, width, _ = first.shape
        fps = performance.fps // every
        with (
            open_plate(path, (width, height), fps, sound, settings.alpha, frames.start, every) as film,
            in_background(film.write) as write,
        ):
            for done, picture in enumerate(itertools.chain([first], pictures), start=1):
                raise_if(cancelled)
                write(picture)
                on_progress(Progress("plate", done, total))


def sound_of(sound: Sound | None, frames: range, fps: int) -> Sound | None:
    """The sound from the first of the frames on."""
    return None if sound is None else _Later(sound, frames.start * SAMPLE_RATE // fps)


@dataclass(frozen=True, eq=False)
class _Later:
    """A sound without its first samples."""

    sound: Sound
    first: int

    def __getitem__(self, span: slice) -> np.ndarray:
        return self.sound[self.first + span.start : self.first + span.stop]
