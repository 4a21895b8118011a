"""The nearest face at each pixel's centre by OpenGL, to the answer that PyTorch3D's reference code gives.

OpenGL alone decides otherwise along edges: it moves corners to a grid of 1/256 of a pixel, and a centre on an
edge belongs to one of the two faces, where PyTorch3D gives it to neither. So each face is drawn slightly
larger, and the shader repeats PyTorch3D's arithmetic in float32 to decide which pixels it covers, and how
deep it is there.
"""

from __future__ import annotations

import math
from contextlib import ExitStack

import moderngl
import numpy as np
import numpy.typing as npt

from a2p_backend.avatar.screen import pixel_centres

_VERTEX_SHADER = """
#version 330
in vec2 place;
in vec4 first_and_second;
in vec4 third_and_depths;
in vec2 depth_and_area;
flat out vec4 ab;
flat out vec4 cz;
flat out vec2 za;
void main() {
    ab = first_and_second;
    cz = third_and_depths;
    za = depth_and_area;
    gl_Position = vec4(place, 0.0, 1.0);
}
"""

_FRAGMENT_SHADER = """
#version 330
#extension GL_ARB_gpu_shader5 : enable
#ifdef GL_ARB_gpu_shader5
#define EXACT precise
#else
#define EXACT
#endif
uniform sampler2D columns, rows;
uniform vec2 depths;
flat in vec4 ab;
flat in vec4 cz;
flat in vec2 za;
out vec4 fragment;

void main() {
    vec2 a = ab.xy, b = ab.zw, c = cz.xy;
    vec3 depth = vec3(cz.zw, za.x);
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    vec2 p = vec2(texelFetch(columns, ivec2(pixel.x, 0), 0).r, texelFetch(rows, ivec2(pixel.y, 0), 0).r);
    if (any(lessThan(p, min(min(a, b), c))) || any(greaterThan(p, max(max(a, b), c)))) discard;

    EXACT vec3 across = vec3(
        (p.x - b.x) * (c.y - b.y) - (p.y - b.y) * (c.x - b.x),
        (p.x - c.x) * (a.y - c.y) - (p.y - c.y) * (a.x - c.x),
        (p.x - a.x) * (b.y - a.y) - (p.y - a.y) * (b.x - a.x));
    EXACT vec3 flat_shares = across / za.y;
    EXACT vec3 weighted = flat_shares * depth.yxx * depth.zzy;
    EXACT float sum = max(weighted.x + weighted.y + weighted.z, 1e-8);
    EXACT vec3 shares = weighted / sum;
    if (!all(greaterThan(shares, vec3(0.0)))) discard;

    EXACT float here = shares.x * depth.x + shares.y * depth.y + shares.z * depth.z;
    fragment = vec4(float(gl_PrimitiveID), shares.xy, here);
    gl_FragDepth = (here - depths.x) * depths.y;
}
"""

_LAYOUT = ("2f 4f 4f 2f", "place", "first_and_second", "third_and_depths", "depth_and_area")
_NOTHING = (-1.0, 0.0, 0.0, 0.0)
_LEAST_AREA = 1e-8
"""Of the screen, twice: PyTorch3D does not see faces below it, and adds as much to the others."""
_MARGIN = 1.0 / 16.0
"""Pixels by which faces are drawn larger: twice the coarsest grid of corners that OpenGL allows."""
_SLIVER = 16.0
"""A face that would have to grow by this factor is drawn otherwise."""
_OUTSIDE = 4.0
"""Where faces are put that are not to be seen, in halves of the picture."""

Floats = npt.NDArray[np.float32]


