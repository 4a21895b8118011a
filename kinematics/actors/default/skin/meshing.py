"""From a field to a closed mesh: surface nets on the cells that the surface passes through.

After Gibson, "Constrained Elastic Surface Nets", MICCAI 1998: one vertex a cell, one square a grid edge that
crosses the surface.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kinematics.arrays import BoolArray, FloatArray, IntArray

Field = Callable[[FloatArray], FloatArray]

_COARSE = 4
"""Cells of the fine grid along one of the coarse grid, with which the surface is found."""
_CHUNK = 200_000
_CORNERS = np.array([(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)])


def surface(field: Field, low: FloatArray, high: FloatArray, cell: float) -> tuple[FloatArray, IntArray]:
    """Vertices (V, 3) on the surface and squares (Q, 4), counter-clockwise seen from outside.

    field: values of points (N, 3), no steeper than a distance nor less than a third as steep.
    low, high: (3,) corners of a box that holds the shape with room to spare.
    """
    size = (np.ceil((high - low) / cell / _COARSE).astype(int) + 1) * _COARSE
    values = _values_near_surface(field, low, size, cell)
    inside = values < 0
    vertex_of_cell, vertices = _vertices(values, inside, low, cell)
    squares = _squares(inside, vertex_of_cell)
    for _ in range(2):
        vertices = onto_surface(field, vertices)
    return vertices, squares


def onto_surface(field: Field, points: FloatArray, step: float = 0.02) -> FloatArray:
    """Points (N, 3) near the surface, moved onto it along the gradient; none by more than 0.3 cm."""
    value = _in_chunks(field, points)
    gradient = np.empty_like(points)
    for axis in range(3):
        offset = np.zeros(3)
        offset[axis] = step
        ahead, behind = _in_chunks(field, points + offset), _in_chunks(field, points - offset)
        gradient[:, axis] = (ahead - behind) / (2.0 * step)
    square = np.maximum(np.einsum("ni,ni->n", gradient, gradient), 0.05)
    move = -value[:, None] * gradient / square[:, None]
    length = np.linalg.norm(move, axis=1, keepdims=True)
    moved: FloatArray = points + move * np.minimum(1.0, 0.3 / np.maximum(length, 1e-9))
    return moved


def _in_chunks(field: Field, points: FloatArray) -> FloatArray:
    return np.concatenate([field(points[i : i + _CHUNK]) for i in range(0, len(points), _CHUNK)])


def _values_near_surface(field: Field, low: FloatArray, size: IntArray, cell: float) -> FloatArray:
    """(X, Y, Z) values at the grid's points: exact near the surface, elsewhere only their sign is right."""
    coarse = np.stack(
        np.meshgrid(*(np.arange(0, n + 1, _COARSE) for n in size), indexing="ij"), axis=-1
    ).reshape(-1, 3)
    shape = tuple(n // _COARSE + 1 for n in size)
    rough = _in_chunks(field, low + cell * coarse).reshape(shape)
    near = np.abs(rough) < 1.8 * _COARSE * cell
    near |= _touching(near)
    values = np.kron(np.where(rough < 0, -1.0, 1.0), np.ones((_COARSE,) * 3)).astype(np.float32)
    blocks = np.argwhere(near) * _COARSE
    inner = np.stack(np.meshgrid(*(np.arange(_COARSE),) * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    for start in range(0, len(blocks), _CHUNK // len(inner)):
        nodes = (blocks[start : start + _CHUNK // len(inner), None] + inner).reshape(-1, 3)
        values[tuple(nodes.T)] = field(low + cell * nodes)
    return values


def _touching(mask: BoolArray) -> BoolArray:
    grown = mask.copy()
    for axis in range(3):
        for shift in (1, -1):
            grown |= np.roll(mask, shift, axis)
    return grown


def _vertices(
    values: FloatArray, inside: BoolArray, low: FloatArray, cell: float
) -> tuple[IntArray, FloatArray]:
    """The number of each cell's vertex, -1 for none, and the vertices: the mean of the edges' crossings."""
    cells = tuple(n - 1 for n in inside.shape)
    corners = [inside[i : i + cells[0], j : j + cells[1], k : k + cells[2]] for i, j, k in _CORNERS]
    count = np.sum(corners, axis=0, dtype=np.int8)
    active = np.argwhere((count > 0) & (count < 8))
    value = np.stack([values[tuple((active + corner).T)] for corner in _CORNERS], axis=1)
    summed, crossings = np.zeros((len(active), 3)), np.zeros(len(active))
    for a in range(8):
        for b in range(a + 1, 8):
            if np.abs(_CORNERS[a] - _CORNERS[b]).sum() != 1:
                continue
            crosses = (value[:, a] < 0) != (value[:, b] < 0)
            step = value[:, a] / np.where(crosses, value[:, a] - value[:, b], 1.0)
            at = _CORNERS[a] + step[:, None] * (_CORNERS[b] - _CORNERS[a])
            summed += np.where(crosses[:, None], at, 0.0)
            crossings += crosses
    number = np.full(cells, -1)
    number[tuple(active.T)] = np.arange(len(active))
    return number, low + cell * (active + summed / crossings[:, None])


def _squares(inside: BoolArray, number: IntArray) -> IntArray:
    squares = []
    for axis in range(3):
        ahead = np.roll(inside, -1, axis)
        edges = np.argwhere(inside != ahead)
        edges = edges[(edges > 0).all(axis=1) & (edges < np.array(number.shape)).all(axis=1)]
        u, v = (np.eye(3, dtype=int)[(axis + turn) % 3] for turn in (1, 2))
        corners = np.stack(
            [number[tuple((edges - shift).T)] for shift in (0 * u, u, u + v, v)],
            axis=1,
        )
        leaves = inside[tuple(edges.T)]
        squares.append(np.where(leaves[:, None], corners, corners[:, ::-1]))
    return np.concatenate(squares)
