"""The dressed body below the chin: T-shirt, trousers, shoes, bare forearms and hands.

Skeleton space in the bind pose, centimetres. Everything is symmetric, so fields take points with x >= 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from kinematics.actors.default.anatomy import joints
from kinematics.actors.default.definition import FINGERS
from kinematics.actors.default.skin.fields import (
    column,
    ellipsoid,
    smooth_cut,
    smooth_intersection,
    smooth_step,
    smooth_union,
    tube,
)
from kinematics.arrays import FloatArray

_SHIRT = (
    # height, half width, half depth, z of the middle
    (87.5, 16.9, 11.4, -1.0), (92.0, 17.0, 11.6, -1.0), (97.0, 16.2, 11.0, -1.2),
    (103.0, 14.9, 10.4, -1.5), (109.0, 14.4, 10.2, -1.8), (116.0, 15.0, 10.7, -2.1),
    (123.0, 16.0, 11.3, -2.3), (130.0, 16.9, 11.6, -2.3), (136.0, 17.0, 10.9, -2.3),
    (141.0, 16.3, 9.6, -2.3), (145.0, 13.6, 8.2, -2.1), (148.0, 9.4, 7.0, -1.6),
    (151.0, 6.8, 6.2, -1.0),
)  # fmt: skip
_HIPS = (
    (78.0, 15.2, 8.6, -1.0), (83.0, 16.3, 10.0, -1.2), (88.0, 16.5, 10.9, -1.2),
    (93.0, 16.2, 10.9, -1.1), (98.0, 15.0, 10.2, -1.2),
)  # fmt: skip
SHIRT_HEM, SLEEVE_END, TROUSER_END = 88.3, 22.0, 8.6
"""Height of the shirt's hem; how far along the upper arm a sleeve ends; height of the trousers' hem."""
_FINGER_RADII = {"index": 0.88, "middle": 0.92, "ring": 0.87, "pinky": 0.75}


@cache
def landmarks() -> Mapping[str, FloatArray]:
    """Positions (3,) of the joints, without `b_` and the left ones' `l_`."""
    return {
        joint.name.removeprefix("b_").removeprefix("p_").removeprefix("l_"): joint.position
        for joint in joints()
        if "_r_" not in joint.name
    }


@cache
def hand_axes() -> FloatArray:
    """(3, 3) of the left hand as columns: along it, out of its palm, away from its thumb."""
    return next(joint.axes for joint in joints() if joint.name == "b_l_wrist")


def body(points: FloatArray) -> FloatArray:
    """Everything but the head and its neck."""
    trunk = _trunk(points)
    arm, hand = _arm(points), _hand(points)
    arm = smooth_union(arm, hand, 1.6)
    value = smooth_union(trunk, arm, 3.0)
    return np.minimum(smooth_union(value, _leg(points), 2.2), _shoe(points))


def along_upper_arm(points: FloatArray) -> FloatArray:
    """Centimetres from the shoulder towards the elbow."""
    marks = landmarks()
    bone = marks["forearm"] - marks["arm"]
    return (points - marks["arm"]) @ (bone / np.linalg.norm(bone))


def _trunk(points: FloatArray) -> FloatArray:
    shirt = column(points, _SHIRT, 2.35)
    chest = ellipsoid(points, (6.6, 133.0, 2.6), (8.6, 8.0, 6.6))
    shirt = smooth_union(shirt, chest, 5.0)
    spine_groove = ellipsoid(points, (0.0, 124.0, -15.0), (2.4, 24.0, 2.4))
    shirt = smooth_cut(shirt, spine_groove, 4.5)
    belly = ellipsoid(points, (0.0, 103.5, 0.6), (10.5, 12.0, 8.6))
    shirt = smooth_union(shirt, belly, 4.0)
    shirt = shirt - _drape(points)
    trapezius = tube(points, ((2.0, 151.5, -2.6), (9.0, 146.2, -3.4), (16.0, 144.0, -3.2)), (3.8, 3.6, 3.4))
    deltoid = ellipsoid(points, (17.4, 141.6, -3.0), (5.0, 5.6, 5.6))
    shirt = smooth_union(smooth_union(shirt, trapezius, 4.0), deltoid, 4.5)
    hips = column(points, _HIPS, 2.3)
    seat = ellipsoid(points, (7.4, 86.5, -5.6), (7.6, 7.6, 6.6))
    hips = smooth_union(hips, seat, 3.5)
    return smooth_union(shirt, hips, 0.6)


def _drape(points: FloatArray) -> FloatArray:
    """Centimetres by which the cloth stands out: folds hang from the chest, gathers lie above the hem."""
    x, y, z = points.T
    around = np.arctan2(x, z + 1.5)
    hanging = np.sin(9.0 * around + 0.05 * y + 0.8 * np.sin(0.11 * y)) * smooth_step(-y, -126.0, -100.0)
    gathers = np.sin(0.62 * y + 2.2 * np.cos(2.0 * around)) * np.exp(-(((y - 97.0) / 6.0) ** 2))
    waist: FloatArray = 0.16 * hanging + 0.20 * gathers * (0.5 + 0.5 * np.abs(np.sin(around)))
    return waist


