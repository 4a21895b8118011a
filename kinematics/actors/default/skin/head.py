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
EYE = np.array([3.2, 164.0, 9.55])
EYE_RADIUS = 1.42
LID_RADIUS = EYE_RADIUS + 0.26
EYE_HALF_WIDTH = 1.42
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
    line: FloatArray = MOUTH[1] - 0.10 * np.exp(-((x / 0.55) ** 2)) + 0.13 * share**2
    return line


def _gap(points: FloatArray) -> FloatArray:
    """How far the lips are parted at each point; none at the corners and behind the mouth."""
    share = np.clip(np.abs(points[:, 0]) / MOUTH_WIDTH, 0.0, 1.0)
    gap: FloatArray = _PARTING * (1.0 - share**2) * smooth_step(points[:, 2], 4.0, 8.0)
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
    cranium = ellipsoid(points, (0.0, 166.6, 1.6), (7.35, 8.3, 9.5))
    forehead = ellipsoid(points, (0.0, 167.6, 5.2), (6.2, 5.6, 6.6))
    face = ellipsoid(points, (0.0, 160.6, 5.2), (5.75, 7.6, 6.95))
    value = smooth_union(smooth_union(cranium, forehead, 2.5), face, 2.5)
    jaw = tube(points, ((4.6, 160.2, 2.6), (3.9, 156.7, 4.2), (1.3, 153.9, 9.3)), (1.5, 1.5, 1.45))
    value = smooth_union(value, jaw, 2.4)
    chin = ellipsoid(points, (0.0, 154.35, 9.75), (2.0, 1.65, 1.75))
    value = smooth_union(value, chin, 1.6)
    cheekbone = ellipsoid(points, (4.35, 161.3, 8.1), (1.9, 1.5, 2.1))
    value = smooth_union(value, cheekbone, 2.6)
    cheek = ellipsoid(points, (3.5, 158.2, 8.2), (2.0, 2.4, 2.4))
    value = smooth_union(value, cheek, 2.2)
    neck = tube(points, ((0.0, 144.0, -2.4), (0.0, 151.0, -0.6), (0.0, 158.5, 0.4)), (6.3, 4.85, 4.5))
    muscle = tube(points, ((1.4, 147.2, 4.0), (3.3, 152.5, 2.0), (5.0, 159.6, -1.2)), (0.7, 0.9, 0.9))
    neck = smooth_union(neck, muscle, 1.6)
    throat = ellipsoid(points, (0.0, 151.2, 3.9), (1.3, 2.0, 1.5))
    neck = smooth_union(neck, throat, 1.4)
    return smooth_union(value, neck, 1.7)


def _features(points: FloatArray, value: FloatArray) -> FloatArray:
    brow = tube(points, ((0.9, 166.0, 10.9), (3.0, 166.55, 10.5), (5.2, 165.6, 8.2)), (0.9, 0.95, 0.85))
    value = smooth_union(value, brow, 1.5)
    socket = ellipsoid(points, (3.1, 164.0, 12.2), (2.05, 1.25, 1.75))
    value = smooth_cut(value, socket, 1.3)
    value = smooth_union(value, _lids(points), 0.55)
    value = smooth_union(value, _nose(points), 0.75)
    value = _nostril(points, value)
    value = _lips(points, value)
    return _cut_eyes(points, value)


def _lids(points: FloatArray) -> FloatArray:
    return ellipsoid(points, EYE, (LID_RADIUS + 0.12, LID_RADIUS, LID_RADIUS))


def _cut_eyes(points: FloatArray, value: FloatArray) -> FloatArray:
    """The room for the eyeballs, and the almond-shaped opening before them."""
    local = points - EYE
    room = np.linalg.norm(local, axis=1) - (EYE_RADIUS + 0.04)
    low, high = lid_edges(local[:, 0])
    elevation = np.arctan2(local[:, 1], local[:, 2])
    radius = np.hypot(local[:, 1], local[:, 2])
    window = np.maximum(elevation - high, low - elevation) * np.maximum(radius, 0.4)
    window = np.maximum(window, -local[:, 2] - 0.2)
    window = np.maximum(window, np.linalg.norm(local, axis=1) - 3.0)
    value = smooth_cut(value, window, 0.16)
    return np.maximum(value, -room)


