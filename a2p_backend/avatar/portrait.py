"""What a plate can be drawn of: the one interface between the plate and whatever draws a person.

An `Avatar` turns a performance into pictures and into the skin's vertices. There are `FigureAvatar`, which
dresses and paints any body's mesh, and `codec.portrait.CodecPortrait`, the released photographic one. Another
(a decoder of one's own, say) is a class with these two methods; `server.backend` picks by what the actor's
folder holds.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from a2p_backend.avatar.digest import digest_of
from a2p_backend.avatar.figure import Figure
from a2p_backend.avatar.once_a_take import OnceATake
from a2p_backend.avatar.rasteriser import Rasteriser
from a2p_backend.avatar.studio import Studio
from a2p_backend.avatar.surface import Surface
from a2p_backend.avatar.views import stage_cameras
from a2p_backend.wire.performance import FACE_SIZE, POSE_SIZE, Performance
from a2p_backend.wire.settings import PlateSettings
from kinematics.body import Body
from kinematics.stage import place_on_stage

Picture = npt.NDArray[np.uint8]

_FRAMES_AT_ONCE = 30
"""Frames that are posed together: 4 MB of vertices."""


class Avatar(Protocol):
    """Someone of whom a plate can be drawn."""

    @property
    def digest(self) -> str:
        """Of what draws: another one where the same performance may give other pictures."""
        ...

    def step(self, settings: PlateSettings) -> int:
        """Frames of the take from one picture to the next."""
        ...

    def pictures(
        self, performance: Performance, settings: PlateSettings, rasteriser: Rasteriser
    ) -> Generator[Picture]:
        """Every step-th of `settings.frames_of(...)` in turn, in constant memory.

        Each is (H, W, 3) uint8 sRGB, or (H, W, 4) with straight alpha where the settings ask for it; of
        several views, one beside the other. All are of one size, of even sides.

        Raises A2PError for a performance or a view that cannot be drawn.
        """
        ...

    def vertices(self, performance: Performance, frames: range) -> Iterator[npt.NDArray[np.float32]]:
        """The skin (V, 3) in each of the frames: Blender's world, metres, placed as the take's rig is."""
        ...


class FigureAvatar:
    """An actor's own mesh, drawn in a studio; see `figure.Figure`."""

    def __init__(self, body: Body, face_codes: tuple[str, ...] = ()) -> None:
        """face_codes: what the actor calls its first expression codes. Raises FigureError without a mesh."""
        self._figure = Figure(body, face_codes)
        self._placed = OnceATake(lambda performance: place_on_stage(body, performance.pose))

    @cached_property
    def digest(self) -> str:
        figure = self._figure
        rest = figure.posed(np.zeros((1, POSE_SIZE), np.float32), np.zeros((1, FACE_SIZE), np.float32))
        arrays = {"rest": rest, "faces": figure.faces, "colours": figure.colours, "gloss": figure.gloss}
        return digest_of(arrays.items())

    def step(self, settings: PlateSettings) -> int:
        return 1

    def pictures(
        self, performance: Performance, settings: PlateSettings, rasteriser: Rasteriser
    ) -> Generator[Picture]:
        figure = self._figure
        surface = Surface.from_colours(figure.faces, figure.colours, figure.gloss, rasteriser.device)
        shown = settings.frames_of(performance.frame_count)
        shapes = ((vertices, None) for vertices in self.vertices(performance, shown))
        yield from studio_pictures(shapes, surface, settings, rasteriser)

    def vertices(self, performance: Performance, frames: range) -> Iterator[npt.NDArray[np.float32]]:
        pose, face = self._placed(performance), performance.face
        for start in range(0, len(frames), _FRAMES_AT_ONCE):
            some = frames[start : start + _FRAMES_AT_ONCE]
            rows = slice(some.start, some.stop)
            yield from self._figure.posed(pose[rows], face[rows])


def studio_pictures(
    shapes: Iterable[tuple[npt.NDArray[np.float32], torch.Tensor | None]],
    surface: Surface,
    settings: PlateSettings,
    rasteriser: Rasteriser,
) -> Generator[Picture]:
    """A surface in the studio, the views side by side, once for each of its shapes on the stage.

    shapes: vertices (V, 3), and the light on the surface's texture, if any; see `Surface.light`.
    """
    with one_thread():
        studios = [Studio(rasteriser, surface, camera) for camera in stage_cameras(settings)]
        for vertices, light in shapes:
            placed = torch.from_numpy(vertices).to(rasteriser.device)
            light = None if light is None else light.to(rasteriser.device)
            views = [
                studio.cut_out(placed, light) if settings.alpha else studio.picture(placed, light)
                for studio in studios
            ]
            yield torch.cat(views, dim=1).cpu().numpy()


@contextmanager
def one_thread() -> Iterator[None]:
    """Keeps torch to one thread: its others, waiting for small tasks, would take the cores from OpenGL's."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
