"""The skin's colours as a texture."""

from __future__ import annotations

import numpy as np

from kinematics.actors.default.skin import paint
from kinematics.actors.default.skin.meshing import Field
from kinematics.arrays import Array, FloatArray, IntArray

_SHADE_DISTANCES = (0.4, 0.9, 1.8, 3.4)
_CREASE_STRENGTH = 0.45
"""The rest of the shade that creases lie in is the light's affair."""
_PAINTERS = {
    "skin": paint.skin_colour,
    "eye": paint.eye_colour,
    "lid": paint.lid_colour,
    "teeth": paint.tooth_colour,
    "tongue": paint.tongue_colour,
}


def shade_of_creases(field: Field, vertices: FloatArray, faces: IntArray) -> FloatArray:
    """(V,) light that reaches each vertex, 0 to 1: less where the shape comes near again before it.

    After Evans, "Fast approximations for global illumination on dynamic scenes", SIGGRAPH courses 2006.
    """
    corners = vertices[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], across)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    hidden = np.zeros(len(vertices))
    for distance in _SHADE_DISTANCES:
        room = np.clip(field(vertices + distance * normals), 0.0, distance)
        hidden += (distance - room) / distance
    light: FloatArray = np.clip(1.0 - 0.25 * hidden, 0.3, 1.0)
    return light


def bake(
    uvs: FloatArray, positions: FloatArray, shade: FloatArray, names: Array, size: int
) -> tuple[FloatArray, FloatArray]:
    """A texture (size, size, 3), sRGB, its first row the top, and one of `paint.creases`, likewise.

    uvs: (F, 3, 2), v up. positions: (F, 3, 3), cm at rest. shade: (F, 3). names: (F,) whose paint to use.
    """
    points = np.zeros((size, size, 3))
    light, kind = np.ones((size, size)), np.full((size, size), -1)
    kinds = list(_PAINTERS)
    pixels = uvs * size
    pixels[..., 1] = size - pixels[..., 1]
    for corner, position, brightness, name in zip(pixels, positions, shade, names, strict=True):
        low = np.maximum(np.floor(corner.min(axis=0)).astype(int) - 1, 0)
        high = np.minimum(np.ceil(corner.max(axis=0)).astype(int) + 1, size)
        x, y = np.meshgrid(np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1]) + 0.5)
        (ax, ay), (bx, by), (cx, cy) = corner
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-9:
            continue
        u = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
        v = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
        inside = (u >= -0.02) & (v >= -0.02) & (u + v <= 1.02)
        where = (y[inside].astype(int), x[inside].astype(int))
        shares = np.stack([1 - u - v, u, v], axis=-1)[inside]
        points[where], light[where] = shares @ position, shares @ brightness
        kind[where] = kinds.index(str(name))
    picture, creases = np.zeros((size, size, 3)), np.zeros((size, size, 3))
    for number, name in enumerate(kinds):
        mask = kind == number
        picture[mask] = _PAINTERS[name](points[mask]) * light[mask, None] ** _CREASE_STRENGTH
        if name == "skin":
            creases[mask] = paint.creases(points[mask])
    return _spread(picture, kind >= 0), _spread(creases, kind >= 0)


def _spread(picture: FloatArray, known: Array) -> FloatArray:
    """Colours carried past the charts' edges, over 12 texels."""
    for _ in range(12):
        total, count = np.zeros_like(picture), np.zeros(known.shape)
        for axis in (0, 1):
            for shift in (1, -1):
                total += np.roll(picture * known[..., None], shift, axis)
                count += np.roll(known, shift, axis)
        grown = ~known & (count > 0)
        picture[grown] = total[grown] / count[grown][:, None]
        known = known | grown
    return picture.clip(0.0, 1.0)