def _arm(points: FloatArray) -> FloatArray:
    marks = landmarks()
    shoulder, elbow, wrist = marks["arm"], marks["forearm"], marks["wrist"]

    def upper(share: float) -> FloatArray:
        return shoulder + share * (elbow - shoulder)

    def fore(share: float) -> FloatArray:
        return elbow + share * (wrist - elbow)

    flesh = tube(
        points,
        [upper(0.0), upper(0.35), upper(0.75), elbow, fore(0.28), fore(0.7), wrist],
        [4.7, 4.55, 3.95, 3.65, 3.85, 2.95, 2.45],
    )
    # Forearms are broader across than they are thick, the more so near the wrist.
    sleeve = tube(points, [upper(0.0), upper(0.4), upper(0.9)], [5.3, 5.2, 4.9])
    end = along_upper_arm(points) - SLEEVE_END
    sleeve = smooth_intersection(sleeve, end, 0.5)
    return smooth_union(flesh, sleeve, 0.35)


def _hand(points: FloatArray) -> FloatArray:
    marks, axes = landmarks(), hand_axes()
    wrist = marks["wrist"]
    local = (points - wrist) @ axes
    along, palm, side = local[:, 0], local[:, 1], -local[:, 2]
    palm_points = np.stack([along, palm, side], axis=1)
    slab = ellipsoid(palm_points, (5.2, -0.1, -0.2), (5.3, 1.5, 4.3))
    back = tube(palm_points, ((0.0, -0.1, 0.0), (4.5, -0.15, 0.2), (8.6, -0.1, 0.4)), (2.1, 1.6, 1.15))
    value = smooth_union(slab, back, 1.5)
    heel = ellipsoid(palm_points, (2.2, 0.8, -1.7), (2.6, 1.1, 1.5))
    ball = tube(palm_points, ((1.6, 0.7, 1.3), (5.0, 1.5, 3.4)), (1.5, 1.25))
    value = smooth_union(smooth_union(value, heel, 1.2), ball, 1.4)
    fingers: FloatArray | None = None
    for finger in FINGERS:
        radius = _FINGER_RADII[finger]
        chain = [marks[f"{finger}{i}"] for i in (1, 2, 3)]
        tip = marks[f"{finger}_null"] - 0.75 * radius * axes[:, 0]
        knuckle = tube(points, [wrist + 0.35 * (chain[0] - wrist), chain[0]], [1.15, radius * 1.12])
        value = smooth_union(value, knuckle, 0.9)
        bones = tube(points, [*chain, tip], [radius * 1.06, radius * 0.98, radius * 0.9, radius * 0.78])
        fingers = bones if fingers is None else np.minimum(fingers, bones)
    assert fingers is not None
    value = smooth_union(value, fingers, 0.55)
    thumb_chain = [marks[f"thumb{i}"] for i in (0, 1, 2, 3)]
    end = thumb_chain[-1] + 0.72 * (marks["thumb_null"] - thumb_chain[-1])
    thumb = tube(points, [*thumb_chain, end], [1.35, 1.35, 1.12, 1.02, 0.82])
    return smooth_union(value, thumb, 1.1)


def _leg(points: FloatArray) -> FloatArray:
    marks = landmarks()
    hip, knee, ankle = marks["upleg"], marks["leg"], marks["talocrural"]
    inner = hip + np.array([0.4, -8.0, -0.8])
    leg = tube(
        points,
        [
            hip + np.array([0.2, 2.0, -0.6]),
            inner,
            hip + 0.55 * (knee - hip),
            knee,
            knee + 0.35 * (ankle - knee),
        ],
        [8.6, 8.6, 7.5, 6.3, 6.25],
    )
    cuff = ankle + np.array([0.0, -0.6, 0.4])
    lower = tube(points, [knee, knee + 0.35 * (ankle - knee), cuff], [6.25, 6.2, 5.2])
    leg = smooth_union(leg, lower, 0.8)
    hem = TROUSER_END - points[:, 1] + 0.10 * (points[:, 2] - ankle[2])
    trousers = smooth_intersection(leg, hem, 0.7)
    shin = tube(points, [knee + 0.5 * (ankle - knee), ankle - np.array([0.0, 3.5, 0.0])], [4.4, 3.7])
    return np.minimum(trousers, shin)


def _shoe(points: FloatArray) -> FloatArray:
    ankle = landmarks()["talocrural"]
    turned = points - np.array([ankle[0], 0.0, ankle[2]])
    x, y, z = turned[:, 0] - 0.08 * turned[:, 2], turned[:, 1], turned[:, 2]
    foot = np.stack([x, y, z], axis=1)
    heel = ellipsoid(foot, (0.0, 2.8, -1.2), (3.6, 5.6, 4.6))
    collar = ellipsoid(foot, (0.0, 5.4, 0.2), (3.9, 4.4, 4.4))
    instep = tube(foot, ((0.0, 5.0, 1.5), (0.1, 4.0, 6.5), (0.3, 2.7, 12.5)), (3.6, 3.3, 2.9))
    toes = ellipsoid(foot, (0.4, 1.8, 13.6), (4.5, 3.1, 6.4))
    ball = ellipsoid(foot, (0.3, 2.2, 9.5), (4.4, 3.4, 6.0))
    value = smooth_union(smooth_union(heel, collar, 2.5), instep, 2.5)
    value = smooth_union(smooth_union(value, ball, 2.0), toes, 2.0)
    sole_y = 1.5 + 0.5 * smooth_step(-z, 0.0, 6.0)
    sole_edge = value - 0.28
    upper = smooth_intersection(value, sole_y - y, 0.2)
    sole = smooth_intersection(smooth_intersection(sole_edge, y - sole_y, 0.3), -0.45 - y, 0.4)
    return np.minimum(upper, sole)
