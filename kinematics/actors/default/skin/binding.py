"""Which joints move the skin: shares along each limb by rule, then softened over the mesh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from kinematics.actors.default.anatomy import joints
from kinematics.actors.default.definition import FINGERS
from kinematics.actors.default.skin.fields import smooth_step
from kinematics.actors.default.skin.trunk_and_limbs import landmarks
from kinematics.arrays import FloatArray, IntArray
from kinematics.skinning import INFLUENCES

_TRUNK = {
    "b_root": 95.0, "b_spine0": 103.0, "b_spine1": 115.0, "b_spine2": 128.0, "b_spine3": 141.5,
    "b_neck0": 153.5, "b_head": 159.5,
}  # fmt: skip
_ARM = {"scap": -9.0, "arm": 3.0, "arm_twist": 19.0, "forearm": 36.0, "wrist_twist": 47.5, "wrist": 55.0}
"""Centimetres along the arm from the shoulder at which each joint moves the skin alone."""
_SOFTENING = 14


def bind(points: FloatArray, faces: IntArray) -> tuple[FloatArray, IntArray]:
    """Shares and joint numbers (V, 8) of a skin's vertices (V, 3) at rest; shares sum to 1."""
    numbers = {joint.name: number for number, joint in enumerate(joints())}
    dense = np.zeros((len(points), len(numbers)))
    for joint, share in _trunk(points).items():
        dense[:, numbers[joint]] = share
    for letter, side in (("l", 1.0), ("r", -1.0)):
        mirrored = points * (side, 1.0, 1.0)
        on_arm, on_leg = _on_arm(mirrored), _on_leg(mirrored)
        arm, leg = _arm(mirrored, letter), _leg(mirrored, letter)
        dense *= (1.0 - on_arm - on_leg)[:, None]
        for shares, cover in ((arm, on_arm), (leg, on_leg)):
            for joint, share in shares.items():
                dense[:, numbers[joint]] += cover * share
    dense = _soften(dense, faces)
    order = np.argsort(-dense, axis=1)[:, :INFLUENCES]
    weights = np.take_along_axis(dense, order, axis=1)
    weights[weights < 0.004] = 0.0
    weights = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return weights, np.where(weights > 0, order, 0).astype(np.int32)


def _shares(position: FloatArray, stations: Mapping[str, float]) -> dict[str, FloatArray]:
    at = np.array(list(stations.values()))
    return {name: np.interp(position, at, np.eye(len(at))[i]) for i, name in enumerate(stations)}


def _trunk(points: FloatArray) -> dict[str, FloatArray]:
    # The head ends along a line from under the chin to the nape.
    height = points[:, 1] + np.where(points[:, 1] > 146.0, 0.33 * (points[:, 2] - 0.5).clip(-6.0, 10.0), 0.0)
    return _shares(height, _TRUNK)


def _on_arm(points: FloatArray) -> FloatArray:
    marks = landmarks()
    bone = marks["forearm"] - marks["arm"]
    along = (points - marks["arm"]) @ (bone / np.linalg.norm(bone))
    share: FloatArray = smooth_step(along + 0.15 * (points[:, 0] - 17.0), -5.5, 4.5) * (points[:, 0] > 12.0)
    # Below the armpit the trunk's side lies beside the arm without belonging to it.
    share = share * smooth_step(points[:, 0] - 0.5 * (134.0 - points[:, 1]).clip(min=0.0), 13.0, 16.8)
    return share * (points[:, 1] > 85.0)


def _on_leg(points: FloatArray) -> FloatArray:
    x, y, _ = points.T
    crotch = 88.0 + 0.55 * (x - 2.0).clip(-2.0, 14.0)
    share: FloatArray = (1.0 - smooth_step(y, crotch - 9.0, crotch + 4.0)) * smooth_step(x, -1.2, 1.2)
    return share


