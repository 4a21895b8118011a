"""A stylised head for the default actor, so that its expression codes can be seen.

The default body is a mannequin without a face. This head replaces the mannequin's: a smooth skull with ears,
hair, nose, eyes with lids and lashes, brows, and a mouth with teeth and tongue. Each part is a grid of points
given in face coordinates: x to the figure's left and y up in the rest pose, centimetres, and a lift off the
skull's surface.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kinematics.face_codes import FACE_CODE_NAMES

_CENTRE_Y, _CENTRE_Z = 165.5, 2.6
_HALF_HEIGHT, _HALF_WIDTH, _HALF_DEPTH, _HALF_DEPTH_BACK = 11.0, 7.7, 8.9, 9.3
_NECK, _ENLARGEMENT = np.array([0.0, 156.0, 2.0]), 1.1
"""A head a little larger than life, from where it sits on the neck: the face is what one looks at."""
_MOUTH_Y, _JAW_DROP = 159.4, 1.9
_EYE_X, _EYE_Y, _EYE_WIDTH = 3.05, 165.0, 1.85
_EYE_TOP, _EYE_BOTTOM = 1.15, 0.95

SKIN = (0.84, 0.62, 0.50)
_LID = (0.78, 0.55, 0.44)
_HAIR = (0.20, 0.13, 0.10)
_LASH = (0.10, 0.06, 0.05)
_SCLERA = (0.97, 0.96, 0.94)
_IRIS = (0.20, 0.36, 0.42)
_PUPIL = (0.02, 0.02, 0.03)
_LIP = (0.68, 0.33, 0.31)
_MOUTH = (0.16, 0.04, 0.05)
_TEETH = (0.95, 0.93, 0.88)
_TONGUE = (0.66, 0.27, 0.27)

MATT = 0.33


@dataclass(frozen=True)
class Codes:
    """Expression codes as columns (T, 1, 1), ready to meet a grid of points."""

    jaw_open: np.ndarray
    lips_wide: np.ndarray
    lips_round: np.ndarray
    brows_up: np.ndarray
    blink: np.ndarray
    smile: np.ndarray

    @classmethod
    def from_face(cls, face: np.ndarray) -> Codes:
        """From expression codes (T, 256); values beyond what the face can do are cut off."""
        named = np.clip(face[:, : len(FACE_CODE_NAMES)], 0.0, 1.2)
        return cls(**{name: named[:, i, None, None] for i, name in enumerate(FACE_CODE_NAMES)})


@dataclass(frozen=True)
class Part:
    """One grid of the head: `points(codes)` is (T, rows, columns, 3), skeleton's rest pose, centimetres."""

    points: Callable[[Codes], np.ndarray]
    shape: tuple[int, int]
    colour: tuple[float, float, float]
    gloss: float = MATT


class FaceMask:
    """The head's mesh.

    faces: (F, 3). colours: (V, 3) sRGB, 0 to 1. gloss: (V,) 0 to 1.
    """

    def __init__(self) -> None:
        self._parts = _parts()
        at_rest = self.shape(np.zeros((1, len(FACE_CODE_NAMES))))[0]
        faces, start = [], 0
        for part in self._parts:
            faces.append(_outward(_grid_faces(*part.shape), at_rest[start:]) + start)
            start += part.shape[0] * part.shape[1]
        counts = [part.shape[0] * part.shape[1] for part in self._parts]
        self.faces = np.concatenate(faces)
        self.colours = np.repeat([part.colour for part in self._parts], counts, axis=0).astype(np.float32)
        self.gloss = np.repeat([part.gloss for part in self._parts], counts).astype(np.float32)

    def shape(self, face: np.ndarray) -> np.ndarray:
        """Expression codes (T, 256) to the head's vertices (T, V, 3) float32, in the skeleton's rest pose."""
        codes = Codes.from_face(face)
        grids = [
            np.broadcast_to(part.points(codes), (len(face), *part.shape, 3)).reshape(len(face), -1, 3)
            for part in self._parts
        ]
        points = np.concatenate(grids, axis=1)
        return (_NECK + _ENLARGEMENT * (points - _NECK)).astype(np.float32)


def _grid_faces(rows: int, columns: int) -> np.ndarray:
    first = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    lower = np.stack([first, first + 1, first + columns + 1], axis=1)
    upper = np.stack([first, first + columns + 1, first + columns], axis=1)
    return np.concatenate([lower, upper])


