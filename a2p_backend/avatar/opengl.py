"""Rasterising by OpenGL 3.3 without a window: in hardware, or in software (llvmpipe) where there is none.

A float framebuffer receives, for the nearest face, its index, two barycentrics and the depth; OpenGL's
interpolation is perspective correct, so these are the numbers wanted.
"""

from __future__ import annotations

import functools
import sys
import threading
from types import TracebackType

import moderngl
import numpy as np
import torch

from a2p_backend.avatar.rasteriser import Fragments
from kinematics.camera import Camera

_VERTEX_SHADER = """
#version 330
in vec4 clip_position;
out vec2 corner;
out float depth;
void main() {
    corner = vec2(gl_VertexID % 3 == 0, gl_VertexID % 3 == 1);
    depth = clip_position.w;
    gl_Position = clip_position;
}
"""

_FRAGMENT_SHADER = """
#version 330
in vec2 corner;
in float depth;
out vec4 fragment;
void main() {
    fragment = vec4(float(gl_PrimitiveID), corner, depth);
}
"""

_NOTHING = (-1.0, 0.0, 0.0, 0.0)
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
    """One thread's context, and the program, buffer and framebuffer in it."""

    def __init__(self) -> None:
        self.context = _create_context()
        self.context.enable_only(moderngl.DEPTH_TEST)
        self._program = self.context.program(vertex_shader=_VERTEX_SHADER, fragment_shader=_FRAGMENT_SHADER)
        self._corners = self.context.buffer(reserve=1)
        self._framebuffer: moderngl.Framebuffer | None = None

    def draw(self, corners: np.ndarray, width: int, height: int) -> np.ndarray:
        """Clip positions (3 F, 4) float32 to what the fragment shader wrote, (height, width, 4) float32."""
        framebuffer = self._framebuffer_of(width, height)
        self._corners.orphan(corners.nbytes)
        self._corners.write(corners)
        triangles = self.context.vertex_array(self._program, [(self._corners, "4f", "clip_position")])
        framebuffer.use()
        framebuffer.clear(*_NOTHING)
        triangles.render(moderngl.TRIANGLES, vertices=len(corners))
        triangles.release()
        picture = np.empty((height, width, 4), np.float32)
        framebuffer.read_into(picture, components=4, dtype="f4")
        return picture

    def release(self) -> None:
        self.context.gc_mode = "context_gc"
        self.context.release()

    def _framebuffer_of(self, width: int, height: int) -> moderngl.Framebuffer:
        if self._framebuffer is None or self._framebuffer.size != (width, height):
            if self._framebuffer is not None:
                for attachment in (*self._framebuffer.color_attachments, self._framebuffer.depth_attachment):
                    attachment.release()
                self._framebuffer.release()
            self._framebuffer = self.context.framebuffer(
                self.context.renderbuffer((width, height), 4, dtype="f4"),
                self.context.depth_renderbuffer((width, height)),
            )
        return self._framebuffer


class OpenGLRasteriser:
    """See `rasteriser.Rasteriser`. Each thread gets a context of its own at its first picture."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        self._of_thread = threading.local()

    def rasterise(self, vertices: torch.Tensor, faces: torch.Tensor, camera: Camera) -> Fragments:
        if len(faces) > _MOST_FACES:
            raise ValueError(f"{len(faces)} faces, but only {_MOST_FACES} can be told apart")
        clip = _clip_positions(vertices.cpu().numpy(), camera)
        corners = clip[faces.cpu().numpy().ravel()]
        picture = torch.from_numpy(self._workbench().draw(corners, camera.width, camera.height))
        face, first, second, depth = picture.unbind(dim=-1)
        third = (depth > 0).to(depth.dtype) - first - second
        return Fragments(face.to(torch.int32), torch.stack([first, second, third], dim=-1), depth)

    def _workbench(self) -> _Workbench:
        if not hasattr(self._of_thread, "workbench"):
            self._of_thread.workbench = _Workbench()
        return self._of_thread.workbench

    def __enter__(self) -> OpenGLRasteriser:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        workbench = self._of_thread.__dict__.pop("workbench", None)
        if workbench is not None:
            workbench.release()


def _clip_positions(vertices: np.ndarray, camera: Camera) -> np.ndarray:
    """World (V, 3) to clip space (V, 4) float32, y downward: the first row read back is the top one."""
    in_camera = vertices.astype(np.float64) @ camera.Rt[:, :3].T + camera.Rt[:, 3]
    image = in_camera @ np.diag([camera.K[0, 0], camera.K[1, 1], 1.0])
    depth = image[:, 2]
    image[:, :2] += camera.K[:2, 2] * depth[:, None]
    clip = np.empty((len(vertices), 4))
    clip[:, :2] = 2.0 * image[:, :2] / (camera.width, camera.height) - depth[:, None]
    # The depth buffer has 24 bits: spend them on the depths that there are.
    ahead = depth[depth > 0]
    near, far = (0.99 * ahead.min(), 1.01 * ahead.max()) if len(ahead) else (1.0, 2.0)
    clip[:, 2] = ((far + near) * depth - 2.0 * far * near) / (far - near)
    clip[:, 3] = depth
    return clip.astype(np.float32)
