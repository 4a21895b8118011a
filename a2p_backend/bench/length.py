"""What a long clip takes: memory, and how fast the motion is where windows meet.

The 99th percentile over the few frames where windows meet is that of a blink or two, and differs from the one
elsewhere by chance. Two figures say what is chance: the same percentile with the borders moved to other
frames, and that of the very same frames in a performance from the same noise and guide poses, whose windows
meet elsewhere.
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from a2p_backend.actors.actor import Actor
from a2p_backend.audio.clip import SAMPLE_RATE, Clip
from a2p_backend.audio.track import Samples
from a2p_backend.bench.motion import peak_memory, versions
from a2p_backend.motion.windows import GUIDE_INTERVAL, Window, edges, lay_in_pauses
from a2p_backend.performer import FloatArray, loudness_of, perform
from a2p_backend.pieces import perform_recording, pieces_of
from a2p_backend.wire.edit import Edit
from a2p_backend.wire.performance import Performance
from a2p_backend.wire.settings import GenerateSettings

BORDER = 5
"""Frames on either side of a window's first and last that count as its border."""

MOVE = 2 * BORDER
"""Frames from one placing of moved borders to the next."""

_LENGTHS_BETWEEN = range(600, 390, -GUIDE_INTERVAL)
"""Frames of windows that are tried to have none begin or end where others do."""


@dataclass(frozen=True)
class Speeds:
    """99th percentiles over frames, of the norm over all numbers of a frame, in the networks' units."""

    at_borders: float
    elsewhere: float
    without_borders: float
    """At the same frames, performed in windows that meet elsewhere."""
    by_chance: tuple[float, float]
    """The least and the most, where the borders are moved to other frames."""
    means: tuple[float, float]
    """Instead of percentiles the means, at borders and elsewhere."""


@dataclass(frozen=True)
class LengthReport:
    """What performances of a long clip took, in seconds and MiB, and their speeds."""

    actor: str
    clip_seconds: float
    steps: int
    pieces: int
    windows: int
    takes: int
    total: float
    """Of the first take."""
    peak_memory: float | None
    """Of the process up to the end of the first take; on CUDA, of the device."""
    speeds: dict[str, Speeds]
    """Of the velocity and the acceleration, of body and face; of a clip in pieces none."""
    versions: dict[str, str]


def measure_length(actor: Actor, clip: Clip, settings: GenerateSettings, takes: int = 1) -> LengthReport:
    """Performs so many takes of a clip that is longer than a window, each once more in other windows.

    Not once more if it is so long that it is performed in pieces.
    """
    start = time.perf_counter()
    performed = [perform_recording(clip, actor, settings)]
    total, memory = time.perf_counter() - start, peak_memory(actor.device)
    seeds = [settings.seed + take for take in range(takes)]
    performed += [
        perform_recording(clip, actor, dataclasses.replace(settings, seed=seed)) for seed in seeds[1:]
    ]
    speeds: dict[str, Speeds] = {}
    laid = [_windows_of(clip.part(piece.start, piece.stop)) for piece in pieces_of(clip.frame_count)]
    if len(laid) == 1:
        (windows,) = laid
        others = windows_between(windows)
        without = [
            perform(
                clip,
                actor,
                dataclasses.replace(settings, seed=seed),
                Edit(guide=take.guide if actor.performs_body else None),
                lay=lambda frames, loudness: others,
            )
            for seed, take in zip(seeds, performed, strict=True)
        ]
        speeds = _speeds(_motions(actor, performed), _motions(actor, without), windows)
    return LengthReport(
        actor=actor.name,
        clip_seconds=clip.duration,
        steps=settings.solver.steps,
        pieces=len(laid),
        windows=sum(map(len, laid)),
        takes=takes,
        total=total,
        peak_memory=memory,
        speeds=speeds,
        versions=versions(),
    )


def repeated(clip: Clip, seconds: int) -> Clip:
    """The clip over and over, for so many seconds."""
    if len(clip.samples) == seconds * SAMPLE_RATE:
        return clip
    samples = _Repeated(clip.samples, seconds * SAMPLE_RATE)
    return Clip(samples, clip.name, hashlib.sha256(f"{clip.sha256} {seconds}".encode()).hexdigest())


