"""What a long clip takes: memory, and how fast the motion is where windows meet against elsewhere."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from a2p_backend.actors.actor import Actor
from a2p_backend.audio.clip import SAMPLE_RATE, Clip
from a2p_backend.bench.motion import peak_memory, versions
from a2p_backend.motion.windows import lay_windows
from a2p_backend.performer import perform
from a2p_backend.wire.settings import GenerateSettings

BORDER = 5
"""Frames on either side of a window's first and last that count as its border."""


@dataclass(frozen=True)
class Speeds:
    """The 99th percentile over frames, of the norm over all numbers of a frame, in the networks' units."""

    at_borders: float
    elsewhere: float


@dataclass(frozen=True)
class LengthReport:
    """What a performance of a long clip took, in seconds and MiB, and its speeds."""

    actor: str
    clip_seconds: float
    steps: int
    windows: int
    total: float
    peak_memory: float | None
    """Of the process; on CUDA, of the device."""
    speeds: dict[str, Speeds]
    """Of the velocity and the acceleration, of body and face."""
    versions: dict[str, str]


def measure_length(actor: Actor, clip: Clip, settings: GenerateSettings) -> LengthReport:
    """Performs a clip that is longer than a window."""
    start = time.perf_counter()
    performance = perform(clip, actor, settings)
    total = time.perf_counter() - start
    speeds = {}
    for part, motion in (
        ("body", actor.statistics.normalise_pose(performance.pose)),
        ("face", actor.statistics.normalise_face(performance.face)),
    ):
        for order, name in ((1, "velocity"), (2, "acceleration")):
            speeds[f"{part} {name}"] = speeds_of(motion, order)
    return LengthReport(
        actor=actor.name,
        clip_seconds=clip.duration,
        steps=settings.solver.steps,
        windows=len(lay_windows(clip.frame_count)),
        total=total,
        peak_memory=peak_memory(actor.device),
        speeds=speeds,
        versions=versions(),
    )


def repeated(clip: Clip, seconds: int) -> Clip:
    """The clip over and over, for so many seconds."""
    samples = np.resize(clip.samples, (seconds * SAMPLE_RATE, 2))
    return Clip(samples, clip.name, hashlib.sha256(samples.tobytes()).hexdigest())


def speeds_of(motion: NDArray[np.float32], order: int) -> Speeds:
    """Speeds (order 1) or accelerations (order 2) of a motion (T, C)."""
    change = np.linalg.norm(np.diff(motion, n=order, axis=0), axis=1)
    at_border = np.zeros(len(change), np.bool_)
    for window in lay_windows(len(motion)):
        for edge in (window.start, window.stop):
            if 0 < edge < len(motion):
                at_border[max(edge - BORDER, 0) : edge + BORDER] = True
    return Speeds(*(float(np.percentile(change[of], 99)) for of in (at_border, ~at_border)))