def lid_edges(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Elevations (radians about the eye's x axis) of the lower and upper lid's edge; x from the eye's middle.

    Positive x is toward the temple, where the corner sits a trace higher.
    """
    share = np.clip(x / EYE_HALF_WIDTH, -1.25, 1.25)
    arc = np.clip(1.0 - share**2, -0.6, 1.0)
    tilt = 0.05 * share
    return tilt - 0.32 * arc * (1.0 + 0.15 * share), tilt + 0.37 * arc * (1.0 - 0.18 * share)


def _nose(points: FloatArray) -> FloatArray:
    bridge = tube(
        points,
        ((0.0, 165.6, 10.75), (0.0, 163.2, 11.7), (0.0, 161.2, 13.05), (0.0, 160.35, 13.35)),
        (0.72, 0.66, 0.78, 0.92),
    )
    wing = ellipsoid(points, (1.12, 160.0, 12.2), (0.62, 0.68, 0.95))
    base = tube(points, ((0.0, 159.75, 13.3), (0.0, 159.3, 12.2)), (0.42, 0.5))
    value = smooth_union(bridge, wing, 0.7)
    value = smooth_union(value, base, 0.4)
    flank = tube(points, ((1.0, 163.4, 10.4), (1.3, 160.8, 11.4)), (0.7, 0.8))
    return smooth_union(value, flank, 1.2)


def _nostril(points: FloatArray, value: FloatArray) -> FloatArray:
    hole = tube(points, ((0.55, 159.15, 13.0), (0.62, 159.75, 12.75)), (0.3, 0.26))
    return smooth_cut(value, hole, 0.2)


def _lips(points: FloatArray, value: FloatArray) -> FloatArray:
    muzzle = ellipsoid(points, (0.0, 157.5, 8.6), (3.3, 2.9, 3.35))
    value = smooth_union(value, muzzle, 1.7)
    philtrum = tube(points, ((0.0, 159.0, 12.55), (0.0, 158.2, 12.75)), (0.2, 0.3))
    value = smooth_cut(value, philtrum, 0.5)
    upper = tube(
        points,
        ((0.0, 157.62, 12.05), (0.55, 157.75, 12.0), (1.5, 157.6, 11.55), (2.4, 157.48, 10.85)),
        (0.42, 0.47, 0.4, 0.2),
    )
    lower = tube(
        points,
        ((0.0, 156.85, 11.9), (0.9, 156.9, 11.8), (1.7, 157.08, 11.35), (2.4, 157.42, 10.8)),
        (0.58, 0.56, 0.42, 0.2),
    )
    value = smooth_union(value, upper, 0.35)
    value = smooth_union(value, lower, 0.35)
    fold = tube(points, ((0.0, 155.75, 12.3), (1.2, 155.9, 11.9)), (0.32, 0.3))
    value = smooth_cut(value, fold, 1.0)
    crease = np.abs(points[:, 1] - lip_line(points[:, 0])) + 0.6 * np.maximum(points[:, 0] - 2.35, 0.0)
    front = np.maximum(9.5 - points[:, 2], points[:, 0] - MOUTH_WIDTH - 0.25)
    return smooth_cut(value, np.maximum(crease - 0.03, front), 0.3)


def _cut_mouth(points: FloatArray, closed_points: FloatArray, value: FloatArray) -> FloatArray:
    """The parting of the lips and the room behind them."""
    gap = 0.5 * _gap(points)
    slit = np.abs(points[:, 1] - lip_line(points[:, 0])) - gap
    slit = np.maximum(slit, 7.0 - points[:, 2])
    slit = np.maximum(slit, np.abs(points[:, 0]) - MOUTH_WIDTH)
    room = ellipsoid(closed_points, (0.0, 157.3, 7.6), (2.6, 2.1, 3.3))
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
    """Short hair, parted on the figure's left; both sides."""
    x, y, z = points.T
    cap = ellipsoid(points, (0.0, 167.3, 1.0), (8.15, 8.9, 9.9))
    crown = ellipsoid(points, (-0.8, 171.2, 3.4), (6.6, 5.0, 7.0))
    cap = smooth_union(cap, crown, 2.0)
    swept = np.arctan2(x - 1.8, 14.0 - z)
    waves = 0.13 * np.sin(9.0 * swept + 0.35 * y + 0.3 * z) + 0.07 * np.sin(23.0 * swept - 0.5 * z + 0.4 * y)
    cap = cap + waves
    part = np.exp(-(((x - 3.2) / 0.5) ** 2)) * smooth_step(y, 170.0, 174.0)
    cap = cap + 0.35 * part
    return smooth_intersection(cap, hairline(points), 0.9)


def hairline(points: FloatArray) -> FloatArray:
    """Negative where hair grows: high over the forehead, before the ears to their middle, low in the neck."""
    x, y, z = points.T
    limit = np.interp(
        z, [-9.0, -5.0, -1.6, -0.4, 1.6, 3.4, 5.2, 8.0, 12.0],
        [155.6, 157.4, 160.6, 165.9, 165.2, 163.4, 167.2, 170.2, 170.7],
    )  # fmt: skip
    limit = limit + 0.5 * np.exp(-(((x - 3.2) / 1.6) ** 2)) * smooth_step(z, 6.0, 9.0)
    line: FloatArray = (limit - y) * 0.8
    return line
