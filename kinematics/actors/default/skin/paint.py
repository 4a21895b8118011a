"""The colour of each point of the skin, by rule. sRGB, 0 to 1."""

from __future__ import annotations

import numpy as np

from kinematics.actors.default.skin.fields import smooth_step
from kinematics.actors.default.skin.head import (
    EYE,
    EYE_HALF_WIDTH,
    EYE_RADIUS,
    ROOM,
    hair,
    lid_edges,
    lip_line,
    locks,
)
from kinematics.actors.default.skin.trunk_and_limbs import (
    SHIRT_HEM,
    SLEEVE_END,
    TROUSER_END,
    along_upper_arm,
    hand_axes,
    landmarks,
)
from kinematics.arrays import Array, FloatArray

_SKIN = np.array([0.93, 0.75, 0.645])
_BLUSH, _LIP = np.array([0.92, 0.56, 0.48]), np.array([0.80, 0.50, 0.46])
_WARM, _COOL = np.array([0.94, 0.70, 0.57]), np.array([0.88, 0.72, 0.64])
_HAIR, _HAIR_LIGHT = np.array([0.185, 0.115, 0.085]), np.array([0.40, 0.26, 0.17])
_SHIRT, _TROUSERS, _SHOE = (
    np.array([0.19, 0.41, 0.50]),
    np.array([0.185, 0.205, 0.285]),
    np.array([0.80, 0.78, 0.74]),
)
_SOLE, _COLLAR = np.array([0.93, 0.92, 0.90]), np.array([0.16, 0.35, 0.44])
_MOUTH = np.array([0.30, 0.09, 0.09])
_SCLERA, _IRIS, _IRIS_EDGE = (
    np.array([0.86, 0.84, 0.82]),
    np.array([0.42, 0.29, 0.16]),
    np.array([0.12, 0.08, 0.055]),
)
_LID = np.array([0.86, 0.62, 0.54])
_LASH, _WATERLINE = np.array([0.07, 0.045, 0.04]), np.array([0.72, 0.46, 0.41])
_TOOTH, _GUM, _TONGUE = (
    np.array([0.86, 0.83, 0.78]),
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
    fibres = 0.92 + 0.22 * np.sin(31.0 * around + 3.0 * np.sin(7.0 * around)) * smooth_step(angle, 0.2, 0.34)
    # Light that falls in from above gathers in the lower half.
    lit = 1.0 + 0.55 * smooth_step(-np.sin(around), -0.2, 0.9) * smooth_step(angle, 0.16, 0.3)
    colour = np.tile(_SCLERA, (len(points), 1))
    colour = _over(colour, np.array([0.80, 0.62, 0.56]), 0.55 * smooth_step(angle, 0.72, 1.15))
    iris = _over(_IRIS * (fibres * lit)[:, None], _IRIS_EDGE, smooth_step(angle, 0.40, 0.50))
    colour = _over(colour, iris, 1.0 - smooth_step(angle, 0.47, 0.54))
    colour = _over(colour, np.array([0.015, 0.012, 0.012]), 1.0 - smooth_step(angle, 0.20, 0.235))
    lid_shade = smooth_step(direction[:, 1], 0.02, 0.46)
    return colour * (1.0 - 0.55 * lid_shade[:, None])


def lid_colour(points: FloatArray) -> FloatArray:
    """(N, 3) at points (N, 3) of any lid: skin, lashes along its edge."""
    local = np.stack([np.abs(points[:, 0]), points[:, 1], points[:, 2]], axis=1) - EYE
    low, high = lid_edges(np.clip(local[:, 0], -EYE_HALF_WIDTH, EYE_HALF_WIDTH))
    elevation = np.arctan2(local[:, 1], local[:, 2])
    upper = elevation > 0.5 * (low + high)
    share = np.clip(local[:, 0] / EYE_HALF_WIDTH, -1.0, 1.0)
    colour = _bare(points)
    colour = 0.93 * _over(colour, _LID, 0.35 * np.ones(len(points)))
    from_edge = np.where(upper, elevation - high, low - elevation)
    # A liner of lashes, thicker toward the temple.
    reach = np.where(upper, 0.085 + 0.05 * share, 0.022)
    lash = 1.0 - smooth_step(from_edge, reach, reach + np.where(upper, 0.03, 0.06))
    colour = _over(colour, np.where(upper[:, None], _LASH, _WATERLINE), lash * np.where(upper, 0.95, 0.7))
    inner = np.linalg.norm(local, axis=1) < EYE_RADIUS + 0.1
    return np.where(inner[:, None], colour * 0.75, colour)


def tooth_colour(points: FloatArray) -> FloatArray:
    """(N, 3) of the teeth; gums toward the jaws."""
    x, y, z = points.T
    turn = np.arctan2(x / 1.95, (z - 8.15) / 2.85)
    gap = np.exp(-((np.sin(turn * 8.0) / 0.13) ** 2))
    colour = _TOOTH * (1.0 - 0.22 * gap[:, None])
    gum = smooth_step(np.abs(y - 157.15), 0.80, 0.92)
    depth = smooth_step(-z, -10.5, -8.5)
    shaded: FloatArray = _over(colour, _GUM, gum) * (1.0 - 0.7 * depth[:, None])
    return shaded


def tongue_colour(points: FloatArray) -> FloatArray:
    """(N, 3) of the tongue."""
    light = 0.55 + 0.45 * smooth_step(points[:, 2], 7.2, 10.2)
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
    colour = np.tile(_SKIN, (len(points), 1))
    colour = colour * (1.0 + 0.012 * _grain(points, 2.3) + 0.012 * _grain(points, 0.8))[:, None]
    # The forehead is yellower, the middle of the face redder, the jaw cooler.
    colour = _over(colour, _WARM, 0.30 * _spot(points, 0.0, 161.0, 5.5, 2.6))
    colour = _over(colour, _COOL, 0.35 * _spot(points, 2.5, 154.6, 3.2, 1.8))
    colour = _over(colour, _BLUSH, 0.30 * _spot(points, 4.1, 160.3, 1.9, 1.5))
    colour = _over(colour, _BLUSH, 0.26 * _spot(points, 0.0, 160.5, 1.2, 0.9))
    colour = _over(colour, _BLUSH, 0.40 * smooth_step(x, 7.0, 7.8) * (y > 158.0))
    colour = _over(colour, _LID, 0.28 * _spot(points, 3.0, 163.0, 1.8, 0.8))
    colour = _over(colour, _LID, 0.28 * _spot(points, 3.1, 165.2, 1.9, 0.6))
    colour = _lips(points, colour)
    colour = _brows(points, colour)
    nostril = (
        _spot(points, 0.58, 159.65, 0.26, 0.26)
        * smooth_step(z, 12.0, 12.4)
        * smooth_step(-y, -159.85, -159.6)
    )
    colour = _over(colour, np.array([0.36, 0.17, 0.14]), 0.85 * nostril)
    return _nails(points, colour)


def _brows(points: FloatArray, colour: FloatArray) -> FloatArray:
    """Hairs along an arch, thinner toward the temple, that lean outward."""
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    along = np.clip((x - 1.05) / 4.5, 0.0, 1.0)
    arch = 166.55 + 0.55 * np.sin(np.pi * np.clip(0.80 * along + 0.02, 0, 1)) - 0.35 * along
    thick = 0.44 * (1.0 - 0.65 * along**2) * smooth_step(x, 0.7, 1.4)
    lean = np.interp(along, [0.0, 0.5, 1.0], [0.5, 1.5, 2.6])
    hairs = np.sin(24.0 * (x - lean * (y - arch)) + 2.0 * np.sin(9.0 * x))
    ragged = np.abs(y - arch) / np.maximum(thick * (1.0 + 0.12 * hairs), 1e-3)
    brow = 1.0 - smooth_step(ragged, 0.55, 1.2)
    brow = (
        brow
        * smooth_step(x, 0.85, 1.3)
        * (1.0 - smooth_step(x, 5.1, 5.7))
        * (z > 4.5)
        * (0.92 + 0.08 * hairs)
    )
    return _over(colour, _HAIR * 1.1, 0.9 * brow)


def _lips(points: FloatArray, colour: FloatArray) -> FloatArray:
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    share = np.clip(1.0 - (x / 2.55) ** 2, 0.0, 1.0)
    above = (0.66 - 0.16 * np.exp(-((x / 0.4) ** 2))) * share**0.75
    below = 0.88 * share**0.6
    offset = y - lip_line(points[:, 0])
    edge = np.where(offset > 0, offset - above, -offset - below)
    lip = (1.0 - smooth_step(edge, -0.18, 0.12)) * smooth_step(z, 9.0, 9.6) * (x < 2.6)
    tone = np.where((offset > 0)[:, None], 0.93 * _LIP, _LIP)
    lines = 1.0 + 0.03 * np.sin(16.0 * x + 1.5 * np.sin(5.0 * x))
    colour = _over(colour, tone * lines[:, None], 0.85 * lip)
    line = np.exp(-((offset / 0.09) ** 2)) * smooth_step(z, 9.5, 10.2) * (1.0 - smooth_step(x, 2.3, 2.7))
    colour = _over(colour, np.array([0.45, 0.20, 0.18]), 0.75 * line)
    inside = np.sum(((points - ROOM) / (2.75, 2.25, 3.2)) ** 2, axis=1)
    within = (1.0 - smooth_step(inside, 0.95, 1.12)) * (np.abs(offset) < 2.4)
    return _over(colour, _MOUTH * (0.35 + 0.65 * smooth_step(z, 7.0, 11.0))[:, None], within)


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
    weave = 1.0 + 0.025 * _grain(points, 5.0)[:, None] + 0.02 * _grain(points, 0.5)[:, None]
    rim = (1.0 - smooth_step(collar - y, 1.1, 1.25)) * (y > 140.0) * (x < 12.0)
    hems = np.where(on_arm & (x > 24.0), SLEEVE_END - along, y - SHIRT_HEM)
    stitched = np.exp(-(((hems - 1.6) / 0.16) ** 2)) * ((y < 92.0) | (x > 24.0))
    rim = np.maximum(rim, 0.8 * stitched)
    cloth = _over(np.tile(_SHIRT, (len(points), 1)), _COLLAR, rim)
    colour = _over(colour, cloth * weave, shirt * ~trousers)
    colour = np.where(trousers[:, None], _denim(mirrored) * weave, colour)
    shoes = (y <= TROUSER_END - 0.4) & (x < 30.0)
    sole = y < 1.55 + 0.5 * smooth_step(-(z + 6.2), 0.0, 6.0)
    colour = np.where(shoes[:, None], np.where(sole[:, None], _SOLE, _SHOE), colour)
    laces = shoes & (np.abs(x - 17.8 - 0.08 * (z + 6.2)) < 1.5) & (z > -0.5) & (z < 5.5) & (y > 4.0)
    stripe = laces & (np.sin(4.2 * z) > 0.25)
    return np.where(stripe[:, None], _SHOE * 0.72, colour)


def _denim(points: FloatArray) -> FloatArray:
    """Worn lighter over thighs and knees; seams and hems darker. Points with x >= 0."""
    x, y, z = points.T
    front = smooth_step(z, -2.0, 6.0)
    worn = np.exp(-(((y - 62.0) / 20.0) ** 2)) * np.exp(-(((x - 13.0) / 5.0) ** 2)) * front
    colour = _TROUSERS * (1.0 + 0.55 * worn)[:, None]
    pocket = np.exp(-((((y - 84.0) - 1.3 * (x - 14.0)) / 0.3) ** 2)) * (y > 79.0) * front
    fly = np.exp(-(((x - 0.1) / 0.16) ** 2)) * (y > 76.0) * front
    side = np.exp(-(((z - np.interp(y, [8.0, 50.5, 92.0], [-6.2, -2.6, 0.0])) / 0.22) ** 2)) * (x > 14.0)
    hem = np.exp(-(((y - TROUSER_END - 2.2) / 0.16) ** 2))
    return _over(colour, 0.72 * _TROUSERS, np.max([pocket, fly, 0.8 * side, 0.9 * hem], axis=0))


def _hair_colour(points: FloatArray) -> FloatArray:
    x, y, z = points.T
    swept = np.arctan2(x - 3.6, 15.0 - z)
    strands = np.sin(80.0 * swept + 2.0 * y + 1.5 * np.sin(2.2 * z)) * np.sin(
        37.0 * swept - 0.8 * y + 1.1 * z
    )
    light = 0.22 + 0.22 * strands + 1.1 * (0.1 - locks(points))
    light = light + 0.18 * smooth_step(y, 169.0, 174.0)
    return _over(np.tile(_HAIR, (len(points), 1)), _HAIR_LIGHT, light)


def matters(points: FloatArray, names: Array) -> Array:
    """(N,) names from `GLOSS` of what is at points (N, 3); names (N,): "skin", or the piece they are on."""
    inside = np.sum(((points - ROOM) / (2.9, 2.4, 3.4)) ** 2, axis=1) < 1.0
    on_hand = (np.abs(points[:, 0]) > 45.0) | (along_upper_arm(_mirrored(points)) > SLEEVE_END)
    bare = (points[:, 1] > 150.0 - 0.42 * np.clip(points[:, 2] + 2.0, -1.0, 7.5)) | (
        on_hand & (np.abs(points[:, 0]) > 24.0)
    )
    hairy = (hair(points) < 0.12) & (points[:, 1] > 154.0)
    return np.select(
        [
            names == "eye",
            (names == "teeth") | (names == "tongue"),
            names == "lid",
            inside,
            hairy,
            bare,
            points[:, 1] < TROUSER_END - 0.4,
        ],
        ["eye", "wet", "skin", "mouth", "hair", "skin", "shoe"],
        "cloth",
    )


def _mirrored(points: FloatArray) -> FloatArray:
    return np.stack([np.abs(points[:, 0]), points[:, 1], points[:, 2]], axis=1)


def creases(points: FloatArray) -> FloatArray:
    """(N, 3) how much of the light the brows' raising, a smile and rounded lips take from skin, 0 to 1."""
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    front = smooth_step(z, 4.0, 7.5)
    wave = 0.18 * np.sin(0.9 * x) - 0.02 * x**2
    lines = sum(np.exp(-(((y - height - wave) / 0.16) ** 2)) for height in (168.0, 168.9, 169.7))
    forehead = 0.34 * lines * (1.0 - smooth_step(x, 2.4, 4.8)) * front
    # From beside the nose round the mouth's corner, and fanned out from the eye's.
    along = np.clip((159.6 - y) / 3.2, 0.0, 1.0)
    fold = np.exp(-(((x - 1.75 - 1.75 * along**0.8) / 0.20) ** 2)) * np.sin(np.pi * along)
    eye_corner = np.stack([x - 4.75, y - 163.9], axis=1)
    angle = np.arctan2(eye_corner[:, 1], eye_corner[:, 0])
    reach = np.linalg.norm(eye_corner, axis=1)
    feet = np.clip(np.cos(9.0 * angle), 0.0, 1.0) ** 6 * np.exp(-(((reach - 0.9) / 0.5) ** 2))
    smiling = (0.40 * fold + 0.28 * feet * (np.abs(angle) < 0.8)) * front
    lip = np.exp(-((x / 2.0) ** 4) - ((y - 157.25) / 0.9) ** 2) * smooth_step(z, 9.5, 10.5)
    rounding = 0.22 * np.clip(np.sin(9.0 * x + 0.9), 0.0, 1.0) ** 3 * lip
    taken: FloatArray = np.clip(np.stack([forehead, smiling, rounding], axis=1), 0.0, 1.0)
    return taken


GLOSS = {"skin": 0.36, "mouth": 0.1, "hair": 0.30, "cloth": 0.0, "shoe": 0.3, "eye": 1.0, "wet": 0.5}
"""How much each matter shines, 0 to 1."""
