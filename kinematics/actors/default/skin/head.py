"""The head: a face with brows, sockets, lids, nose, lips, chin and ears; hair; a mouth with room behind it.

It is sculpted with its lips closed and meshed with them parted: `parted` and `closed` go from one to the
other. Skeleton space, centimetres; fields take points with x >= 0 except where they say otherwise.
"""

from __future__ import annotations

import numpy as np

from kinematics.actors.default.skin.fields import (
    ellipsoid,
    smooth_cut,
    smooth_intersection,
    smooth_step,
    smooth_union,
    tube,
)
from kinematics.arrays import FloatArray

MOUTH = np.array([0.0, 157.35, 12.4])
MOUTH_WIDTH = 2.45
"""Half the width of the lips' opening."""
ROOM, ROOM_RADII = np.array([0.0, 157.3, 8.1]), np.array([2.65, 2.1, 3.3])
"""What is hollow behind the lips."""
EYE = np.array([3.2, 164.0, 9.55])
EYE_RADIUS = 1.5
LID_RADIUS = EYE_RADIUS + 0.24
"""Of the lids' outer side."""
POCKET_RADIUS = EYE_RADIUS - 0.3
EYE_HALF_WIDTH = 1.5
FOLD_ABOVE, FOLD_BELOW = 0.26, 0.20
"""Radians of each lid that show between its edge and the flesh that it slides under."""
_PARTING, _PARTING_REACH = 0.95, 2.2
"""How wide the lips are parted for meshing, and how far above and below them the skin gives way."""


def head(points: FloatArray) -> FloatArray:
    """Head, neck and hair in the parted state; points (N, 3), both sides."""
    closed_points = closed(points)
    mirrored = np.abs(closed_points * (1, 0, 0)) + closed_points * (0, 1, 1)
    value = _skull(mirrored)
    value = _features(mirrored, value)
    value = smooth_union(value, _ear(mirrored), 0.5)
    value = np.minimum(value, hair(closed_points))
    return _cut_mouth(points, closed_points, value)


def lip_line(x: FloatArray) -> FloatArray:
    """Height at which the closed lips meet: a shallow bow, the corners a trace up."""
    share = np.minimum(np.abs(x) / MOUTH_WIDTH, 1.3)
    line: FloatArray = MOUTH[1] - 0.10 * np.exp(-((x / 0.55) ** 2)) + 0.20 * share**2
    return line


def parting(x: FloatArray) -> FloatArray:
    """How far apart the lips are meshed, cm; nothing at the corners."""
    share = np.clip(np.abs(x) / MOUTH_WIDTH, 0.0, 1.0)
    gap: FloatArray = _PARTING * (1.0 - share**2)
    return gap


def _gap(points: FloatArray) -> FloatArray:
    """How far the lips are parted at each point; none behind the mouth."""
    gap: FloatArray = parting(points[:, 0]) * smooth_step(points[:, 2], 4.0, 8.0)
    return gap


def closed(points: FloatArray) -> FloatArray:
    """Points of the parted state, where they are when the lips are closed."""
    moved = np.array(points)
    gap = 0.5 * _gap(points)
    offset = points[:, 1] - lip_line(points[:, 0])
    beyond = np.clip((np.abs(offset) - gap) / _PARTING_REACH, 0.0, 1.0)
    # Monotone as long as the parting is less than the reach.
    moved[:, 1] -= np.where(np.abs(offset) < gap, offset, np.sign(offset) * gap * (1.0 - smooth_step(beyond)))
    return moved


def touching(points: FloatArray, parted: FloatArray) -> FloatArray:
    """Points of the closed state with the lips pressed together, so that no light comes between them."""
    offset = parted[:, 1] - lip_line(parted[:, 0])
    near = 1.0 - smooth_step(np.abs(points[:, 1] - lip_line(points[:, 0])), 0.15, 0.55)
    near = near * smooth_step(points[:, 2], 8.5, 9.5) * (np.abs(points[:, 0]) < MOUTH_WIDTH + 0.2)
    pressed = np.array(points)
    pressed[:, 1] -= 0.09 * np.sign(offset) * near
    return pressed


