"""The colour of each point of the skin, by rule. sRGB, 0 to 1."""

from __future__ import annotations

import numpy as np

from kinematics.actors.default.skin.fields import smooth_step
from kinematics.actors.default.skin.head import EYE, EYE_RADIUS, LID_RADIUS, hair, lid_edges, lip_line
from kinematics.actors.default.skin.trunk_and_limbs import (
    SHIRT_HEM,
    SLEEVE_END,
    TROUSER_END,
    along_upper_arm,
    hand_axes,
    landmarks,
)
from kinematics.arrays import FloatArray

_SKIN = np.array([0.90, 0.71, 0.61])
_BLUSH, _LIP = np.array([0.88, 0.54, 0.47]), np.array([0.76, 0.44, 0.42])
_HAIR, _HAIR_LIGHT = np.array([0.17, 0.105, 0.075]), np.array([0.33, 0.21, 0.14])
_SHIRT, _TROUSERS, _SHOE = (
    np.array([0.19, 0.41, 0.50]),
    np.array([0.17, 0.18, 0.24]),
    np.array([0.80, 0.78, 0.74]),
)
_SOLE, _COLLAR = np.array([0.93, 0.92, 0.90]), np.array([0.16, 0.35, 0.44])
_MOUTH = np.array([0.30, 0.09, 0.09])
_SCLERA, _IRIS, _IRIS_EDGE = (
    np.array([0.95, 0.93, 0.91]),
    np.array([0.34, 0.25, 0.15]),
    np.array([0.13, 0.09, 0.06]),
)
_TOOTH, _GUM, _TONGUE = (
    np.array([0.95, 0.92, 0.86]),
    np.array([0.72, 0.38, 0.37]),
    np.array([0.70, 0.34, 0.33]),
)


def skin_colour(points: FloatArray) -> FloatArray:
    """(N, 3) at points (N, 3) of the skin at rest, cm."""
    colour = _bare(points)
    colour = _clothed(points, colour)
    hairy = (1.0 - smooth_step(hair(points), 0.02, 0.22)) * (points[:, 1] > 154.0)
    return _over(colour, _hair_colour(points), hairy)


def eye_colour(points: FloatArray) -> FloatArray:
    """(N, 3) at points (N, 3) of either eyeball."""
    local = points - EYE * np.stack([np.sign(points[:, 0]), *np.ones((2, len(points)))], axis=1)
    direction = local / np.linalg.norm(local, axis=1, keepdims=True)
    angle = np.arccos(np.clip(direction[:, 2], -1.0, 1.0))
    around = np.arctan2(direction[:, 1], direction[:, 0])
    fibres = 0.85 + 0.25 * np.sin(31.0 * around + 3.0 * np.sin(7.0 * around)) * smooth_step(angle, 0.16, 0.3)
    colour = np.tile(_SCLERA, (len(points), 1))
    colour = _over(colour, np.array([0.86, 0.68, 0.62]), 0.5 * smooth_step(angle, 0.7, 1.15))
    iris = _over(_IRIS * fibres[:, None], _IRIS_EDGE, smooth_step(angle, 0.36, 0.46))
    colour = _over(colour, iris, 1.0 - smooth_step(angle, 0.445, 0.495))
    colour = _over(colour, np.array([0.015, 0.012, 0.012]), 1.0 - smooth_step(angle, 0.18, 0.215))
    glint = np.arccos(np.clip(direction @ _unit(-0.16, 0.20, 0.96), -1.0, 1.0))
    colour = _over(colour, np.ones(3), 1.0 - smooth_step(glint, 0.075, 0.11))
    lid_shade = smooth_step(direction[:, 1], 0.12, 0.5)
    return colour * (1.0 - 0.45 * lid_shade[:, None])


def tooth_colour(points: FloatArray) -> FloatArray:
    """(N, 3) of the teeth; gums toward the jaws."""
    x, y, z = points.T
    turn = np.arctan2(x / 1.85, (z - 7.0) / 2.85)
    gap = np.exp(-((np.sin(turn * 8.0) / 0.13) ** 2))
    colour = _TOOTH * (1.0 - 0.22 * gap[:, None])
    gum = smooth_step(np.abs(y - 157.15), 0.80, 0.92)
    depth = smooth_step(-z, -9.6, -7.5)
    shaded: FloatArray = _over(colour, _GUM, gum) * (1.0 - 0.6 * depth[:, None])
    return shaded


