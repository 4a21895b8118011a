"""The closed pieces that a head is made of besides its skin."""

from __future__ import annotations

import numpy as np

from kinematics.arrays import BoolArray, FloatArray, IntArray


def pieces(faces: IntArray, among: BoolArray) -> list[IntArray]:
    """Vertex numbers of each piece that the faces (F, 3) join, of the vertices that are `among` (V,)."""
    piece = np.arange(len(among))
    joined = faces[among[faces].all(axis=1)]
    while True:
        before = piece.copy()
        np.minimum.at(piece, joined.ravel(), np.repeat(piece[joined].min(axis=1), 3))
        piece = piece[piece]
        if np.array_equal(piece, before):
            return [np.flatnonzero((piece == number) & among) for number in np.unique(piece[among])]


def is_ball(points: FloatArray) -> bool:
    """Whether points (N, 3) lie all about as far from their middle."""
    distance = np.linalg.norm(points - points.mean(axis=0), axis=1)
    return bool(np.ptp(distance) < 0.3 * distance.mean())
