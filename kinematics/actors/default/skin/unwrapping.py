"""Where the skin is cut to lie flat: a chart for each part and side of the body."""

from __future__ import annotations

import numpy as np

from kinematics.actors.default.skin.fields import ellipsoid
from kinematics.actors.default.skin.head import EYE, EYE_RADIUS, LID_RADIUS, POCKET_RADIUS, closed
from kinematics.actors.default.skin.trunk_and_limbs import along_upper_arm, hand_axes, landmarks
from kinematics.arrays import Array, FloatArray, IntArray

_SMALLEST = 24
"""Triangles; smaller patches join a neighbour."""


def chart_numbers(parted: FloatArray, faces: IntArray, names: Array) -> IntArray:
    """(F,) the chart of each triangle.

    parted: (V, 3) vertices in the meshing state. names: (V,) "skin", or the piece that a vertex belongs to.
    """
    middles = parted[faces].mean(axis=1)
    labels = _skin_labels(middles)
    piece = names[faces[:, 0]]
    local = middles - np.stack([np.sign(middles[:, 0]), *np.ones((2, len(middles)))], axis=1) * EYE
    front = np.where(
        piece == "eye",
        local[:, 2] > -0.2,
        np.where(piece == "teeth", middles[:, 2] * 0 > 1, middles[:, 1] > 156.3),
    )
    arch = np.hypot(middles[:, 0] / 1.85, (middles[:, 2] - 7.0) / 2.85) > 1.0
    front = np.where(piece == "teeth", arch, front)
    front = np.where(piece == "lid", np.linalg.norm(local, axis=1) > 0.5 * (EYE_RADIUS + LID_RADIUS), front)
    kinds = [piece == "eye", piece == "teeth", piece == "tongue", piece == "lid"]
    number = np.select(kinds, [100, 110, 120, 130], 0)
    side = (middles[:, 0] > 0) & (piece == "eye") | (middles[:, 1] > 157.15) & (piece == "teeth")
    labels = np.where(piece == "skin", labels, number + 2 * side + front)
    return _connected(labels, faces)


def chart_scales(vertices: FloatArray, faces: IntArray, names: Array) -> FloatArray:
    """(F,) how much larger each triangle is to be in the texture than in life."""
    middles = vertices[faces].mean(axis=1)
    piece = names[faces[:, 0]]
    mouth = ellipsoid(middles, (0.0, 157.3, 7.6), (2.6, 2.1, 3.3)) < 0.15
    face = (middles[:, 1] > 151.5) & (middles[:, 2] > 2.0)
    return np.select(
        [
            (piece == "eye") | (piece == "lid"),
            piece != "skin",
            mouth,
            face,
            middles[:, 1] > 151.5,
            np.abs(middles[:, 0]) > 47,
        ],
        [2.6, 1.2, 0.8, 2.6, 1.3, 1.1],
        0.7,
    )


def _skin_labels(middles: FloatArray) -> IntArray:
    x, y, z = middles.T
    side = np.where(x > 0, 1.0, -1.0)
    mirrored = np.stack([np.abs(x), y, z], axis=1)
    marks, axes = landmarks(), hand_axes()
    hand = (mirrored - marks["wrist"]) @ axes
    along = along_upper_arm(mirrored)
    thumb_base = marks["thumb1"]
    thumb = marks["thumb_null"] - thumb_base
    along_thumb = (mirrored - thumb_base) @ thumb / (thumb @ thumb)
    from_thumb = np.linalg.norm(mirrored - thumb_base - np.clip(along_thumb, 0, 1)[:, None] * thumb, axis=1)
    on_thumb = (along_thumb > 0.25) & (from_thumb < 1.9) & (hand[:, 0] > 2.0)
    labels = np.where(z > -1.5, 0, 1)  # trunk
    leg = y < 84.0 + 0.3 * (np.abs(x) - 4.0)
    knee_z = np.interp(y, [8.0, 50.5, 92.0], [-6.2, -2.6, 0.0])
    labels = np.where(leg, np.where(z > knee_z, 2, 3), labels)
    foot = (y < 8.6) & (np.abs(x) < 30)
    labels = np.where(foot, np.where(np.abs(x) > 17.7 + 0.08 * (z + 6.2), 4, 5), labels)
    arm = (along > -1.0) & (x * side > 15.5) & (y > 80)
    bone_z = np.interp(along, [0.0, 28.5, 52.0], [-3.0, -1.6, 4.6])
    labels = np.where(arm, np.where(z > bone_z, 6, 7), labels)
    on_hand = (hand[:, 0] > -0.5) & (np.abs(x) > 40)
    labels = np.where(on_hand, np.where(hand[:, 1] > -0.1, 8, 9), labels)
    thumb_up = np.cross(thumb / np.linalg.norm(thumb), axes[:, 0])
    half = (mirrored - thumb_base) @ thumb_up > 0
    labels = np.where(on_thumb & on_hand, np.where(half, 10, 11), labels)
    labels = np.where((x > 0) & (labels > 1), labels + 20, labels)
    head = y > 150.2 - 0.30 * np.clip(z, -6.0, 8.0)
    turn = np.abs(np.arctan2(x, z - 0.6))
    labels = np.where(head, np.where(turn < 1.75, 40, 41), labels)
    room = np.linalg.norm(mirrored - EYE, axis=1) < POCKET_RADIUS + 0.25
    labels = np.where(room & head, 42 + (x > 0), labels)
    mouth = ellipsoid(closed(middles), (0.0, 157.3, 7.6), (2.6, 2.1, 3.3)) < 0.12
    found: IntArray = np.where(mouth & head, np.where(z > 7.6, 44, 45), labels)
    return found


def _connected(labels: IntArray, faces: IntArray) -> IntArray:
    """Charts: connected triangles of one label, small ones given to the neighbour they touch most."""
    pairs = _neighbours(faces)
    for _ in range(6):
        chart = _components(labels, pairs, len(faces))
        sizes = np.bincount(chart, minlength=len(faces))
        small = sizes[chart] < _SMALLEST
        if not small.any():
            break
        for a, b in (pairs.T, pairs.T[::-1]):
            takes = small[a] & ~small[b]
            labels[a[takes]] = labels[b[takes]]
    _, charts = np.unique(_components(labels, pairs, len(faces)), return_inverse=True)
    numbers: IntArray = charts
    return numbers


def _neighbours(faces: IntArray) -> IntArray:
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    order = np.lexsort(edges.T)
    same = (edges[order[1:]] == edges[order[:-1]]).all(axis=1)
    owner = order % len(faces)
    return np.stack([owner[:-1][same], owner[1:][same]], axis=1)


def _components(labels: IntArray, pairs: IntArray, count: int) -> IntArray:
    alike = pairs[labels[pairs[:, 0]] == labels[pairs[:, 1]]]
    chart: IntArray = np.arange(count)
    while True:
        least = chart[alike].min(axis=1)
        before = chart.copy()
        np.minimum.at(chart, alike[:, 0], least)
        np.minimum.at(chart, alike[:, 1], least)
        chart = chart[chart]
        if np.array_equal(before, chart):
            return chart
