"""How long it takes to copy a long motion to another rig."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from kinematics.body import Body, load_default_body
from kinematics.retarget.detection import detect
from kinematics.retarget.options import RetargetOptions
from kinematics.retarget.rig import Rig
from kinematics.retarget.solver import retarget
from kinematics.retarget.source import SourceMotion, source_from_body

_FPS = 30.0
_PERIOD = 45.0
"""Frames of a sway, about."""


@dataclass(frozen=True)
class RetargetReport:
    """seconds: of the copy alone; seconds_with_options: with planted feet and hands that reach.
    Both the fastest of `repeats`.
    """

    frames: int
    bones: int
    mapped: int
    repeats: int
    seconds: float
    seconds_with_options: float


def measure_retarget(frames: int, bones: int, repeats: int = 3) -> RetargetReport:
    """Copy a made-up motion of the default actor to a rig of so many bones: its own, a tenth larger."""
    body = load_default_body()
    source, rig = _motion(body, frames), _rig(body, bones)
    bone_map = detect(rig).bone_map
    taken: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(repeats):
        for full, seconds in taken.items():
            began = time.perf_counter()
            retarget(source, rig, bone_map, RetargetOptions(plant_feet=full, reach_hands=full))
            seconds.append(time.perf_counter() - began)
    mapped = sum(map(len, bone_map.bones.values()))
    return RetargetReport(frames, len(rig), mapped, repeats, min(taken[False]), min(taken[True]))


def _motion(body: Body, frames: int) -> SourceMotion:
    phase = np.arange(frames)[:, None] * (2 * np.pi / _PERIOD)
    pose = 0.2 * np.sin(phase * np.linspace(0.5, 1.5, body.transform.pose_count))
    pose[:, :3] *= 0.1
    return source_from_body(body, pose, _FPS)


def _rig(body: Body, bones: int) -> Rig:
    """The actor's bones but for tips, and tips up to the number; a tenth larger."""
    whole = _motion(body, 1).rig
    tips = [bone for bone, name in enumerate(whole.names) if name.endswith("_null")]
    kept = sorted(set(range(len(whole))) - set(tips[: max(len(whole) - bones, 0)]))[:bones]
    rest = whole.rest[kept].copy()
    rest[:, :3, 3] *= 1.1
    parents = [kept.index(parent) if parent in kept else -1 for parent in whole.parents[kept]]
    return Rig(tuple(whole.names[bone] for bone in kept), np.array(parents), rest)