def _chain(points: FloatArray, path: Sequence[FloatArray]) -> FloatArray:
    """(N,) centimetres along a path of points to each point's foot on it; beyond its ends, too."""
    best, found, start = np.full(len(points), np.inf), np.zeros(len(points)), 0.0
    for i, (a, b) in enumerate(pairwise(path)):
        length = float(np.linalg.norm(b - a))
        along = (points - a) @ (b - a) / length
        low = -np.inf if i == 0 else 0.0
        high = np.inf if i == len(path) - 2 else length
        foot = np.clip(along, low, high)
        away = np.linalg.norm(points - a - foot[:, None] * (b - a) / length, axis=1)
        nearer = away < best
        best, found = np.where(nearer, away, best), np.where(nearer, start + foot, found)
        start += length
    return found


def _arm(points: FloatArray, letter: str) -> dict[str, FloatArray]:
    marks = landmarks()
    along = _chain(points, [marks["arm"], marks["forearm"], marks["wrist"]])
    shares = {_full(name, letter): share for name, share in _shares(along, _ARM).items()}
    bones = [
        (f"{finger}{i}", f"{finger}{i + 1}" if i < 3 else f"{finger}_null")
        for finger in FINGERS
        for i in (1, 2, 3)
    ]
    bones += [
        ("pinky0", "pinky1"),
        ("thumb0", "thumb1"),
        ("thumb1", "thumb2"),
        ("thumb2", "thumb3"),
        ("thumb3", "thumb_null"),
    ]
    palm = [("wrist", f"{finger}1") for finger in FINGERS[:3]]
    names = [start for start, _ in palm + bones]
    distance = np.stack([_to_bone(points, marks[a], marks[b]) for a, b in palm + bones])
    nearest = np.argmin(distance, axis=0)
    hand = _full("wrist", letter)
    on_wrist = shares[hand] * (along > 54.5)
    shares[hand] = shares[hand] - on_wrist
    for number, name in enumerate(names):
        key = _full(name, letter)
        shares[key] = shares.get(key, 0.0) + on_wrist * (nearest == number)
    return shares


def _to_bone(points: FloatArray, start: FloatArray, end: FloatArray) -> FloatArray:
    bone = end - start
    along = np.clip((points - start) @ bone / (bone @ bone), 0.0, 1.0)
    distance: FloatArray = np.linalg.norm(points - start - along[:, None] * bone, axis=1)
    return distance


def _leg(points: FloatArray, letter: str) -> dict[str, FloatArray]:
    marks = landmarks()
    along = _chain(points, [marks["upleg"], marks["leg"], marks["talocrural"]])
    foot = smooth_step(-points[:, 1], -TROUSERS_OVER_FOOT, -TROUSERS_OVER_FOOT + 3.5)
    toes = smooth_step(points[:, 2], 4.5, 9.5)
    # A trouser's hem follows the shin.
    shin = _shares(np.minimum(along, 76.0), {"upleg": 30.0, "leg": 53.0})
    shares = {_full(name, letter): share * (1.0 - foot) for name, share in shin.items()}
    shares[_full("subtalar", letter)] = foot * (1.0 - toes)
    shares[_full("ball", letter)] = foot * toes
    return shares


TROUSERS_OVER_FOOT = 8.2


def _full(name: str, letter: str) -> str:
    return f"p_{letter}_scap" if name == "scap" else f"b_{letter}_{name}"


def _soften(dense: FloatArray, faces: IntArray) -> FloatArray:
    """Each vertex toward the mean of its neighbours, again and again."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    degree = np.bincount(edges.ravel(), minlength=len(dense))[:, None]
    used = np.flatnonzero(dense.any(axis=0))
    values = dense[:, used]
    for _ in range(_SOFTENING):
        total = np.zeros_like(values)
        np.add.at(total, edges[:, 0], values[edges[:, 1]])
        np.add.at(total, edges[:, 1], values[edges[:, 0]])
        values = 0.4 * values + 0.6 * total / degree
    softened = np.zeros_like(dense)
    softened[:, used] = values
    return softened