def _outward(faces: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The faces of one part, counter-clockwise seen from outside the head."""
    a, b, c = (points[faces[:, corner]] - (0.0, _CENTRE_Y, _CENTRE_Z) for corner in range(3))
    volume = np.einsum("fi,fi->", np.cross(a, b), c)
    return faces if volume > 0 else faces[:, ::-1]


def _smooth_step(value: np.ndarray) -> np.ndarray:
    value = np.clip(value, 0.0, 1.0)
    return value * value * (3.0 - 2.0 * value)


def _section(y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The skull's horizontal section at height y: half width, depth before and behind the head's axis."""
    sine = np.clip((y - _CENTRE_Y) / _HALF_HEIGHT, -1.0, 1.0)
    cosine = np.sqrt(1.0 - sine * sine)
    below = np.clip(-sine, 0.0, 1.0)
    rounded = cosine**0.82
    # The jaw is narrower than the temples, and its back is where the neck begins.
    return (
        _HALF_WIDTH * rounded * (1.0 - 0.20 * below**1.5),
        _HALF_DEPTH * rounded * (1.0 + 0.04 * below),
        _HALF_DEPTH_BACK * rounded * (1.0 - 0.42 * below),
    )


def _on_face(x: np.ndarray, y: np.ndarray, lift: np.ndarray | float) -> np.ndarray:
    """Points (..., 3) at face coordinates x and y, `lift` off the front of the skull."""
    half_width, _, _ = _section(y)
    return _around(np.arcsin(np.clip(x / half_width, -0.98, 0.98)), y, lift)


def _drop_jaw(points: np.ndarray, rest_y: np.ndarray, codes: Codes) -> np.ndarray:
    """Moves what lies below the mouth down and slightly back, as the jaw's hinge does."""
    share = _smooth_step((_MOUTH_Y - rest_y) / 1.2) * _smooth_step((points[..., 2] - 2.0) / 6.0)
    moved = np.array(np.broadcast_to(points, np.broadcast_shapes(points.shape, (*codes.jaw_open.shape, 3))))
    moved[..., 1] -= _JAW_DROP * codes.jaw_open * share
    moved[..., 2] -= 0.35 * codes.jaw_open * share
    return moved


def _parts() -> list[Part]:
    parts = [_skull(), _hair(), _nose(), *_mouth()]
    for side in (-1.0, 1.0):
        parts += [_ear(side), *_eye(side), _brow(side)]
    return parts


def _around(azimuth: np.ndarray, y: np.ndarray, lift: np.ndarray | float) -> np.ndarray:
    """Points (..., 3) anywhere on the skull; azimuth 0 is the front, and grows to the figure's left."""
    half_width, before, behind = _section(y)
    cosine = np.cos(azimuth)
    depth = np.where(cosine > 0, before, behind)
    outward_y = np.clip((y - _CENTRE_Y) / _HALF_HEIGHT, -1.0, 1.0)
    level = np.sqrt(1.0 - outward_y**2)
    return np.stack(
        np.broadcast_arrays(
            (half_width + lift * level) * np.sin(azimuth),
            y + lift * outward_y,
            _CENTRE_Z + (depth + lift * level) * cosine,
        ),
        axis=-1,
    )


def _skull() -> Part:
    rows, columns = 24, 33
    azimuth = np.linspace(-np.pi, np.pi, columns)[None, :]  # the seam is at the back
    y = _CENTRE_Y + _HALF_HEIGHT * np.sin(np.linspace(-np.pi / 2, np.pi / 2, rows))[:, None]
    rest = _around(azimuth, y, 0.0)
    return Part(lambda codes: _drop_jaw(rest, y, codes), (rows, columns), SKIN)


def _hair() -> Part:
    rows, columns = 11, 37
    azimuth = np.linspace(-np.pi, np.pi, columns)[None, :]
    back = 0.5 - 0.5 * np.cos(azimuth)
    # High over the forehead, in front of the ears down to their middle, low in the neck.
    hairline = 171.3 + 0.9 * np.cos(2 * azimuth) - 12.0 * _smooth_step((back - 0.22) / 0.6)
    up = np.linspace(0.0, 1.0, rows)[:, None]
    low, high = np.arcsin((hairline - _CENTRE_Y) / _HALF_HEIGHT), np.pi / 2
    y = _CENTRE_Y + _HALF_HEIGHT * np.sin(low + (high - low) * up)
    volume = 0.9 + 0.7 * (1.0 - back) * np.exp(-(((up - 0.25) / 0.3) ** 2)) + 0.35 * np.sin(azimuth + 0.6)
    lift = -0.25 + (volume + 0.25) * _smooth_step(up / 0.16)
    points = _around(azimuth, y, lift)
    return Part(lambda codes: points, (rows, columns), _HAIR, 0.35)


def _ear(side: float) -> Part:
    rows, columns = 9, 13
    polar = np.linspace(0.0, np.pi, rows)[:, None]
    azimuth = np.linspace(0.0, 2 * np.pi, columns)[None, :]
    half_width, _, _ = _section(np.array(164.0))
    points = np.stack(
        np.broadcast_arrays(
            side * (half_width + 0.1 + 0.75 * np.sin(polar) * np.cos(azimuth)),
            164.0 + 2.3 * np.cos(polar),
            _CENTRE_Z - 0.3 + 1.3 * np.sin(polar) * np.sin(azimuth),
        ),
        axis=-1,
    )
    return Part(lambda codes: points, (rows, columns), SKIN)


def _nose() -> Part:
    rows, columns = 15, 13
    u = np.linspace(-1.0, 1.0, columns)[None, :]
    v = np.linspace(0.0, 1.0, rows)[:, None]  # from below the tip to the bridge
    half_width = 1.55 - 0.75 * _smooth_step(v / 0.6)
    ridge = 1.75 * np.sin(np.pi * np.clip(v / 0.36, 0, 1) / 2) * (1.0 - 0.86 * _smooth_step((v - 0.2) / 0.8))
    lift = -0.15 + ridge * np.cos(np.pi * u / 2) ** 1.2
    points = _on_face(half_width * u, 161.0 + 4.6 * v, lift)
    return Part(lambda codes: points, (rows, columns), SKIN)


def _brow(side: float) -> Part:
    rows, columns = 4, 13
    u = np.linspace(0.0, 1.0, columns)[None, :]
    v = np.linspace(-1.0, 1.0, rows)[:, None]
    x = side * (1.15 + 3.9 * u)
    arch = -0.15 + 0.75 * np.sin(np.pi * np.clip(0.78 * u, 0.0, 1.0)) - 0.10 * u
    thickness = 0.36 * (1.0 - 0.75 * u**3) * np.sqrt(np.clip(u / 0.08, 0.3, 1.0))

    def points(codes: Codes) -> np.ndarray:
        y = 167.3 + arch + thickness * v + (1.15 - 0.25 * u) * codes.brows_up
        return _on_face(x, y, 0.32 - 0.22 * v * v)

    return Part(points, (rows, columns), _HAIR)


def _eye(side: float) -> list[Part]:
    """Eyeball, iris, pupil and glint; over them the lids, the upper one with its lashes."""
    across = np.linspace(-1.0, 1.0, 15)[None, :]
    down = np.linspace(0.0, 1.0, 7)[:, None]
    arc = np.sqrt(np.clip(1.0 - across**2, 0.0, 1.0))
    outer = 0.18 * side * across  # the outer corner sits higher
    x = side * _EYE_X + _EYE_WIDTH * across

    def bulge(at_x: np.ndarray, at_y: np.ndarray) -> np.ndarray:
        r = ((at_x - side * _EYE_X) / _EYE_WIDTH) ** 2 + ((at_y - _EYE_Y) / 1.2) ** 2
        return 0.18 + 0.38 * np.clip(1.0 - r, 0.0, 1.0)

    def disc(
        radius: float, lift: float, offset: tuple[float, float] = (0.0, 0.0)
    ) -> Callable[[Codes], np.ndarray]:
        turn = np.linspace(0.0, 2 * np.pi, 17)[None, :]
        r = radius * np.linspace(0.0, 1.0, 4)[:, None]
        disc_x = side * (_EYE_X - 0.08) + offset[0] + r * np.cos(turn)
        disc_y = _EYE_Y + 0.02 + offset[1] + r * np.sin(turn)
        points = _on_face(disc_x, disc_y, bulge(disc_x, disc_y) + lift)
        return lambda codes: points

    def upper_edge(codes: Codes) -> np.ndarray:
        open_edge, shut_edge = 0.86 * _EYE_TOP * arc, -0.72 * _EYE_BOTTOM * arc
        return _EYE_Y + outer + open_edge + (shut_edge - open_edge) * np.clip(codes.blink, 0.0, 1.0)

    def lower_edge(codes: Codes) -> np.ndarray:
        return _EYE_Y + outer + arc * _EYE_BOTTOM * (-0.92 + 0.40 * codes.smile)

    def ball(codes: Codes) -> np.ndarray:
        y = _EYE_Y + outer + arc * (_EYE_TOP - (_EYE_TOP + _EYE_BOTTOM) * down)
        return _on_face(x, y, bulge(x, y))

    def upper_lid(codes: Codes) -> np.ndarray:
        top = _EYE_Y + outer + 0.15 + 1.45 * _EYE_TOP * arc
        y = top + (upper_edge(codes) - top) * down
        return _on_face(1.06 * (x - side * _EYE_X) + side * _EYE_X, y, _cover(down, bulge(x, y)))

    def lower_lid(codes: Codes) -> np.ndarray:
        bottom = _EYE_Y + outer - 0.15 - 1.5 * _EYE_BOTTOM * arc
        y = bottom + (lower_edge(codes) - bottom) * down
        return _on_face(1.06 * (x - side * _EYE_X) + side * _EYE_X, y, _cover(down, bulge(x, y)))

    def lashes(codes: Codes) -> np.ndarray:
        y = upper_edge(codes) + 0.13 - 0.30 * down[::3] * (0.6 + 0.4 * arc)
        return _on_face(1.1 * (x - side * _EYE_X) + side * _EYE_X, y, bulge(x, y) + 0.34)

    return [
        Part(ball, (7, 15), _SCLERA, 0.25),
        Part(disc(0.86, 0.07), (4, 17), _IRIS, MATT),
        Part(disc(0.44, 0.11), (4, 17), _PUPIL, MATT),
        Part(disc(0.20, 0.16, (0.30, 0.32)), (4, 17), (1.6, 1.6, 1.6)),
        Part(upper_lid, (7, 15), _LID),
        Part(lower_lid, (7, 15), _LID),
        Part(lashes, (3, 15), _LASH),
    ]


def _cover(down: np.ndarray, bulge: np.ndarray) -> np.ndarray:
    """A lid's lift: from within the skin (down = 0) to just over the eyeball (down = 1)."""
    return -0.1 + (bulge + 0.34) * _smooth_step(down / 0.45)


def _mouth() -> list[Part]:
    """The dark inside, teeth, tongue, and the two lips around them."""
    u = np.linspace(-1.0, 1.0, 21)[None, :]
    v = np.linspace(0.0, 1.0, 6)[:, None]
    bow = np.clip(1.0 - u**2, 0.0, 1.0)

    # Deformed points are found in the rest pose and then carried by the jaw: `lower` is that carrying.
    def width(codes: Codes) -> np.ndarray:
        return (
            2.65
            + 0.75 * codes.lips_wide
            - 1.15 * codes.lips_round
            + 0.55 * codes.smile
            - 0.15 * codes.jaw_open
        )

    def corners(codes: Codes) -> np.ndarray:
        return (
            0.12 + 1.15 * codes.smile + 0.10 * codes.lips_wide - 0.25 * codes.jaw_open
        ) * u**2 - 0.25 * codes.smile

    def pout(codes: Codes) -> np.ndarray:
        return 0.55 * codes.lips_round * bow - 0.12 * codes.smile

    def upper_inner(codes: Codes) -> np.ndarray:
        return _MOUTH_Y + corners(codes) + bow * (0.05 + 0.22 * codes.lips_round + 0.22 * codes.jaw_open)

    def lower_inner(codes: Codes) -> np.ndarray:
        gap = 0.05 + 0.30 * codes.lips_round + (_JAW_DROP - 0.1) * codes.jaw_open
        return _MOUTH_Y + corners(codes) - bow**0.75 * gap

    def lip(codes: Codes, inner: np.ndarray, thickness: np.ndarray) -> np.ndarray:
        lift = 0.10 + pout(codes) + 0.42 * np.sin(np.pi * (0.12 + 0.88 * v)) * np.sqrt(bow + 0.05)
        return _at_mouth(u * width(codes), inner + thickness * v, lift, codes)

    def upper_lip(codes: Codes) -> np.ndarray:
        cupid = 0.78 - 0.22 * np.exp(-((u / 0.16) ** 2)) - 0.16 * codes.smile - 0.18 * codes.lips_wide
        return lip(codes, upper_inner(codes), cupid * (0.12 + 0.88 * bow**0.8))

    def lower_lip(codes: Codes) -> np.ndarray:
        return lip(codes, lower_inner(codes), -(0.92 - 0.18 * codes.smile) * (0.1 + 0.9 * bow))

    def inside(lift: float, top: float, bottom: float, narrow: float) -> Callable[[Codes], np.ndarray]:
        def points(codes: Codes) -> np.ndarray:
            high, low = upper_inner(codes), lower_inner(codes)
            y = high + (low - high) * (top + (bottom - top) * v)
            return _at_mouth(narrow * u * width(codes), y, lift + pout(codes), codes)

        return points

    shape = (6, 21)
    return [
        Part(inside(0.06, 0.0, 1.0, 1.0), shape, _MOUTH, 0.0),
        Part(inside(0.12, -0.05, 0.34, 0.86), shape, _TEETH, 0.5),
        Part(inside(0.12, 0.70, 1.05, 0.66), shape, _TONGUE, 0.5),
        Part(upper_lip, shape, _LIP, 0.45),
        Part(lower_lip, shape, _LIP, 0.45),
    ]


def _at_mouth(x: np.ndarray, y: np.ndarray, lift: np.ndarray | float, codes: Codes) -> np.ndarray:
    """Points of the open mouth: what the jaw has dropped is found on the skull where it was at rest."""
    dropped = _JAW_DROP * codes.jaw_open * _smooth_step((_MOUTH_Y - y) / (_JAW_DROP * codes.jaw_open + 0.6))
    points = _on_face(x, y + dropped, lift)
    points[..., 1] -= dropped
    points[..., 2] -= 0.18 * dropped
    return points
