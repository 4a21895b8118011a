"""How much of each pixel a mesh covers, by OpenGL: what a compositor wants for alpha."""

from __future__ import annotations

import itertools
from contextlib import ExitStack

import moderngl
import numpy as np
import numpy.typing as npt

_VERTEX_SHADER = """
#version 330
in vec4 clip_position;
void main() {
    gl_Position = clip_position;
}
"""

_FRAGMENT_SHADER = """
#version 330
out float covered;
void main() {
    covered = 1.0;
}
"""

_SAMPLES = 4
_ENLARGEMENT = 2
"""Each way, on top of the samples: 16 levels, where software drivers have no more than 4 samples."""


class CoverageDrawer:
    """The program for it, in one context."""

    def __init__(self, context: moderngl.Context) -> None:
        self._context = context
        self._program = context.program(vertex_shader=_VERTEX_SHADER, fragment_shader=_FRAGMENT_SHADER)

    def draw(
        self, clip: npt.NDArray[np.float32], faces: npt.NDArray[np.int64], width: int, height: int
    ) -> npt.NDArray[np.float32]:
        """(height, width) shares 0 to 1, of vertices in clip space (V, 4) and faces (F, 3)."""
        context = self._context
        size = (_ENLARGEMENT * width, _ENLARGEMENT * height)
        fine = np.empty((height, _ENLARGEMENT, width, _ENLARGEMENT), np.uint8)
        samples = min(_SAMPLES, context.max_samples)
        with ExitStack() as stack:
            vertices = context.buffer(np.ascontiguousarray(clip))
            corners = context.buffer(faces.astype(np.uint32))
            several = context.renderbuffer(size, 1, samples=samples)
            one = context.renderbuffer(size, 1)
            drawn, resolved = context.framebuffer(several), context.framebuffer(one)
            array = context.vertex_array(
                self._program, [(vertices, "4f", "clip_position")], index_buffer=corners
            )
            for resource in (vertices, corners, several, one, drawn, resolved, array):
                stack.callback(resource.release)
            drawn.use()
            drawn.clear()
            array.render(moderngl.TRIANGLES)
            context.copy_framebuffer(resolved, drawn)
            resolved.read_into(fine, components=1, alignment=1)
        summed = np.zeros((height, width), np.uint16)
        for row, column in itertools.product(range(_ENLARGEMENT), repeat=2):
            summed += fine[:, row, :, column]
        return summed * np.float32(1.0 / (255 * _ENLARGEMENT**2))

    def release(self) -> None:
        self._program.release()
