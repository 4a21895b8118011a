"""How near hands can come at all: the best of all poses, tried without a solver's cares."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from kinematics.retarget.figure import Figure
from kinematics.retarget.maps import BoneMap
from kinematics.retarget.rig import Rig, pose_matrices
from kinematics.retarget.slots import SIDES
from kinematics.retarget.solver import retarget
from kinematics.retarget.source import SourceMotion
from kinematics.retarget.task import Task

_STEPS = 150


def least_hand_error(
    source: SourceMotion, rig: Rig, bone_map: BoneMap, arm: float = 6.0, collar: float = 20.0
) -> float:
    """The least `Fidelity.hand_error_arm_fraction` that poses can have in which arms and collars point no
    farther from where they are copied to than so many degrees.

    Each frame and hand by itself, without regard to others, to smoothness, to shrugs or to the directions'
    mean: what no solver can do better. Projected gradients find it, as the sets are all but convex.
    """
    task = Task(source, Figure(rig, bone_map.indices(rig)))
    target, matrices = task.target, pose_matrices(rig, *retarget(source, rig, bone_map).channels(rig))
    place = np.append(rig.heads[target.chest] + target.chest_offset, 1.0)
    chest = (matrices[:, target.chest] @ np.linalg.solve(rig.rest[target.chest], place))[:, :3]
    left = []
    for side in SIDES:
        slots = tuple(f"{slot}.{side}" for slot in ("upper_arm", "forearm", "hand"))
        clavicle = f"clavicle.{side}"
        chain = (clavicle if clavicle in target.bones else slots[0], *slots)
        heads = [matrices[:, target.bones[slot][0], :3, 3] for slot in chain]
        span = target.arm_span(slots)
        copied = [(end - start) / span for start, end in pairwise(heads)]
        wanted = (task.moved(slots[2]) - task.chest) / task.origin.arm_span(slots)
        wanted = wanted - (heads[0] - chest) / span
        turned = list(copied)
        for _ in range(_STEPS):
            rest = (wanted - sum(turned)) / 2
            turned = [
                _within(now + rest, before, np.radians(degrees))
                for now, before, degrees in zip(turned, copied, (collar, arm, arm), strict=True)
            ]
        left.append(np.linalg.norm(wanted - sum(turned), axis=1))
    return float(np.percentile(left, 99))


def _within(wanted: np.ndarray, before: np.ndarray, angle: float) -> np.ndarray:
    """Vectors (T, 3) as long as before that are nearest to the wanted ones and no more than an angle away."""
    length = np.linalg.norm(before, axis=1, keepdims=True)
    along, to = _units(before), _units(wanted)
    cosine = np.sum(along * to, axis=1, keepdims=True)
    edge = np.cos(angle) * along + np.sin(angle) * _units(to - cosine * along)
    return length * np.where(cosine < np.cos(angle), edge, to)


def _units(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
