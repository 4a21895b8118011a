"""Shapes as fields: negative inside, positive outside, about a distance in centimetres near the surface.

Each function takes points (N, 3) and gives (N,) values; shapes are joined by minima, softened where flesh
runs from one into the other. The soft minimum is the quadratic one of Quilez, "Smooth minimum" (2013).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kinematics.arrays import FloatArray


def ellipsoid(points: FloatArray, centre: npt.ArrayLike, radii: npt.ArrayLike) -> FloatArray:
    """An ellipsoid along the axes; the value is a distance to first order."""
    size = np.asarray(radii, points.dtype)
    scaled = (points - np.asarray(centre, points.dtype)) / size
    length = np.sqrt(np.einsum("ni,ni->n", scaled, scaled))
    gradient = scaled / size
    slope = np.sqrt(np.einsum("ni,ni->n", gradient, gradient))
    value: FloatArray = length * (length - 1.0) / np.maximum(slope, 1e-6)
    return np.where(length < 1e-3, -size.min(), value)


def tube(
    points: FloatArray, path: Sequence[npt.ArrayLike] | FloatArray, radii: Sequence[float] | FloatArray
) -> FloatArray:
    """A tube of changing radius along a path of points: the hard union of its round pieces."""
    value: FloatArray | None = None
    for start, end, near, far in zip(path[:-1], path[1:], radii[:-1], radii[1:], strict=True):
        piece = _cone(points, np.asarray(start, points.dtype), np.asarray(end, points.dtype), near, far)
        value = piece if value is None else np.minimum(value, piece)
    if value is None:
        raise ValueError("a tube needs two points at least")
    return value


def _cone(points: FloatArray, start: FloatArray, end: FloatArray, near: float, far: float) -> FloatArray:
    bone = end - start
    along = np.clip((points - start) @ bone / (bone @ bone), 0.0, 1.0)
    away = points - start - along[:, None] * bone
    eased = along * along * (3.0 - 2.0 * along)
    value: FloatArray = np.sqrt(np.einsum("ni,ni->n", away, away)) - (near + (far - near) * eased)
    return value


def column(points: FloatArray, rings: npt.ArrayLike, roundness: float) -> FloatArray:
    """An upright trunk.

    rings: (R, 4) height, half width, half depth and z of the middle, rising; between them it runs smoothly.
    roundness: exponent of the superellipses, 2 for ellipses.
    """
    table = np.asarray(rings, float)
    height, dense = points[:, 1], np.linspace(table[0, 0], table[-1, 0], 400)
    width, depth, middle = (_smoothed(dense, table[:, 0], table[:, i]) for i in (1, 2, 3))
    half_width = np.interp(height, dense, width)
    half_depth = np.interp(height, dense, depth)
    x = np.abs(points[:, 0]) / half_width
    z = np.abs(points[:, 2] - np.interp(height, dense, middle)) / half_depth
    radial = (x**roundness + z**roundness) ** (1.0 / roundness) - 1.0
    side = radial * np.minimum(half_width, half_depth)
    ends = np.maximum(height - table[-1, 0], table[0, 0] - height)
    return smooth_intersection(side, ends, 2.0)


def _smoothed(dense: FloatArray, at: FloatArray, values: FloatArray) -> FloatArray:
    """Linear interpolation, then rounded off at the knots over about a sixteenth of the height."""
    line = np.interp(dense, at, values)
    window = np.hanning(27)
    padded = np.pad(line, 13, mode="edge")
    smooth: FloatArray = np.convolve(padded, window / window.sum(), mode="valid")
    return smooth


def smooth_union(first: FloatArray, second: FloatArray, reach: float) -> FloatArray:
    """The union, its crease filled where both surfaces are within `reach` centimetres."""
    near = np.maximum(reach - np.abs(first - second), 0.0) / reach
    value: FloatArray = np.minimum(first, second) - near * near * reach * 0.25
    return value


def smooth_intersection(first: FloatArray, second: FloatArray, reach: float) -> FloatArray:
    """The intersection, its edge rounded."""
    return -smooth_union(-first, -second, reach)


def smooth_cut(shape: FloatArray, tool: FloatArray, reach: float) -> FloatArray:
    """The shape without the tool, the edge rounded."""
    return -smooth_union(-shape, tool, reach)


def smooth_step(value: npt.ArrayLike, low: npt.ArrayLike = 0.0, high: npt.ArrayLike = 1.0) -> FloatArray:
    """0 below `low`, 1 above `high`, with level ends."""
    start = np.asarray(low)
    share = np.clip((np.asarray(value) - start) / (np.asarray(high) - start), 0.0, 1.0)
    step: FloatArray = share * share * (3.0 - 2.0 * share)
    return step
