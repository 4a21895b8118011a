"""How near few steps come to DDIM's thousand, from the same noise: what the presets are chosen by."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from a2p_backend.actors.actor import Actor
from a2p_backend.audio.clip import Clip
from a2p_backend.bench.motion import versions
from a2p_backend.motion.diffusion import FULL_STEPS
from a2p_backend.performer import perform
from a2p_backend.wire.performance import Performance
from a2p_backend.wire.progress import Progress
from a2p_backend.wire.settings import PRESETS, GenerateSettings

DDIM_STEPS = (20, 50, 100)
SOLVER_STEPS = (5, 6, 7, 8, 10, 12, 14, 16, 17, 18, 19, 20)


@dataclass(frozen=True)
class Distance:
    """From what 1000 DDIM steps make: rms difference over the motion's rms, in the networks' units."""

    solver: str
    """"ddim" in full precision, or "dpm++2m" in that of the preset `standard`."""
    steps: int
    body: float
    face: float


@dataclass(frozen=True)
class StepsReport:
    """The curve of an actor on a clip, over several takes."""

    actor: str
    clip: str
    clip_seconds: float
    takes: int
    precision: str
    curve: tuple[Distance, ...]
    enough: int | None
    """The fewest measured solver steps from which on none is farther than DDIM's 100, if any."""
    versions: dict[str, str]


def measure_steps(
    actor: Actor,
    clip: Clip,
    settings: GenerateSettings,
    takes: int,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> StepsReport:
    """Performs a clip with 1000 steps and with each of the fewer, takes of consecutive seeds.

    settings: all but preset, steps and seed. on_progress: hears of takes and of the performances in them.
    """
    solver_precision = settings.precision or PRESETS["standard"].precision
    candidates = [
        *(("ddim", dataclasses.replace(_DDIM, actor=actor.name, steps=steps)) for steps in DDIM_STEPS),
        *(
            ("dpm++2m", dataclasses.replace(settings, preset="standard", steps=steps))
            for steps in SOLVER_STEPS
        ),
    ]
    squares = np.zeros((len(candidates), 2))
    for take in range(takes):
        exact = perform(
            clip, actor, dataclasses.replace(_DDIM, actor=actor.name, steps=FULL_STEPS, seed=take)
        )
        for i, (_, few) in enumerate(candidates):
            on_progress(Progress(f"take {take + 1}", i, len(candidates)))
            near = perform(clip, actor, dataclasses.replace(few, seed=take))
            squares[i] += [value**2 for value in _distances(actor, near, exact)]
    curve = tuple(
        Distance(solver, few.solver.steps, *(math.sqrt(square / takes) for square in of_parts))
        for (solver, few), of_parts in zip(candidates, squares.tolist(), strict=True)
    )
    return StepsReport(
        actor=actor.name,
        clip=clip.name,
        clip_seconds=clip.duration,
        takes=takes,
        precision=solver_precision,
        curve=curve,
        enough=fewest_as_near(curve),
        versions=versions(),
    )


def fewest_as_near(curve: tuple[Distance, ...]) -> int | None:
    """The fewest solver steps that are as near as DDIM's 100, as are all more; None where there are none."""
    limit = next(point for point in curve if (point.solver, point.steps) == ("ddim", 100))
    enough = None
    for point in sorted(curve, key=lambda point: -point.steps):
        if point.solver == "ddim":
            continue
        if point.body > limit.body or point.face > limit.face:
            break
        enough = point.steps
    return enough


_DDIM = GenerateSettings(preset="reference", precision="full")


def _distances(actor: Actor, near: Performance, exact: Performance) -> Iterator[float]:
    """Of body and face; 0 for what the actor does not perform."""
    for part, normalise in (
        ("pose", actor.statistics.normalise_pose),
        ("face", actor.statistics.normalise_face),
    ):
        motion = normalise(getattr(exact, part))
        size = float(np.square(motion).mean())
        difference = float(np.square(normalise(getattr(near, part)) - motion).mean())
        yield math.sqrt(difference / size) if size else 0.0
