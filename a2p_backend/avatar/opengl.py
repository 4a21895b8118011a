"""Rasterising by OpenGL 3.3 without a window: in hardware, or in software (llvmpipe) where there is none."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import moderngl
import numpy as np
import torch

from a2p_backend.avatar.opengl_coverage import CoverageDrawer
from a2p_backend.avatar.opengl_fragments import FragmentDrawer
from a2p_backend.avatar.opengl_paint import Painter
from a2p_backend.avatar.rasteriser import Fragments, Rasteriser
from a2p_backend.avatar.screen import screen_positions
from a2p_backend.avatar.surface import Surface
from kinematics.camera import Camera

_MOST_FACES = 2**24
"""Face numbers travel as float32."""


def _create_context() -> moderngl.Context:
    backend = {"backend": "egl"} if sys.platform.startswith("linux") else {}
    return moderngl.create_context(standalone=True, require=330, **backend)


@functools.cache
def why_unavailable() -> str | None:
    """None if a context can be made here, otherwise the driver's complaint in one line."""
    try:
        _create_context().release()
    except Exception as error:  # glcontext raises bare Exception, and OSError or ValueError from below
        return " ".join(str(error).split()) or type(error).__name__
    return None


class _Workbench:
    """One thread's context, and what is in it: an OpenGL context belongs to one thread."""

    def __init__(self) -> None:
        self.context = _create_context()
        self.context.enable_only(moderngl.DEPTH_TEST)
        self.fragments = FragmentDrawer(self.context)
        self.coverage = CoverageDrawer(self.context)
        self.painter = Painter(self.context)

    def release(self) -> None:
        with self.context:
            self.painter.release()
            self.coverage.release()
            self.fragments.release()
        self.context.release()


class OpenGLRasteriser(Rasteriser):
    """Each thread that draws gets a context of its own, at its first picture."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        self._of_thread = threading.local()

    def rasterise(self, vertices: torch.Tensor, faces: torch.Tensor, camera: Camera) -> Fragments:
        if len(faces) > _MOST_FACES:
            raise ValueError(f"{len(faces)} faces, but only {_MOST_FACES} can be told apart")
        screen = screen_positions(vertices.cpu(), camera).numpy()
        with self._workbench() as workbench:
            picture = torch.from_numpy(
                workbench.fragments.draw(screen, faces.cpu().numpy(), camera.width, camera.height)
            )
        face, first, second, depth = picture.unbind(dim=-1)
        third = (depth > 0).to(depth.dtype) - first - second
        return Fragments(face.to(torch.int32), torch.stack([first, second, third], dim=-1), depth)

    def coverage(self, vertices: torch.Tensor, faces: torch.Tensor, camera: Camera) -> torch.Tensor:
        covered = torch.zeros(camera.height, camera.width)
        points = vertices.cpu().numpy()
        rows, columns = _window(points, camera)
        width, height = columns.stop - columns.start, rows.stop - rows.start
        if width > 0 and height > 0:
            clip = _clip_positions(points, camera.cropped(columns.start, rows.start, width, height))
            with self._workbench() as workbench:
                drawn = workbench.coverage.draw(clip, faces.cpu().numpy(), width, height)
            covered[rows, columns] = torch.from_numpy(drawn)
        return covered

    def paint(self, surface: Surface, vertices: torch.Tensor, camera: Camera) -> torch.Tensor:
        clip = _clip_positions(vertices.cpu().numpy(), camera)
        with self._workbench() as workbench:
            return workbench.painter.paint(surface, vertices.cpu(), clip, camera)

    def close(self) -> None:
        workbench = self._of_thread.__dict__.pop("workbench", None)
        if workbench is not None:
            workbench.release()

    @contextmanager
    def _workbench(self) -> Iterator[_Workbench]:
        """The calling thread's, its context being the one that OpenGL's commands go to."""
        if not hasattr(self._of_thread, "workbench"):
            self._of_thread.workbench = _Workbench()
        with self._of_thread.workbench.context:
            yield self._of_thread.workbench


def _window(vertices: np.ndarray, camera: Camera) -> tuple[slice, slice]:
    """Rows and columns of the part of the picture that may show something of vertices (V, 3)."""
    image = camera.project(vertices)
    if not (image[:, 2] > 0).all():
        return slice(0, camera.height), slice(0, camera.width)
    size = (camera.width, camera.height)
    low = np.clip(np.floor(image[:, :2].min(axis=0)), 0, size).astype(int)
    high = np.clip(np.ceil(image[:, :2].max(axis=0)), 0, size).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])


def _clip_positions(vertices: np.ndarray, camera: Camera) -> np.ndarray:
    """World (V, 3) to clip space (V, 4) float32, y downward: the first row read back is the top one."""
    in_camera = vertices.astype(np.float64) @ camera.Rt[:, :3].T + camera.Rt[:, 3]
    depth = in_camera[:, 2]
    image = in_camera[:, :2] * np.diag(camera.K)[:2] + camera.K[:2, 2] * depth[:, None]
    # The depth buffer has 24 bits: spend them on the depths that there are.
    ahead = depth[depth > 0]
    near, far = (0.99 * ahead.min(), 1.01 * ahead.max()) if len(ahead) else (1.0, 2.0)
    clip = np.empty((len(vertices), 4), np.float32)
    clip[:, :2] = 2.0 * image / (camera.width, camera.height) - depth[:, None]
    clip[:, 2] = ((far + near) * depth - 2.0 * far * near) / (far - near)
    clip[:, 3] = depth
    return clip