@dataclass(frozen=True, eq=False)
class _Repeated:
    """Samples over and over, as `Samples` of this length."""

    once: Samples
    length: int

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, span: slice) -> FloatArray:
        first, stop, _ = span.indices(self.length)
        parts = []
        while first < stop:
            begin = first % len(self.once)
            parts.append(self.once[begin : begin + stop - first])
            first += len(parts[-1])
        return np.concatenate(parts) if parts else self.once[:0]


def _windows_of(clip: Clip) -> tuple[Window, ...]:
    """As `perform` lays them."""
    return lay_in_pauses(clip.frame_count, loudness_of(clip, clip.frame_count))


def windows_between(windows: Sequence[Window]) -> tuple[Window, ...]:
    """Windows of the same clip that begin and end far from where these do."""
    frames = windows[-1].stop
    places = np.arange(-(-frames // GUIDE_INTERVAL) + 1)
    distances = np.abs(GUIDE_INTERVAL * places[:, None] - edges(windows)).min(axis=1)
    nearness = np.where(distances > 2 * BORDER, 1 / np.maximum(distances, 1), 1e3)

    def nearest(laid: Sequence[Window]) -> float:
        return float(np.mean([nearness[edge // GUIDE_INTERVAL] for edge in edges(laid)]))

    return min(
        (lay_in_pauses(frames, nearness, longest, extra=0.5) for longest in _LENGTHS_BETWEEN), key=nearest
    )


def speeds_of(
    motions: Sequence[FloatArray], without: Sequence[FloatArray], windows: Sequence[Window], order: int
) -> Speeds:
    """Speeds (order 1) or accelerations (order 2) of motions (T, C) that were performed in these windows.

    without: the same performed in `windows_between`.
    """
    changes = [_changes(motion, order) for motion in motions]
    at_border = _at_border(windows, len(changes[0]))
    longest = max(after.start - before.start for before, after in pairwise(windows))
    by_chance = [
        _percentile(changes, np.roll(at_border, move) & ~at_border) for move in range(MOVE, longest, MOVE)
    ]
    return Speeds(
        at_borders=_percentile(changes, at_border),
        elsewhere=_percentile(changes, ~at_border),
        without_borders=_percentile([_changes(motion, order) for motion in without], at_border),
        by_chance=(min(by_chance), max(by_chance)),
        means=(_mean(changes, at_border), _mean(changes, ~at_border)),
    )


def _speeds(
    motions: dict[str, list[FloatArray]], without: dict[str, list[FloatArray]], windows: Sequence[Window]
) -> dict[str, Speeds]:
    return {
        f"{part} {name}": speeds_of(motions[part], without[part], windows, order)
        for part in motions
        for order, name in ((1, "velocity"), (2, "acceleration"))
    }


def _motions(actor: Actor, performances: Sequence[Performance]) -> dict[str, list[FloatArray]]:
    """Body and face of performances, in the networks' units."""
    return {
        "body": [actor.statistics.normalise_pose(performance.pose) for performance in performances],
        "face": [actor.statistics.normalise_face(performance.face) for performance in performances],
    }


def _changes(motion: FloatArray, order: int) -> NDArray[np.floating]:
    return np.linalg.norm(np.diff(motion, n=order, axis=0), axis=1)


def _at_border(windows: Sequence[Window], count: int) -> NDArray[np.bool_]:
    at_border = np.zeros(count, np.bool_)
    for edge in edges(windows):
        at_border[max(edge - BORDER, 0) : edge + BORDER] = True
    return at_border


def _percentile(changes: Sequence[NDArray[np.floating]], of: NDArray[np.bool_]) -> float:
    return float(np.percentile(np.concatenate([change[of] for change in changes]), 99))


def _mean(changes: Sequence[NDArray[np.floating]], of: NDArray[np.bool_]) -> float:
    return float(np.concatenate([change[of] for change in changes]).mean())