def tongue_colour(points: FloatArray) -> FloatArray:
    """(N, 3) of the tongue."""
    light = 0.55 + 0.45 * smooth_step(points[:, 2], 6.5, 9.5)
    colour: FloatArray = _TONGUE * light[:, None]
    return colour


def _unit(*vector: float) -> FloatArray:
    direction: FloatArray = np.array(vector) / np.linalg.norm(vector)
    return direction


def _over(below: FloatArray, above: FloatArray, cover: FloatArray) -> FloatArray:
    mixed: FloatArray = below + (above - below) * np.clip(cover, 0.0, 1.0)[:, None]
    return mixed


def _spot(points: FloatArray, x: float, y: float, width: float, height: float) -> FloatArray:
    """A soft spot on both sides of the face's front."""
    share: FloatArray = np.exp(
        -(((np.abs(points[:, 0]) - x) / width) ** 2) - ((points[:, 1] - y) / height) ** 2
    ) * smooth_step(points[:, 2], 3.0, 7.0)
    return share


def _grain(points: FloatArray, fineness: float) -> FloatArray:
    """(N,) -1 to 1, uneven as skin and cloth are."""
    x, y, z = fineness * points.T
    grain: FloatArray = (
        np.sin(x + 1.7 * np.sin(1.3 * y))
        * np.sin(1.1 * y + 1.3 * np.sin(0.9 * z))
        * np.sin(1.2 * z + np.sin(x))
    )
    return grain


def _bare(points: FloatArray) -> FloatArray:
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    colour = np.tile(_SKIN, (len(points), 1)) * (1.0 + 0.02 * _grain(points, 2.3)[:, None])
    colour = _over(colour, _BLUSH, 0.30 * _spot(points, 4.2, 160.2, 1.9, 1.6))
    colour = _over(colour, _BLUSH, 0.32 * _spot(points, 0.0, 160.3, 1.3, 1.0))
    colour = _over(colour, _BLUSH, 0.45 * smooth_step(x, 7.0, 7.8) * (y > 158.0))
    colour = _over(colour, np.array([0.72, 0.51, 0.44]), 0.22 * _spot(points, 3.0, 163.2, 1.7, 0.7))
    colour = _over(colour, np.array([0.74, 0.54, 0.46]), 0.25 * _spot(points, 3.1, 165.2, 1.6, 0.55))
    colour = _lips(points, colour)
    # Brows: hairs along an arch, thinner toward the temple.
    along = np.clip((x - 1.0) / 4.2, 0.0, 1.0)
    arch = 166.1 + 0.85 * np.sin(np.pi * np.clip(0.72 * along + 0.04, 0, 1)) - 0.35 * along
    thick = 0.42 * (1.0 - 0.72 * along**2)
    hairs = 0.78 + 0.22 * np.sin(38.0 * x + 22.0 * y)
    brow = (1.0 - smooth_step(np.abs(y - arch) / thick, 0.55, 1.15)) * smooth_step(x, 0.85, 1.35)
    brow = brow * (1.0 - smooth_step(x, 4.9, 5.4)) * (z > 5.0) * hairs
    colour = _over(colour, _HAIR * 1.15, 0.88 * brow)
    colour = _lashes(points, colour)
    nostril = (
        _spot(points, 0.58, 159.5, 0.30, 0.34)
        * smooth_step(z, 12.2, 12.6)
        * smooth_step(-y, -159.75, -159.45)
    )
    colour = _over(colour, np.array([0.30, 0.14, 0.12]), 0.9 * nostril)
    return _nails(points, colour)


def _lips(points: FloatArray, colour: FloatArray) -> FloatArray:
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    share = np.clip(1.0 - (x / 2.55) ** 2, 0.0, 1.0)
    above = (0.70 - 0.16 * np.exp(-((x / 0.35) ** 2))) * share**0.75
    below = 0.95 * share**0.6
    offset = y - lip_line(points[:, 0])
    edge = np.where(offset > 0, offset - above, -offset - below)
    lip = (1.0 - smooth_step(edge, -0.10, 0.07)) * smooth_step(z, 9.0, 9.6) * (x < 2.6)
    colour = _over(colour, _LIP, 0.9 * lip)
    inside = np.sum(((points - (0.0, 157.3, 7.6)) / (2.75, 2.25, 3.2)) ** 2, axis=1)
    within = (1.0 - smooth_step(inside, 0.95, 1.12)) * (np.abs(offset) < 2.4)
    return _over(colour, _MOUTH * (0.4 + 0.6 * smooth_step(z, 6.0, 10.0))[:, None], within)


