"""Closed pieces inside the skin: eyeballs, teeth and tongue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinematics.actors.default.skin.head import EYE, EYE_RADIUS
from kinematics.arrays import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Piece:
    """vertices: (V, 3) at rest, cm. faces: (F, 3). joint: its carrier. jaw: share of the jaw's motion."""

    name: str
    vertices: FloatArray
    faces: IntArray
    joint: str
    jaw: float = 0.0


def pieces() -> list[Piece]:
    """Both eyes, both rows of teeth, the tongue."""
    found = []
    for side, letter in ((1.0, "l"), (-1.0, "r")):
        ball, faces = _ball(24, 32)
        vertices = (
            EYE_RADIUS * ball[:, [0, 2, 1]] * (1, -1, 1)
        )  # the pole, where rings are dense, looks ahead
        found.append(Piece("eye", vertices + EYE * (side, 1.0, 1.0), faces, f"b_{letter}_eye"))
    found.append(Piece("teeth", *_arch(157.22, 158.3, 0.0), "b_head"))
    found.append(Piece("teeth", *_arch(156.2, 157.1, -0.18), "b_head", 1.0))
    ball, faces = _ball(14, 20)
    found.append(Piece("tongue", ball * (1.35, 0.5, 2.0) + (0.0, 156.3, 7.9), faces, "b_head", 0.9))
    return found


def _ball(rows: int, columns: int) -> tuple[FloatArray, IntArray]:
    """A unit ball with its poles on y, closed."""
    polar = np.pi * np.arange(1, rows) / rows
    turn = 2 * np.pi * np.arange(columns) / columns
    ring = np.stack(
        [
            np.outer(np.sin(polar), np.cos(turn)),
            np.outer(np.cos(polar), np.ones(columns)),
            -np.outer(np.sin(polar), np.sin(turn)),
        ],
        axis=-1,
    ).reshape(-1, 3)
    vertices = np.concatenate([[[0.0, 1.0, 0.0]], ring, [[0.0, -1.0, 0.0]]])
    return vertices, _capped(rows - 1, columns)


def _capped(rings: int, around: int) -> IntArray:
    """Faces of rings of points between a first and a last point."""
    faces = []
    last = 1 + rings * around
    for i in range(around):
        beside = (i + 1) % around
        faces.append((0, 1 + i, 1 + beside))
        for ring in range(rings - 1):
            a, b = 1 + ring * around + i, 1 + ring * around + beside
            faces += [(a, a + around, b), (b, a + around, b + around)]
        low = 1 + (rings - 1) * around
        faces.append((low + i, last, low + beside))
    return np.array(faces)


def _arch(low: float, high: float, back: float) -> tuple[FloatArray, IntArray]:
    """A row of teeth: a rounded band along an arch."""
    stations, around = np.radians(np.linspace(-74, 74, 33)), 10
    turn = 2 * np.pi * np.arange(around) / around
    across, up = np.cos(turn), np.sin(turn)
    bulge = 1.0 + 0.05 * np.cos(stations * 14.0)
    centre_x, centre_z = 1.85 * np.sin(stations), 7.05 + back + 2.85 * np.cos(stations)
    thick = 0.24 * bulge
    rings = np.stack(
        [
            centre_x[:, None] + np.outer(np.sin(stations) * thick, across),
            0.5 * (low + high)
            + 0.5 * (high - low) * np.outer(np.ones(len(stations)), np.sign(up) * np.abs(up) ** 0.5),
            centre_z[:, None] + np.outer(np.cos(stations) * thick, across),
        ],
        axis=-1,
    )
    vertices = np.concatenate([rings[:1].mean(1), rings.reshape(-1, 3), rings[-1:].mean(1)])
    faces = _capped(len(stations), around)
    a, b, c = (vertices - vertices.mean(0))[faces].swapaxes(0, 1)
    return vertices, faces if np.einsum("fi,fi->", np.cross(a, b), c) > 0 else faces[:, ::-1]