def _skull(points: FloatArray) -> FloatArray:
    # Toward the chin the face runs together.
    tapered = points * (1.0, 1.0, 1.0)
    tapered[:, 0] *= 1.0 + 0.026 * np.clip(161.5 - points[:, 1], 0.0, 9.0)
    cranium = ellipsoid(points, (0.0, 166.8, 1.6), (7.35, 8.3, 9.5))
    forehead = ellipsoid(points, (0.0, 167.4, 4.9), (6.3, 5.8, 6.8))
    face = ellipsoid(tapered, (0.0, 160.9, 5.1), (5.7, 7.4, 6.85))
    value = smooth_union(smooth_union(cranium, forehead, 3.0), face, 3.0)
    jaw = tube(tapered, ((4.7, 160.2, 2.4), (4.2, 156.9, 4.2), (1.5, 154.2, 9.0)), (1.4, 1.4, 1.4))
    value = smooth_union(value, jaw, 3.0)
    chin = ellipsoid(points, (0.0, 154.45, 9.5), (2.5, 1.9, 1.95))
    value = smooth_union(value, chin, 3.0)
    cheek = ellipsoid(points, (3.75, 160.4, 8.0), (2.3, 2.2, 2.4))
    value = smooth_union(value, cheek, 3.2)
    neck = tube(points, ((0.0, 144.0, -2.4), (0.0, 151.0, -0.8), (0.0, 158.5, 0.0)), (6.3, 4.75, 4.5))
    muscle = tube(points, ((1.2, 147.4, 3.6), (3.2, 152.5, 1.6), (4.8, 159.6, -1.4)), (0.6, 0.8, 0.9))
    neck = smooth_union(neck, muscle, 2.4)
    throat = ellipsoid(points, (0.0, 151.0, 3.5), (1.2, 1.7, 1.3))
    neck = smooth_union(neck, throat, 1.8)
    return smooth_union(value, neck, 1.9)


def _features(points: FloatArray, value: FloatArray) -> FloatArray:
    brow = tube(points, ((1.0, 166.0, 10.5), (3.0, 166.5, 10.2), (5.2, 165.6, 7.9)), (0.8, 0.9, 0.8))
    value = smooth_union(value, brow, 2.2)
    socket = ellipsoid(points, (3.2, 164.0, 12.6), (2.3, 1.55, 2.0))
    value = smooth_cut(value, socket, 1.6)
    value = smooth_union(value, _orbit(points), 0.7)
    value = smooth_union(value, _nose(points), 0.8)
    value = _nostril(points, value)
    value = _lips(points, value)
    return _cut_eyes(points, value)


def _orbit(points: FloatArray) -> FloatArray:
    """The flesh around an eye, from under which the lids come."""
    return ellipsoid(points, EYE, (LID_RADIUS + 0.12, LID_RADIUS + 0.06, LID_RADIUS + 0.06))


def _cut_eyes(points: FloatArray, value: FloatArray) -> FloatArray:
    """A pocket for an eyeball and its lids, which fill it: its walls are thick, its floor is never seen."""
    local = points - EYE
    distance = np.linalg.norm(local, axis=1)
    low, high = lid_edges(local[:, 0])
    elevation = np.arctan2(local[:, 1], local[:, 2])
    radius = np.hypot(local[:, 1], local[:, 2])
    pocket = np.maximum(elevation - high - FOLD_ABOVE, low - FOLD_BELOW - elevation) * np.maximum(radius, 0.4)
    pocket = smooth_intersection(pocket, np.abs(local[:, 0]) - EYE_HALF_WIDTH - 0.04, 0.4)
    pocket = np.maximum(np.maximum(pocket, 0.2 - local[:, 2]), POCKET_RADIUS - distance)
    return smooth_cut(value, np.maximum(pocket, distance - 3.0), 0.2)


