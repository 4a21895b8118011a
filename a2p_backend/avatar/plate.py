"""The plate: the video that the animator works against, seen by the camera that the add-on makes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from a2p_backend.avatar.choice import choose_rasteriser
from a2p_backend.avatar.figure import Figure
from a2p_backend.avatar.studio import Studio
from a2p_backend.avatar.surface import Surface
from a2p_backend.avatar.video import open_video
from a2p_backend.wire.performance import Performance
from a2p_backend.wire.progress import IsCancelled, OnProgress, Progress, raise_if
from a2p_backend.wire.settings import PlateSettings
from kinematics.body import Body
from kinematics.camera import frame_figure
from kinematics.stage import place_on_stage

_FRAMES_AT_ONCE = 30
"""Frames that are posed together: 4 MB of vertices."""


def render_plate(
    performance: Performance,
    body: Body,
    path: str | Path,
    settings: PlateSettings,
    sound: np.ndarray | None,
    on_progress: OnProgress,
    cancelled: IsCancelled,
    face_codes: tuple[str, ...] = (),
) -> None:
    """Write the plate of a performance, an .mp4; it appears at `path` whole or not at all.

    Args:
        body: the actor's, with a mesh.
        sound: (N, 2) float32 at 48 kHz, or None for a silent video.
        face_codes: what the actor calls its first expression codes; empty where they have no known meaning.

    Raises:
        FigureError, RasteriserError, VideoError: see there.
        Cancelled: `cancelled()` said so, which is asked at every frame.
    """
    total = performance.frame_count
    figure = Figure(body, face_codes)
    with (
        _one_thread(),
        choose_rasteriser(settings.rasteriser) as rasteriser,
        open_video(path, (settings.width, settings.height), performance.fps, sound) as video,
    ):
        surface = Surface.from_colours(figure.faces, figure.colours, figure.gloss, rasteriser.device)
        studio = Studio(rasteriser, surface, frame_figure("front", settings.width, settings.height))
        for done, vertices in enumerate(_posed_frames(performance, body, figure), start=1):
            raise_if(cancelled)
            picture = studio.picture(torch.from_numpy(vertices).to(rasteriser.device))
            video.write(picture.cpu().numpy())
            on_progress(Progress("plate", done, total))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keeps torch to one thread: its others, waiting for small tasks, would take the cores from OpenGL's."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _posed_frames(performance: Performance, body: Body, figure: Figure) -> Iterator[np.ndarray]:
    """Vertices (V, 3) of each frame in turn, standing on the stage."""
    pose = place_on_stage(body, performance.pose)
    for start in range(0, len(pose), _FRAMES_AT_ONCE):
        frames = slice(start, start + _FRAMES_AT_ONCE)
        yield from figure.posed(pose[frames], performance.face[frames])
