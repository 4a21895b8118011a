"""What each expression code does to the skin: displacements by rule, centimetres at code 1.

Points are those of the closed face at rest; where upper and lower lip touch, `parted` tells them apart.
"""

from __future__ import annotations

import numpy as np

from kinematics.actors.default.skin.fields import smooth_step
from kinematics.actors.default.skin.head import EYE, MOUTH_WIDTH, lip_line, parting
from kinematics.arrays import FloatArray
from kinematics.face_codes import FACE_CODE_NAMES

_HINGE = np.array([0.0, 159.6, 3.0])
_JAW_RADIANS = 0.27
_LIPS_HANG = MOUTH_WIDTH + 0.1
"""Half the width of the open mouth, before its corners draw in."""
_LEAST_PARTING = 0.08
"""Centimetres of half the parting, toward the corners, over which upper and lower lip run into each other."""


def displacements(points: FloatArray, parted: FloatArray) -> FloatArray:
    """(codes, N, 3), in the order of FACE_CODE_NAMES.

    points: (N, 3) at rest, lips closed. parted: (N, 3), the same in the state in which the head is meshed.
    """
    by_name = {
        "jaw_open": _jaw_open(points, parted),
        "lips_wide": _lips_wide(points),
        "lips_round": _lips_round(points, parted),
        "brows_up": _brows_up(points),
        "blink": _blink(points),
        "smile": _smile(points),
    }
    return np.stack([by_name[name] for name in FACE_CODE_NAMES])


def jaw_share(points: FloatArray, parted: FloatArray) -> FloatArray:
    """(N,) how far the skin follows the jaw: sharply divided between the lips, gradually in the cheeks."""
    x = np.abs(points[:, 0])
    under = lip_line(parted[:, 0]) - parted[:, 1]
    reach = 0.30 + 3.0 * smooth_step(x, 0.8, 4.4) + 1.2 * smooth_step(-points[:, 2], -5.5, -3.0)
    below = smooth_step(under / reach, -1.0, 1.0)
    # The lips' edges hang between the corners as halves of an ellipse.
    arc = np.sqrt(np.clip(1.0 - (x / _LIPS_HANG) ** 2, 0.0, 1.0))
    edge = np.clip(under / np.maximum(0.5 * parting(parted[:, 0]), _LEAST_PARTING), -1.0, 1.0)
    near = (1.0 - smooth_step(np.abs(under), 0.45, 1.2)) * smooth_step(points[:, 2], 8.5, 9.5)
    below = below + near * (0.5 + 0.5 * arc * edge - below)
    share: FloatArray = below * smooth_step(points[:, 2], 1.0, 6.5) * smooth_step(points[:, 1], 148.5, 152.6)
    return share


def jaw_turn(points: FloatArray) -> FloatArray:
    """(N, 3) displacement of points (N, 3) that the open jaw carries rigidly."""
    local = points - _HINGE
    cosine, sine = np.cos(_JAW_RADIANS), np.sin(_JAW_RADIANS)
    turned = np.stack(
        [
            local[:, 0],
            cosine * local[:, 1] - sine * local[:, 2],
            sine * local[:, 1] + cosine * local[:, 2],
        ],
        axis=1,
    )
    displacement: FloatArray = turned - local
    return displacement


def _jaw_open(points: FloatArray, parted: FloatArray) -> FloatArray:
    moved = jaw_turn(points) * jaw_share(points, parted)[:, None]
    moved[:, 0] -= 0.12 * points[:, 0] * _around_mouth(points)
    return moved


def _around_mouth(points: FloatArray) -> FloatArray:
    x, y, z = points.T
    share: FloatArray = (
        np.exp(-(((y - 157.3) / 1.7) ** 2)) * np.exp(-((np.abs(x) / 3.6) ** 4)) * smooth_step(z, 5.5, 9.0)
    )
    return share


def _lips_wide(points: FloatArray) -> FloatArray:
    x, share = points[:, 0], _around_mouth(points)
    moved = np.zeros_like(points)
    moved[:, 0] = 0.72 * np.tanh(x / 1.6) * share
    moved[:, 2] = -0.28 * share * np.minimum(np.abs(x) / 2.4, 1.0)
    moved[:, 1] = -0.06 * (points[:, 1] - 157.3) * share
    return moved


def _lips_round(points: FloatArray, parted: FloatArray) -> FloatArray:
    x, share = points[:, 0], _around_mouth(points)
    across = np.clip(1.0 - (x / (MOUTH_WIDTH + 0.3)) ** 2, 0.0, 1.0)
    side = np.sign(parted[:, 1] - lip_line(parted[:, 0]))
    near = np.exp(-(((points[:, 1] - 157.3) / 1.1) ** 2))
    moved = np.zeros_like(points)
    moved[:, 0] = -0.44 * x * share
    moved[:, 1] = np.where(side > 0, 0.02, -0.05) * across * near * share
    moved[:, 2] = 0.85 * across * share
    return moved


def _brows_up(points: FloatArray) -> FloatArray:
    x, y, z = points.T
    share = smooth_step(y, 164.9, 166.3) * (1.0 - smooth_step(y, 167.2, 171.0))
    share = share * smooth_step(z, 4.5, 8.5) * (0.8 + 0.2 * smooth_step(np.abs(x), 0.5, 3.0))
    moved = np.zeros_like(points)
    moved[:, 1], moved[:, 2] = 0.85 * share, -0.12 * share
    return moved


def _blink(points: FloatArray) -> FloatArray:
    """The lids themselves are pieces of their own (`parts`); the flesh around them follows a little."""
    moved = np.zeros_like(points)
    for side in (1.0, -1.0):
        local = (points - EYE * (side, 1.0, 1.0)) * (side, 1.0, 1.0)
        x, y, z = local.T
        near = np.exp(-((x / 1.9) ** 2)) * smooth_step(z, -0.2, 0.5)
        above = np.exp(-(((y - 1.3) / 0.8) ** 2)) * near
        below = np.exp(-(((y + 1.2) / 0.8) ** 2)) * near
        moved[:, 1] += 0.10 * below - 0.14 * above
    return moved


def _smile(points: FloatArray) -> FloatArray:
    x, y, z = points.T
    side, x = np.sign(x), np.abs(x)
    front = smooth_step(z, 4.5, 8.0)
    # Between the corners the lips curve, without a kink in the middle.
    across = np.where(x < 2.5, (x / 2.5) ** 1.8, np.exp(-(((x - 2.5) / 1.5) ** 2)))
    corner = across * np.exp(-(((y - 157.4) / 1.6) ** 2)) * front
    cheek = np.exp(-(((x - 4.0) / 1.7) ** 2) - ((y - 160.6) / 1.7) ** 2) * front
    middle = np.exp(-((x / 1.6) ** 2)) * _around_mouth(points)
    moved: FloatArray = np.stack(
        [
            side * (0.62 * corner + 0.1 * cheek),
            0.78 * corner + 0.34 * cheek - 0.06 * middle,
            0.22 * cheek - 0.3 * corner,
        ],
        axis=1,
    )
    return moved
