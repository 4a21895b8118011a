"""Legs that keep the soles where they stand while the pelvis moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from kinematics.body import Body

from .chain import Chain

_SPREAD = np.array(
    [0.05, 0.25, 0.25, 0.4, 0.25, 0.25, 0.25, 0.01, 0.01]
)  # of hip rx ry rz, knee, shin, ankle, sole, ...
_PRIOR = np.array([0.08, -0.05, -0.06, 0.2, -0.15, -0.1, 0.0, 0.0, 0.0])
_SLACK = 0.3  # cm by which a leg stays shorter than its bones: the knee keeps a bend of 10 degrees
_FORESIGHT = 24  # frames over which the pelvis is lowered


@dataclass(frozen=True)
class Stance:
    """Where a foot stands: its subtalar joint beside the middle and before the hips (cm), toes turned out
    (rad).
    """

    beside: float
    before: float
    toes_out: float


LEFT_STANCE = Stance(beside=12.5, before=-2.5, toes_out=0.22)
RIGHT_STANCE = Stance(beside=12.5, before=-5.0, toes_out=0.28)


def plant_legs(body: Body, root: np.ndarray, knee_turn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Right and left leg parameters (T, 9) each that hold both feet still under the root parameters (T, 6).

    knee_turn (T, 2): how far each knee falls inward of its usual place, radians: what fixed feet leave free.
    """
    root_at, root_axes = Chain.between(body, "body_world", "b_root").tip(root)
    legs = []
    for index, (side, mirror, stance) in enumerate((("r", -1.0, RIGHT_STANCE), ("l", 1.0, LEFT_STANCE))):
        at, axes = _standing(body, side, mirror, stance)
        chain = Chain.between(body, "b_root", f"b_{side}_subtalar")
        local_at = np.einsum("tji,tj->ti", root_axes, at - root_at)
        local_axes = np.einsum("tji,jk->tik", root_axes, axes)
        free = len(chain.columns)
        leg = np.zeros((len(root), 9))
        prior = np.tile(_PRIOR[:free], (len(root), 1))
        prior[:, 0] += knee_turn[:, index]
        leg[:, :free] = chain.reach(
            local_at,
            local_axes,
            prior,
            _SPREAD[:free],
            position_tolerance=0.01,
            axes_tolerance=np.full(3, 0.002),
            iterations=6,
        )
        legs.append(leg)
    return legs[0], legs[1]


def lower_to_reach(body: Body, root: np.ndarray) -> np.ndarray:
    """Root parameters (T, 6) lowered, smoothly, where a straight leg would not reach its foot."""
    lowered = np.zeros(len(root))
    for side, mirror, stance in (("r", -1.0, RIGHT_STANCE), ("l", 1.0, LEFT_STANCE)):
        to_hip = Chain.between(body, "body_world", f"b_{side}_upleg")
        parameters = np.zeros((len(root), len(to_hip.columns)))
        parameters[:, :6] = root
        hip, _ = to_hip.tip(parameters)
        foot_at, foot_axes = _standing(body, side, mirror, stance)
        below_ankle = Chain.between(body, f"b_{side}_foot_twist", f"b_{side}_subtalar")
        under, under_axes = below_ankle.tip(np.zeros(len(below_ankle.columns)))
        ankle = foot_at - foot_axes @ under_axes.T @ under
        knee, shin = (
            np.linalg.norm(offset)
            for offset in Chain.between(body, f"b_{side}_upleg", f"b_{side}_foot_twist").offsets
        )
        away = ((hip - ankle)[:, [0, 2]] ** 2).sum(axis=1)
        highest = ankle[1] + np.sqrt((knee + shin - _SLACK) ** 2 - away)
        lowered = np.maximum(lowered, hip[:, 1] - highest)
    lowered = gaussian_filter1d(maximum_filter1d(lowered, 2 * _FORESIGHT + 1), _FORESIGHT / 3)
    return root - lowered[:, None] * (0.0, 0.1, 0.0, 0.0, 0.0, 0.0)


def _standing(body: Body, side: str, mirror: float, stance: Stance) -> tuple[np.ndarray, np.ndarray]:
    """World position (3,) and axes (3, 3) of a planted foot: the rest foot, turned about the vertical and
    moved.
    """
    chain = Chain.between(body, "body_world", f"b_{side}_subtalar")
    at, axes = chain.tip(np.zeros(len(chain.columns)))
    cos, sin = np.cos(mirror * stance.toes_out), np.sin(mirror * stance.toes_out)
    about_vertical = np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])
    return np.array([mirror * stance.beside, at[1], stance.before]), about_vertical @ axes
