"""The settings of a job, their defaults and their limits: the one place for all three."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from kinematics.errors import A2PError

DEFAULT_ACTOR = "default"
# Guidance scales of the released system, for actors that recommend none of their own.
RELEASED_FACE_GUIDANCE = 10.0
RELEASED_BODY_GUIDANCE = 2.0

MAX_SEED = 2**31 - 1  # what a Blender integer property holds
MIN_STEPS = 2  # a single step would see the clean end of the schedule only
MAX_STEPS = 1000  # the length of the diffusion schedule
MAX_GUIDANCE = 100.0
MIN_PLATE_SIDE, MAX_PLATE_SIDE = 64, 4096
RASTERISERS = ("auto", "opengl", "pytorch3d")

SPEAKERS = ("left", "right")
_ACTOR_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class SettingsError(A2PError):
    """A setting is unknown, of the wrong type, or out of range."""


@dataclass(frozen=True)
class Preset:
    """So much time for so much exactness: denoiser steps, and the order of the solver that takes them.

    order: 1 is DDIM, as released; 2 is DPM-Solver++(2M), which comes as near with far fewer steps.
    """

    steps: int
    order: int


PRESETS: Mapping[str, Preset] = {
    "draft": Preset(8, 2),
    "standard": Preset(15, 2),
    "reference": Preset(100, 1),
    "released": Preset(500, 1),
}
"""`standard` is as near to DDIM's 1000 steps as `reference` is (`a2p bench steps` measures it)."""
DEFAULT_PRESET = "standard"


@dataclass(frozen=True)
class GenerateSettings:
    """How a clip is performed. The same clip, actor and settings give the same motion.

    actor: name of the model set.
    seed: 0 .. 2^31 - 1; another seed is another take.
    preset: one of PRESETS, for the denoiser's steps and solver.
    steps: denoiser steps, 2 .. 1000, where not the preset's; more is slower and smoother.
    face_guidance, body_guidance: how strongly the audio pulls; 0 = not at all, None = the actor's own.
    top_p: nucleus of the guide poses' sampling, above 0 and at most 1; less is calmer.
    speaker: the recording's channel on which the actor is heard; the partner is on the other.
    """

    actor: str = DEFAULT_ACTOR
    seed: int = 0
    preset: str = DEFAULT_PRESET
    steps: int | None = None
    face_guidance: float | None = None
    body_guidance: float | None = None
    top_p: float = 0.94
    speaker: Literal["left", "right"] = "left"

    def __post_init__(self) -> None:
        if not isinstance(self.actor, str) or not _ACTOR_NAME.fullmatch(self.actor):
            raise SettingsError(f"actor is {str(self.actor)[:80]!r}: give the name of an actor.")
        _check_integer("seed", self.seed, 0, MAX_SEED)
        _check_choice("preset", self.preset, tuple(PRESETS))
        if self.steps is not None:
            _check_integer("steps", self.steps, MIN_STEPS, MAX_STEPS)
        if self.face_guidance is not None:
            _check_number("face_guidance", self.face_guidance, 0.0, MAX_GUIDANCE)
        if self.body_guidance is not None:
            _check_number("body_guidance", self.body_guidance, 0.0, MAX_GUIDANCE)
        _check_number("top_p", self.top_p, 0.0, 1.0)
        if self.top_p == 0:
            raise SettingsError("top_p is 0: give a number above 0 and at most 1.")
        _check_choice("speaker", self.speaker, SPEAKERS)

    @property
    def solver(self) -> Preset:
        """The preset, with the steps that were asked for instead of its own."""
        preset = PRESETS[self.preset]
        return preset if self.steps is None else dataclasses.replace(preset, steps=self.steps)

    def resolved(
        self,
        face_guidance: float = RELEASED_FACE_GUIDANCE,
        body_guidance: float = RELEASED_BODY_GUIDANCE,
    ) -> GenerateSettings:
        """The same settings with nothing left to preset or actor, given the scales that this recommends."""
        return dataclasses.replace(
            self,
            steps=self.solver.steps,
            face_guidance=face_guidance if self.face_guidance is None else self.face_guidance,
            body_guidance=body_guidance if self.body_guidance is None else self.body_guidance,
        )

    def to_dict(self) -> dict[str, Any]:
        """The settings as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> GenerateSettings:
        """Settings from a JSON object; what is left out keeps its default. Raises SettingsError."""
        return _from_dict(cls, values)


@dataclass(frozen=True)
class PlateSettings:
    """How the plate of a performance is rendered.

    width, height: pixels, even (the video codec halves the colour planes), 64 .. 4096.
    rasteriser: "opengl", "pytorch3d", or "auto": PyTorch3D where there is CUDA, else OpenGL.
    """

    width: int = 640
    height: int = 720
    rasteriser: str = "auto"

    def __post_init__(self) -> None:
        for name in ("width", "height"):
            side = getattr(self, name)
            _check_integer(name, side, MIN_PLATE_SIDE, MAX_PLATE_SIDE)
            if side % 2:
                raise SettingsError(f"{name} is {side}: a video needs an even number of pixels.")
        _check_choice("rasteriser", self.rasteriser, RASTERISERS)

    def to_dict(self) -> dict[str, Any]:
        """The settings as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PlateSettings:
        """Settings from a JSON object; what is left out keeps its default. Raises SettingsError."""
        return _from_dict(cls, values)


_Settings = TypeVar("_Settings", GenerateSettings, PlateSettings)


def _from_dict(cls: type[_Settings], values: Mapping[str, Any]) -> _Settings:
    if not isinstance(values, Mapping):
        raise SettingsError("The settings are not a JSON object.")
    known = {field.name for field in dataclasses.fields(cls)}
    unknown = sorted(str(name) for name in values if name not in known)
    if unknown:
        raise SettingsError(f"Unknown setting {unknown[0]!r}: the settings are {', '.join(sorted(known))}.")
    return cls(**values)


def _check_integer(name: str, value: Any, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise SettingsError(f"{name} is {value!r}: give a whole number from {low} to {high}.")


def _check_number(name: str, value: Any, low: float, high: float) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not low <= value <= high:
        raise SettingsError(f"{name} is {value!r}: give a number from {low:g} to {high:g}.")


def _check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise SettingsError(f"{name} is {str(value)[:80]!r}: choose one of {', '.join(choices)}.")
