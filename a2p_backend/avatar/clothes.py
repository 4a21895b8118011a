"""Clothes for the default actor, whose body is a mannequin of capsules: shirt, seat of the trousers, shoes.

Each is a loft: closed rings, one after another, that follow the joints beside them. They take the place of
the capsules that they cover.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kinematics.skeleton import Skeleton
from kinematics.skinning import INFLUENCES

SHIRT = (0.20, 0.42, 0.52)
TROUSERS = (0.17, 0.18, 0.24)
SHOES = (0.80, 0.78, 0.74)

COVERED = (
    "b_root",
    *(f"b_spine{i}" for i in range(4)),
    *(f"b_{side}_{name}" for side in "lr" for name in ("shoulder", "arm", "arm_twist")),
    *(f"p_{side}_scap" for side in "lr"),
    *(f"b_{side}_{name}" for side in "lr" for name in ("talocrural", "subtalar")),
    *(f"b_{side}_{name}" for side in "lr" for name in ("transversetarsal", "ball")),
)
"""Joints whose capsules the clothes replace."""

_AROUND = 22
"""Points on a ring."""


@dataclass(frozen=True)
class Garment:
    """vertices (V, 3) rest pose, centimetres. faces (F, 3), counter-clockwise seen from outside.

    weights, indices: (V, 8) as a skinned mesh has them. colour: sRGB.
    """

    vertices: np.ndarray
    faces: np.ndarray
    weights: np.ndarray
    indices: np.ndarray
    colour: tuple[float, float, float]


def make_clothes(skeleton: Skeleton) -> list[Garment]:
    """Everything that the default actor wears."""
    both = [make(skeleton, side) for make in (_sleeve, _shoe) for side in (1.0, -1.0)]
    return [_shirt(skeleton), _seat(skeleton), *both]


def _shirt(skeleton: Skeleton) -> Garment:
    # height, half width, half depth, z of the middle
    rings = np.array([
        (90.5, 16.4, 10.8, -1.2), (91.0, 17.3, 11.6, -1.2), (95.0, 16.9, 11.4, -1.2),
        (101.0, 15.2, 10.5, -1.4), (107.0, 14.2, 10.0, -1.8), (114.0, 14.7, 10.5, -2.2),
        (122.0, 16.0, 11.2, -2.4), (130.0, 17.2, 11.4, -2.4), (136.5, 18.0, 10.8, -2.4),
        (141.0, 18.6, 9.6, -2.4), (144.3, 18.3, 8.2, -2.2), (146.7, 16.4, 7.8, -1.7),
        (148.3, 12.8, 7.6, -1.0), (149.6, 9.2, 7.6, -0.5), (150.7, 7.2, 7.0, 0.5),
        (151.5, 6.6, 6.9, 0.8), (151.6, 5.4, 5.4, 0.9),
    ])  # fmt: skip
    heights = {"b_root": 94.0, "b_spine0": 102.0, "b_spine1": 113.0, "b_spine2": 127.0, "b_spine3": 141.0}
    shirt = _upright(skeleton, rings, heights | {"b_neck0": 157.0}, SHIRT, roundness=2.35)
    for side, letter in ((1.0, "l"), (-1.0, "r")):
        outward = np.clip((side * shirt.vertices[:, 0] - 5.0) / 11.0, 0.0, 1.0)
        share = 0.75 * outward * np.clip((shirt.vertices[:, 1] - 134.0) / 9.0, 0.0, 1.0)
        free = np.argmin(shirt.weights, axis=1)
        rows = np.arange(len(share))
        shirt.weights[:] *= 1.0 - share[:, None]
        shirt.weights[rows, free] = share
        shirt.indices[rows, free] = skeleton.index(f"p_{letter}_scap")
    return shirt


def _seat(skeleton: Skeleton) -> Garment:
    rings = np.array([
        (98.0, 9.0, 6.0, -1.0), (97.0, 15.2, 10.2, -1.0), (93.0, 16.9, 11.0, -0.9),
        (88.0, 16.9, 9.9, -0.8), (84.5, 16.2, 8.7, -0.6), (81.0, 13.5, 7.4, -0.5),
        (78.5, 8.5, 5.5, -0.5), (77.8, 0.1, 0.1, -0.5),
    ])[::-1]  # fmt: skip
    return _upright(skeleton, rings, {"b_root": 90.0}, TROUSERS, roundness=2.3)


def _sleeve(skeleton: Skeleton, side: float) -> Garment:
    # distance from the shoulder joint towards the elbow, radius
    rings = np.array([
        (-5.9, 0.1), (-5.7, 1.6), (-5.0, 3.2), (-3.4, 4.7), (-0.5, 5.6), (4.0, 5.6), (9.0, 5.2), (14.0, 5.0),
        (20.0, 4.8), (25.5, 4.7), (26.0, 4.9), (27.6, 4.9), (27.8, 4.5), (27.8, 3.6),
    ])  # fmt: skip
    shoulder, along = np.array([side * 17.2, 143.0, -3.0]), np.array([side * 0.705, -0.706, 0.05])
    across = np.cross(along, (0.0, 0.0, 1.0))
    vertices = _rings(
        shoulder + rings[:, :1] * along, rings[:, 1:] * across, rings[:, 1:] * np.cross(along, across), 2.0
    )
    letter = "l" if side > 0 else "r"
    stations = {f"p_{letter}_scap": -9.0, f"b_{letter}_arm": 3.0, f"b_{letter}_arm_twist": 20.0}
    return _garment(skeleton, vertices, _shares(rings[:, 0], stations), SHIRT)


def _shoe(skeleton: Skeleton, side: float) -> Garment:
    # distance along the foot from the ankle, half width, height of the upper
    sections = np.array([
        (-5.2, 0.3, 2.6), (-5.0, 2.0, 4.2), (-4.2, 3.2, 6.4),
        (-2.0, 3.9, 8.6), (1.5, 4.1, 8.8), (4.5, 4.0, 7.4),
        (8.0, 4.3, 5.8), (11.5, 4.7, 4.7), (15.0, 4.8, 4.0),
        (18.0, 4.3, 3.4), (20.2, 3.0, 2.8), (21.2, 1.4, 2.0),
        (21.4, 0.2, 1.4),
    ])  # fmt: skip
    ankle, sole = np.array([side * 17.6, 0.0, -6.2]), -0.45
    along = np.array([side * 0.08, 0.0, 1.0])
    across = np.array([1.0, 0.0, -side * 0.08])
    middle = 0.36 * sections[:, 2]
    vertices = _rings(
        centres=ankle + sections[:, :1] * along + middle[:, None] * (0.0, 1.0, 0.0),
        across=sections[:, 1:2] * across,
        up=(sections[:, 2] - middle)[:, None] * np.array([0.0, 1.0, 0.0]),
        roundness=2.3,
    )
    vertices[..., 1] = np.maximum(vertices[..., 1], sole)
    letter = "l" if side > 0 else "r"
    stations = {f"b_{letter}_subtalar": 8.0, f"b_{letter}_ball": 14.5}
    return _garment(skeleton, vertices, _shares(sections[:, 0], stations), SHOES)


def _upright(
    skeleton: Skeleton,
    rings: np.ndarray,
    heights: Mapping[str, float],
    colour: tuple[float, float, float],
    roundness: float,
) -> Garment:
    centres = np.stack([np.zeros(len(rings)), rings[:, 0], rings[:, 3]], axis=1)
    vertices = _rings(
        centres,
        rings[:, 1:2] * np.array([1.0, 0.0, 0.0]),
        rings[:, 2:3] * np.array([0.0, 0.0, -1.0]),
        roundness,
    )
    return _garment(skeleton, vertices, _shares(rings[:, 0], heights), colour)


def _rings(centres: np.ndarray, across: np.ndarray, up: np.ndarray, roundness: float) -> np.ndarray:
    """(R, N, 3) superellipses around R centres, half axes across and up (R, 3); roundness 2: ellipses."""
    angle = 2 * np.pi * np.arange(_AROUND) / _AROUND
    cosine, sine = np.cos(angle), np.sin(angle)
    x = np.sign(cosine) * np.abs(cosine) ** (2 / roundness)
    y = np.sign(sine) * np.abs(sine) ** (2 / roundness)
    return centres[:, None] + x[:, None] * across[:, None] + y[:, None] * up[:, None]


def _shares(position: np.ndarray, stations: Mapping[str, float]) -> dict[str, np.ndarray]:
    """How much each joint moves the rings at `position`: all at its station, falling to none at the next."""
    at = np.array(list(stations.values()))
    return {name: np.interp(position, at, np.eye(len(at))[i]) for i, name in enumerate(stations)}


def _garment(
    skeleton: Skeleton,
    rings: np.ndarray,
    shares: Mapping[str, np.ndarray],
    colour: tuple[float, float, float],
) -> Garment:
    count, around = rings.shape[:2]
    weights = np.zeros((count, INFLUENCES), np.float32)
    indices = np.zeros((count, INFLUENCES), np.int32)
    for slot, (joint, share) in enumerate(shares.items()):
        weights[:, slot], indices[:, slot] = share, skeleton.index(joint)
    first = np.arange(count - 1)[:, None] * around
    here, beside = first + np.arange(around), first + (np.arange(around) + 1) % around
    faces = np.concatenate([
        np.stack([here, beside, beside + around], axis=-1).reshape(-1, 3),
        np.stack([here, beside + around, here + around], axis=-1).reshape(-1, 3),
    ])  # fmt: skip
    vertices = rings.reshape(-1, 3)
    a, b, c = (vertices - vertices.mean(axis=0))[faces].swapaxes(0, 1)
    if np.einsum("fi,fi->", np.cross(a, b), c) < 0:
        faces = faces[:, ::-1]
    return Garment(vertices, faces, weights.repeat(around, 0), indices.repeat(around, 0), colour)
