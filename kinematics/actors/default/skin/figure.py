"""The whole sculpture as one field, and what state its parts are in."""

from __future__ import annotations

import numpy as np

from kinematics.actors.default.skin.fields import smooth_union
from kinematics.actors.default.skin.head import head
from kinematics.actors.default.skin.trunk_and_limbs import body
from kinematics.arrays import FloatArray

LOW, HIGH = np.array([-66.0, -3.0, -25.0]), np.array([66.0, 180.0, 27.0])
"""A box that holds the figure."""
_HEAD_FROM, _BODY_TO = 140.0, 158.0
_OUTSIDE = 50.0


def figure(points: FloatArray) -> FloatArray:
    """Head and body, lips parted: (N,) at points (N, 3)."""
    mirrored = np.abs(points * (1, 0, 0)) + points * (0, 1, 1)
    above, below = points[:, 1] > _HEAD_FROM, points[:, 1] < _BODY_TO
    of_head, of_body = np.full(len(points), _OUTSIDE), np.full(len(points), _OUTSIDE)
    of_head[above], of_body[below] = head(points[above]), body(mirrored[below])
    return smooth_union(of_head, of_body, 1.8)