def lid_edges(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Elevations (radians about the eye's x axis) of the lower and upper lid's edge; x from the eye's middle.

    Positive x is toward the temple, where the corner sits a trace higher.
    """
    share = np.clip(x / EYE_HALF_WIDTH, -1.25, 1.25)
    arc = np.clip(1.0 - share**2, -0.6, 1.0)
    tilt = 0.05 * share
    return tilt - 0.36 * arc * (1.0 + 0.15 * share), tilt + 0.46 * arc * (1.0 - 0.16 * share)


def _nose(points: FloatArray) -> FloatArray:
    bridge = tube(
        points,
        ((0.0, 165.9, 10.3), (0.0, 163.6, 11.2), (0.0, 161.4, 12.7), (0.0, 160.55, 13.15)),
        (0.6, 0.55, 0.7, 0.92),
    )
    wing = ellipsoid(points, (1.08, 160.1, 12.0), (0.58, 0.66, 0.95))
    base = tube(points, ((0.0, 159.95, 13.0), (0.0, 159.4, 12.0)), (0.45, 0.5))
    value = smooth_union(bridge, wing, 0.9)
    value = smooth_union(value, base, 0.6)
    flank = tube(points, ((0.75, 163.6, 10.0), (1.05, 160.9, 11.2)), (0.55, 0.7))
    return smooth_union(value, flank, 1.2)


def _nostril(points: FloatArray, value: FloatArray) -> FloatArray:
    hole = tube(points, ((0.58, 159.3, 12.8), (0.62, 159.85, 12.5)), (0.27, 0.2))
    return smooth_cut(value, hole, 0.25)


def _lips(points: FloatArray, value: FloatArray) -> FloatArray:
    muzzle = ellipsoid(points, (0.0, 157.4, 8.4), (3.2, 2.9, 3.4))
    value = smooth_union(value, muzzle, 2.0)
    philtrum = tube(points, ((0.0, 159.0, 12.5), (0.0, 158.3, 12.65)), (0.18, 0.26))
    value = smooth_cut(value, philtrum, 0.5)
    x = np.linspace(0.0, 2.4, 9)
    share = x / 2.4
    bow = 157.56 + 0.14 * np.exp(-(((x - 0.7) / 0.6) ** 2)) - 0.06 * share**2
    upper = tube(points, np.column_stack([x, bow, 12.0 - 1.15 * share**2]), 0.42 - 0.24 * share**2)
    full = 156.87 + 0.57 * share**2.2
    lower = tube(points, np.column_stack([x, full, 11.85 - 1.05 * share**2]), 0.54 - 0.36 * share**2)
    value = smooth_union(value, upper, 0.4)
    value = smooth_union(value, lower, 0.4)
    fold = tube(points, ((0.0, 155.85, 12.35), (1.5, 156.1, 11.75)), (0.25, 0.1))
    value = smooth_cut(value, fold, 1.3)
    crease = np.abs(points[:, 1] - lip_line(points[:, 0])) + 0.6 * np.maximum(points[:, 0] - 2.35, 0.0)
    front = np.maximum(9.5 - points[:, 2], points[:, 0] - MOUTH_WIDTH - 0.25)
    return smooth_cut(value, np.maximum(crease - 0.03, front), 0.3)


def _cut_mouth(points: FloatArray, closed_points: FloatArray, value: FloatArray) -> FloatArray:
    """The parting of the lips and the room behind them."""
    gap = 0.5 * _gap(points)
    slit = np.abs(points[:, 1] - lip_line(points[:, 0])) - gap
    slit = np.maximum(slit, 7.0 - points[:, 2])
    slit = np.maximum(slit, np.abs(points[:, 0]) - MOUTH_WIDTH)
    room = ellipsoid(closed_points, ROOM, ROOM_RADII)
    value = smooth_cut(value, slit, 0.12)
    return smooth_cut(value, room, 0.3)


def _ear(points: FloatArray) -> FloatArray:
    centre = np.array([7.25, 162.9, 1.2])
    tilt, flare = 0.22, 0.42
    local = points - centre
    y = np.cos(tilt) * local[:, 1] + np.sin(tilt) * local[:, 2]
    z = -np.sin(tilt) * local[:, 1] + np.cos(tilt) * local[:, 2]
    x = np.cos(flare) * local[:, 0] + np.sin(flare) * z
    z = -np.sin(flare) * local[:, 0] + np.cos(flare) * z
    ear = np.stack([x, y, z], axis=1)
    narrow = 1.0 - 0.16 * np.clip(-y / 3.0, -1.0, 1.0)
    shell = ellipsoid(
        ear * np.stack([np.ones_like(y), np.ones_like(y), 1.0 / narrow], 1), (0, 0, 0), (0.62, 3.15, 1.8)
    )
    bowl = ellipsoid(ear, (0.75, 0.15, 0.25), (0.55, 2.3, 1.15))
    shell = smooth_cut(shell, bowl, 0.3)
    ridge = tube(ear, ((0.28, 1.3, -0.5), (0.34, -0.2, -0.55), (0.3, -1.2, 0.1)), (0.26, 0.26, 0.24))
    shell = smooth_union(shell, ridge, 0.25)
    tragus = ellipsoid(ear, (0.25, -0.2, 1.35), (0.35, 0.55, 0.35))
    return smooth_union(shell, tragus, 0.3)


def hair(points: FloatArray) -> FloatArray:
    """Short hair, parted on the figure's left and swept to the other side; both sides."""
    x, y, z = points.T
    cap = ellipsoid(points, (0.0, 167.4, 0.8), (8.1, 8.9, 10.0))
    crown = ellipsoid(points, (-0.6, 171.6, 2.6), (6.7, 5.3, 7.6))
    cap = smooth_union(cap, crown, 2.0)
    quiff = tube(points, ((3.4, 172.2, 8.6), (0.0, 173.4, 9.4), (-4.2, 171.8, 7.6)), (1.3, 1.9, 1.5))
    cap = smooth_union(cap, quiff, 2.4)
    cap = cap + locks(points)
    part = np.exp(-(((x - 3.6) / 0.45) ** 2)) * smooth_step(y, 169.5, 173.5) * smooth_step(z, -4.0, 1.0)
    cap = cap + 0.4 * part
    return smooth_intersection(cap, hairline(points), 1.1)


def locks(points: FloatArray) -> FloatArray:
    """Centimetres by which the hair lies in below its outer form, between locks that run from the parting."""
    x, y, z = points.T
    swept = np.arctan2(x - 3.6, 15.0 - z)
    flow = 0.30 * y + 0.35 * z
    coarse = np.sin(11.0 * swept + 0.5 * flow + 0.6 * np.sin(0.45 * y))
    fine = np.sin(27.0 * swept + 0.8 * flow + 0.8 * np.sin(0.7 * z))
    inlay: FloatArray = 0.16 * (1.0 - np.abs(coarse)) ** 2 * 2.0 - 0.1 + 0.05 * fine
    return inlay


def hairline(points: FloatArray) -> FloatArray:
    """Negative where hair grows: high over the forehead, before the ears to their middle, low in the neck."""
    x, y, z = points.T
    limit = np.interp(
        z, [-9.0, -5.0, -1.8, -0.6, 1.0, 2.4, 3.6, 5.0, 6.6, 8.6, 12.0],
        [155.8, 157.2, 160.4, 165.2, 164.0, 162.2, 162.8, 165.4, 168.2, 170.0, 170.6],
    )  # fmt: skip
    limit = limit + 0.6 * np.exp(-(((x - 3.6) / 1.8) ** 2)) * smooth_step(z, 6.0, 9.0)
    line: FloatArray = (limit - y) * 0.8
    return line