class FragmentDrawer:
    """The program for it, in one context."""

    def __init__(self, context: moderngl.Context) -> None:
        self._context = context
        self._program = context.program(vertex_shader=_VERTEX_SHADER, fragment_shader=_FRAGMENT_SHADER)

    def draw(self, screen: Floats, faces: npt.NDArray[np.int64], width: int, height: int) -> Floats:
        """(height, width, 4): face (-1 for none), shares of its first two corners, depth.

        screen: (V, 3), see `screen.screen_positions`. faces: (F, 3); those that reach behind the camera are
        not seen.
        """
        corners = screen[faces]
        triangles, seen = _triangles(corners, width, height)
        picture = np.empty((height, width, 4), np.float32)
        context = self._context
        with ExitStack() as stack:
            buffer = context.buffer(triangles)
            colour = context.renderbuffer((width, height), 4, dtype="f4")
            depth = context.depth_renderbuffer((width, height))
            target = context.framebuffer(colour, depth)
            columns = context.texture((width, 1), 1, pixel_centres(width, height), dtype="f4")
            rows = context.texture((height, 1), 1, pixel_centres(height, width), dtype="f4")
            array = context.vertex_array(self._program, [(buffer, *_LAYOUT)])
            for resource in (buffer, colour, depth, target, columns, rows, array):
                stack.callback(resource.release)
            columns.use(0)
            rows.use(1)
            self._program["columns"], self._program["rows"] = 0, 1
            self._program["depths"] = _depth_range(corners[seen][..., 2])
            target.use()
            target.clear(*_NOTHING)
            array.render(moderngl.TRIANGLES)
            target.read_into(picture, components=4, dtype="f4")
        return picture

    def release(self) -> None:
        self._program.release()


def _triangles(corners: Floats, width: int, height: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """(F, 3, 12) what the vertex shader reads for faces' corners (F, 3, 3), and (F,) which can be seen."""
    (ax, ay), (bx, by), (cx, cy) = (corners[:, corner, :2].T for corner in range(3))
    with np.errstate(over="ignore", invalid="ignore"):  # of what lies in the camera's plane
        area = (cx - ax) * (by - ay) - (cy - ay) * (bx - ax)
        seen = (np.abs(area) > _LEAST_AREA) & (corners[..., 2] > 0).all(axis=1)
    triangles = np.empty((len(corners), 3, 12), np.float32)
    triangles[:, :, 2:8] = corners[:, None, :, :2].reshape(-1, 1, 6)
    triangles[:, :, 8:11] = corners[:, None, :, 2]
    triangles[:, :, 11] = (area.astype(np.float64) + _LEAST_AREA)[:, None]
    triangles[:, :, :2] = _OUTSIDE
    half = np.array([width, height]) / 2
    pixels = corners[seen, :, :2].astype(np.float64) * (-min(width, height) / 2)
    triangles[seen, :, :2] = _enlarged(pixels) / half
    return triangles, seen


def _enlarged(triangles: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Triangles (F, 3, 2) that reach at least `_MARGIN` beyond the given ones."""
    next_corner = np.roll(triangles, -1, axis=1)
    sides = next_corner - triangles
    lengths = np.linalg.norm(sides, axis=-1)
    around = lengths.sum(axis=1)
    twice_area = np.abs(sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0])
    inradius = twice_area / around
    # A side's length is the weight of the corner opposite to it.
    opposite = np.roll(lengths, -1, axis=1)
    incentre = (opposite[..., None] * triangles).sum(axis=1, keepdims=True) / around[:, None, None]
    growth = 1.0 + _MARGIN / inradius
    enlarged = incentre + (triangles - incentre) * growth[:, None, None]

    thin = np.flatnonzero(growth > _SLIVER)
    if len(thin):
        longest = lengths[thin].argmax(axis=1)
        start, side = triangles[thin, longest], sides[thin, longest]
        length = lengths[thin, longest][:, None]
        along = side / length
        beside = np.stack([-along[:, 1], along[:, 0]], axis=1)
        reach = twice_area[thin, None] / length + _MARGIN
        # The rectangle about it, in the corner of a right-angled triangle of twice its sides.
        corner = start - _MARGIN * along - reach * beside
        enlarged[thin] = np.stack(
            [corner, corner + 2.0 * (length + 2.0 * _MARGIN) * along, corner + 4.0 * reach * beside], axis=1
        )
    return enlarged


def _depth_range(depths: Floats) -> tuple[float, float]:
    """The least depth, and what makes the others' distance from it 0 to 1.

    A power of two, so that the depth buffer's 24 bits can tell apart whatever float32 can, as long as the
    farthest is not half as far again as the nearest.
    """
    if not depths.size:
        return 0.0, 1.0
    # Interpolated depths may lie beyond the corners' by some last bits.
    near = np.float32(depths.min()) * np.float32(1.0 - 2.0**-20)
    far = float(depths.max()) * (1.0 + 2.0**-20)
    return float(near), 2.0 ** -math.ceil(math.log2(far - float(near)))
