"""How long an actor takes to perform a clip, stage by stage, and how far a lower precision leads astray."""

from __future__ import annotations

import dataclasses
import hashlib
import platform
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import torch

import a2p_backend
from a2p_backend.actors.actor import Actor
from a2p_backend.audio.clip import SAMPLE_RATE, Clip
from a2p_backend.bench.stopwatch import Stopwatch
from a2p_backend.motion.precision import arithmetic
from a2p_backend.performer import perform
from a2p_backend.wire.performance import Performance
from a2p_backend.wire.settings import GenerateSettings

STAGES = ("audio", "lip", "guide", "body", "face")
_PRECISION_NAMES = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}


@dataclass(frozen=True)
class OriginalSeconds:
    """The original's medians on an idle 2-core AMD EPYC, torch 2.11 in fp32."""

    face_step: float
    body_step: float
    guide_token: float

    def clip(self, seconds: int, steps: int) -> float:
        """A whole clip, whose guide writes four tokens a second."""
        return steps * (self.face_step + self.body_step) + 4 * seconds * self.guide_token


ORIGINAL = {
    4: OriginalSeconds(face_step=2.43, body_step=0.904, guide_token=0.64),
    8: OriginalSeconds(face_step=4.57, body_step=2.31, guide_token=1.39),
    20: OriginalSeconds(face_step=11.74, body_step=5.99, guide_token=3.66),
}
"""By seconds of clip, at the released sizes."""


@dataclass(frozen=True)
class MotionReport:
    """What one performance cost. Times are in seconds, memory in MiB."""

    actor: str
    clip_seconds: int
    steps: int
    solver_order: int
    precision: str
    """What the denoisers' products were computed in: fp32, bf16 or fp16."""
    stages: dict[str, float]
    """Seconds of each stage; the denoisers' include the conditions that they compute once."""
    step: dict[str, float]
    """Median of one guided call of the body's and the face's denoiser."""
    total: float
    real_time_factor: float
    """Seconds of work for a second of clip."""
    peak_memory: float | None
    """Of the process; on CUDA, of the device. None where the system does not say."""
    original: float | None
    """What the original takes for as many steps, where that was measured."""
    times_faster: float | None
    error: dict[str, float] | None
    """Of body and face against fp32, the same clip and noise: rms over the result's standard deviation."""
    device: str
    threads: int
    versions: dict[str, str]


def measure(actor: Actor, seconds: int, settings: GenerateSettings, *, released: bool) -> MotionReport:
    """Performs a clip of noise. `released`: the actor has the released sizes, so the original compares."""
    clip = noise(seconds)
    precision = _PRECISION_NAMES[arithmetic(settings.solver.precision, actor.device)]
    in_full = dataclasses.replace(settings, precision="full")
    exact = None if precision == "fp32" else perform(clip, actor, in_full)
    watch = Stopwatch(actor.device)
    with watch.watching(*_watched(actor)):
        start = watch.now()
        performance = perform(clip, actor, settings)
        total = watch.now() - start
    steps = {part: watch.calls(f"{part} steps") for part in ("body", "face")}
    stages = {stage: sum(watch.calls(stage)) + sum(steps.get(stage, ())) for stage in STAGES}
    original = None
    if released and seconds in ORIGINAL:
        original = ORIGINAL[seconds].clip(seconds, settings.solver.steps)
    return MotionReport(
        actor=actor.name,
        clip_seconds=seconds,
        steps=settings.solver.steps,
        solver_order=settings.solver.order,
        precision=precision,
        stages=stages,
        step={part: statistics.median(calls) for part, calls in steps.items() if calls},
        total=total,
        real_time_factor=total / seconds,
        peak_memory=peak_memory(actor.device),
        original=original,
        times_faster=None if original is None else original / total,
        error=None if exact is None else _error(performance, exact),
        device=str(actor.device),
        threads=torch.get_num_threads(),
        versions=versions(),
    )


def versions() -> dict[str, str]:
    """Of what the figures depend on."""
    return {
        "a2p": a2p_backend.__version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
    }


def noise(seconds: int) -> Clip:
    """A clip of quiet noise on both channels; what is said does not change what it costs."""
    samples = np.random.default_rng(0).normal(0, 0.1, (seconds * SAMPLE_RATE, 2)).astype(np.float32)
    return Clip(samples, "noise", sha256=hashlib.sha256(samples.tobytes()).hexdigest())


def _watched(actor: Actor) -> Iterator[tuple[str, object, str]]:
    """What belongs to which stage."""
    yield "audio", actor.features, "forward"
    if actor.lip is not None:
        yield "lip", actor.lip, "forward"
    if actor.guide is not None:
        yield "guide", actor.guide, "sample"
    for part, denoiser in (("body", actor.denoiser), ("face", actor.face)):
        if denoiser is not None:
            yield part, denoiser, "audio_tokens"
            yield part, denoiser, "null_conditions"
            yield part, denoiser, "conditions_of_tokens"
            yield f"{part} steps", denoiser, "guided"


def _error(performance: Performance, exact: Performance) -> dict[str, float]:
    def relative(ours: np.ndarray, theirs: np.ndarray) -> float:
        return float(np.sqrt(np.square(ours - theirs).mean()) / theirs.std())

    return {"body": relative(performance.pose, exact.pose), "face": relative(performance.face, exact.face)}


def peak_memory(device: torch.device) -> float | None:
    """MiB that the process, or on CUDA the device, held at most; None where the system does not say."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if find_spec("resource") is None:  # Windows
        return None
    resource = import_module("resource")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