def _lashes(points: FloatArray, colour: FloatArray) -> FloatArray:
    local = np.stack([np.abs(points[:, 0]), points[:, 1], points[:, 2]], axis=1) - EYE
    distance = np.linalg.norm(local, axis=1)
    low, high = lid_edges(local[:, 0])
    elevation = np.arctan2(local[:, 1], local[:, 2])
    near = (distance < LID_RADIUS + 0.35) & (local[:, 2] > 0.0) & (np.abs(local[:, 0]) < 1.62)
    upper = 1.0 - smooth_step(np.abs(elevation - high), 0.05, 0.12)
    lower = 1.0 - smooth_step(np.abs(elevation - low), 0.03, 0.10)
    colour = _over(colour, np.array([0.09, 0.06, 0.05]), 0.92 * upper * near)
    colour = _over(colour, np.array([0.50, 0.30, 0.26]), 0.65 * lower * near)
    room = (distance < EYE_RADIUS + 0.12) & (local[:, 2] < 1.3)
    return _over(colour, np.array([0.35, 0.16, 0.14]), room.astype(float) * (np.abs(local[:, 0]) < 1.7))


def _nails(points: FloatArray, colour: FloatArray) -> FloatArray:
    marks, axes = landmarks(), hand_axes()
    mirrored = np.stack([np.abs(points[:, 0]), points[:, 1], points[:, 2]], axis=1)
    for finger in ("index", "middle", "ring", "pinky"):
        local = (mirrored - marks[f"{finger}_null"]) @ axes
        nail = np.maximum(np.abs(local[:, 0] + 1.05) / 0.52, np.abs(local[:, 2]) / 0.42)
        cover = (1.0 - smooth_step(nail, 0.85, 1.05)) * (local[:, 1] < -0.35)
        colour = _over(colour, np.array([0.90, 0.70, 0.63]), cover)
    return colour


def _clothed(points: FloatArray, colour: FloatArray) -> FloatArray:
    mirrored = np.stack([np.abs(points[:, 0]), points[:, 1], points[:, 2]], axis=1)
    x, y, z = mirrored.T
    along = along_upper_arm(mirrored)
    collar = 151.3 - 0.42 * np.clip(z + 2.0, -1.0, 7.5)
    on_arm = (y > 128.0) | (x > 24.0)
    shirt = np.where(on_arm, 1.0 - smooth_step(along, SLEEVE_END + 0.1, SLEEVE_END + 0.4), 1.0)
    shirt = shirt * (1.0 - smooth_step(y - collar, -0.12, 0.12)) * (y > SHIRT_HEM - 2.5) * (x < 45.0)
    trousers = (y <= SHIRT_HEM - 0.35) & (x < 27.0) & (y > TROUSER_END - 0.4)
    weave = 1.0 + 0.035 * _grain(points, 5.0)[:, None]
    rim = (1.0 - smooth_step(collar - y, 1.1, 1.25)) * (y > 140.0) * (x < 12.0)
    cloth = _over(np.tile(_SHIRT, (len(points), 1)), _COLLAR, rim)
    colour = _over(colour, cloth * weave, shirt * ~trousers)
    colour = np.where(trousers[:, None], _TROUSERS * weave, colour)
    shoes = (y <= TROUSER_END - 0.4) & (x < 30.0)
    sole = y < 1.55 + 0.5 * smooth_step(-(z + 6.2), 0.0, 6.0)
    colour = np.where(shoes[:, None], np.where(sole[:, None], _SOLE, _SHOE), colour)
    laces = shoes & (np.abs(x - 17.8 - 0.08 * (z + 6.2)) < 1.5) & (z > -0.5) & (z < 5.5) & (y > 4.0)
    stripe = laces & (np.sin(4.2 * z) > 0.25)
    return np.where(stripe[:, None], _SHOE * 0.72, colour)


def _hair_colour(points: FloatArray) -> FloatArray:
    x, y, z = points.T
    swept = np.arctan2(x - 1.8, 14.0 - z)
    strands = np.sin(70.0 * swept + 2.0 * y + 1.5 * np.sin(2.2 * z)) * np.sin(
        31.0 * swept - 0.8 * y + 1.1 * z
    )
    light = 0.35 + 0.35 * strands + 0.25 * np.sin(9.0 * swept + 0.35 * y + 0.3 * z)
    return _over(np.tile(_HAIR, (len(points), 1)), _HAIR_LIGHT, light)
