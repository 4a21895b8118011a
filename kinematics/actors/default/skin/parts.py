"""Closed pieces in the skin's openings: eyeballs, lids, teeth and tongue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinematics.actors.default.skin.expressions import jaw_turn
from kinematics.actors.default.skin.head import EYE, EYE_HALF_WIDTH, EYE_RADIUS, LID_RADIUS, lid_edges
from kinematics.arrays import FloatArray, IntArray
from kinematics.face_codes import FACE_CODE_NAMES

_LID_COLUMNS, _LID_ROWS = 25, 7


@dataclass(frozen=True, eq=False)
class Piece:
    """vertices: (V, 3) at rest, cm. faces: (F, 3). joint: its carrier. moves: (codes, V, 3) at code 1."""

    name: str
    vertices: FloatArray
    faces: IntArray
    joint: str
    moves: FloatArray


def pieces() -> list[Piece]:
    """The lids, which are skin, first; then both eyes, both rows of teeth, the tongue."""
    found = [_lid(side, upper) for side in (1.0, -1.0) for upper in (True, False)]
    for side, letter in ((1.0, "l"), (-1.0, "r")):
        ball, faces = _ball(20, 28)
        vertices = (
            EYE_RADIUS * ball[:, [0, 2, 1]] * (1, -1, 1)
        )  # the pole, where rings are dense, looks ahead
        found.append(_still("eye", vertices + EYE * (side, 1.0, 1.0), faces, f"b_{letter}_eye"))
    found.append(_still("teeth", *_arch(156.98, 158.3, 0.0), "b_head"))
    found.append(_jawed("teeth", *_arch(155.95, 156.9, -0.22), 1.0))
    ball, faces = _ball(14, 20)
    found.append(_jawed("tongue", ball * (1.35, 0.5, 2.0) + (0.0, 156.3, 8.6), faces, 0.9))
    return found


def _still(name: str, vertices: FloatArray, faces: IntArray, joint: str) -> Piece:
    return Piece(name, vertices, faces, joint, np.zeros((len(FACE_CODE_NAMES), *vertices.shape)))


def _jawed(name: str, vertices: FloatArray, faces: IntArray, share: float) -> Piece:
    """What the jaw carries rigidly."""
    moves = np.zeros((len(FACE_CODE_NAMES), *vertices.shape))
    moves[FACE_CODE_NAMES.index("jaw_open")] = share * jaw_turn(vertices)
    return Piece(name, vertices, faces, "b_head", moves)


def _lid(side: float, upper: bool) -> Piece:
    """A shell over an eyeball, from its edge to under the flesh of the orbit."""
    across = np.linspace(-1.0, 1.0, _LID_COLUMNS)
    x = (LID_RADIUS - 0.02) * np.sin(0.5 * np.pi * 0.94 * across)
    rest = _lid_shell(x, upper, 0.0, 0.0)
    faces = _capped(_LID_COLUMNS, len(rest) // _LID_COLUMNS)
    moves = np.zeros((len(FACE_CODE_NAMES), len(rest) + 2, 3))

    def whole(shell: FloatArray) -> FloatArray:
        around = len(shell) // _LID_COLUMNS
        ends = shell[:around].mean(axis=0), shell[-around:].mean(axis=0)
        return np.concatenate([ends[:1], shell, ends[1:]])

    vertices = whole(rest)
    for name, shut, squint in (("blink", 1.0, 0.0), ("smile", 0.0, 1.0), ("brows_up", -0.10, 0.0)):
        moves[FACE_CODE_NAMES.index(name)] = whole(_lid_shell(x, upper, shut, squint)) - vertices
    vertices = (vertices + EYE) * (side, 1.0, 1.0)
    a, b, c = (vertices - EYE * (side, 1.0, 1.0))[faces].swapaxes(0, 1)
    outward = np.einsum("fi,fi->", np.cross(a, b), c) > 0
    return Piece("lid", vertices, faces if outward else faces[:, ::-1], "b_head", moves * (side, 1.0, 1.0))


def _lid_shell(x: FloatArray, upper: bool, shut: float, squint: float) -> FloatArray:
    """(columns * rows, 3) about the eye's middle: for each column, once around the shell's section.

    shut: 0 open, 1 closed. squint: how far the lower lid is raised, 1 by a smile.
    """
    low, high = lid_edges(np.clip(x, -EYE_HALF_WIDTH, EYE_HALF_WIDTH))
    meeting = low + 0.16 * (high - low)
    if upper:
        edge, fixed = high + shut * (meeting - high) - 0.015 * shut, np.full_like(x, 1.35)
    else:
        edge, fixed = low + (shut + 0.9 * squint) * (meeting - low) + 0.02 * shut, np.full_like(x, -1.35)
    away = np.linspace(0.0, 1.0, _LID_ROWS) ** 1.3
    elevation = edge[:, None] + (fixed - edge)[:, None] * away
    outer = np.full(_LID_ROWS, LID_RADIUS)
    outer[0] -= 0.05
    inner = np.full(_LID_ROWS, EYE_RADIUS + 0.03)
    radius = np.concatenate([outer, inner[::-1]])
    elevation = np.concatenate([elevation, elevation[:, ::-1]], axis=1)
    scaled = x[:, None] * radius / LID_RADIUS
    across = np.sqrt(np.maximum(radius**2 - scaled**2, 0.0))
    points = np.stack([scaled, across * np.sin(elevation), across * np.cos(elevation)], axis=-1)
    shell: FloatArray = points.reshape(-1, 3)
    return shell


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
    stations, around = np.radians(np.linspace(-80, 80, 35)), 10
    turn = 2 * np.pi * np.arange(around) / around
    across, up = np.cos(turn), np.sin(turn)
    bulge = 1.0 + 0.05 * np.cos(stations * 14.0)
    centre_x, centre_z = 1.95 * np.sin(stations), 8.15 + back + 2.85 * np.cos(stations)
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
