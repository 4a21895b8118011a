"""The settings of a job, their defaults and their limits: the one place for all three."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from a2p_backend.wire.performance import MAX_FRAMES
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
MAX_SENT_SECONDS = 10 * 60  # of a clip that a running backend is sent: what Blender holds in one Action
MAX_RECORDING_SECONDS = MAX_SENT_SECONDS  # of a recording from the microphone
RASTERISERS = ("auto", "opengl", "pytorch3d")
VIEWS = ("front", "side", "both")
WORLDS = ("scene", "capture")
QUALITIES = ("full", "preview")

SPEAKERS = ("left", "right")
PRECISIONS = ("full", "half")
_ACTOR_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class SettingsError(A2PError):
    """A setting is unknown, of the wrong type, or out of range."""


@dataclass(frozen=True)
class Preset:
    """So much time for so much exactness: denoiser steps, and the order of the solver that takes them.

    order: 1 is DDIM, as released; 2 is DPM-Solver++(2M), which comes as near with far fewer steps.
    precision: of the denoisers' products, one of PRECISIONS.
    """

    steps: int
    order: int
    precision: str


PRESETS: Mapping[str, Preset] = {
    "draft": Preset(8, 2, "half"),
    "standard": Preset(19, 2, "half"),
    "reference": Preset(100, 1, "full"),
    "released": Preset(500, 1, "full"),
}
"""`standard` is as near to DDIM's 1000 steps as `reference` is, on the default actor (`a2p bench steps`)."""
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
    precision: of the denoisers' products, where not the preset's: "full" is single precision, "half" bfloat16
        or float16 where the machine is faster with it. Processors hear a released face's lips in it, too; the
        guide and what it hears are always in single precision.
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
    precision: str | None = None

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
        if self.precision is not None:
            _check_choice("precision", self.precision, PRECISIONS)

    @property
    def solver(self) -> Preset:
        """The preset, with the steps and the precision that were asked for instead of its own."""
        preset = PRESETS[self.preset]
        return dataclasses.replace(
            preset,
            steps=preset.steps if self.steps is None else self.steps,
            precision=self.precision or preset.precision,
        )

    def resolved(
        self,
        face_guidance: float = RELEASED_FACE_GUIDANCE,
        body_guidance: float = RELEASED_BODY_GUIDANCE,
    ) -> GenerateSettings:
        """The same settings with nothing left to preset or actor, given the scales that this recommends."""
        return dataclasses.replace(
            self,
            steps=self.solver.steps,
            precision=self.solver.precision,
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
class ViewCamera:
    """A pinhole camera in OpenCV's terms, without distortion or skew.

    K: 3 rows of 3, intrinsics in pixels from the picture's top left corner.
    Rt: 3 rows of 4, world to camera: x right, y down, z forward.
    width, height: the picture that K is of, pixels; a plate of another size sees the same, as large as fits.
    world: "scene": Blender's, in metres, Z up, in which the take stands as its rig does when imported;
        "capture": the one of the actor's recordings, in the units of the released cameras.
    """

    K: tuple[tuple[float, ...], ...]
    Rt: tuple[tuple[float, ...], ...]
    width: int
    height: int
    world: str = "scene"

    def __post_init__(self) -> None:
        object.__setattr__(self, "K", _matrix("K", self.K, 3))
        object.__setattr__(self, "Rt", _matrix("Rt", self.Rt, 4))
        if self.K[0][0] <= 0 or self.K[1][1] <= 0 or self.K[2] != (0.0, 0.0, 1.0):
            raise SettingsError(
                "The camera's K is no pinhole camera: give [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]."
            )
        if abs(_determinant([row[:3] for row in self.Rt]) - 1.0) > 1e-3:
            raise SettingsError(
                "The camera's Rt does not begin with a rotation: give world to camera, unscaled."
            )
        for name in ("width", "height"):
            _check_integer(f"the camera's {name}", getattr(self, name), 1, 1 << 16)
        _check_choice("the camera's world", self.world, WORLDS)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ViewCamera:
        """A camera from a JSON object. Raises SettingsError."""
        return _from_dict(cls, values)


@dataclass(frozen=True)
class PlateSettings:
    """How the plate of a performance is rendered.

    width, height: pixels of each view, even (the video codec halves the colour planes), 64 .. 4096.
    rasteriser: "opengl", "pytorch3d", or "auto": PyTorch3D where there is CUDA, else OpenGL.
    view: "front" or "side": a camera that frames the figure, as the add-on's does
        (`kinematics.camera.frame_figure`); "both": two views side by side, for a released avatar those of the
        cameras that it came with; or a ViewCamera, for example the Blender scene's own
        (`kinematics.camera.Camera.from_projection`).
    quality: "full", or "preview", of codec avatars: half the size, without gloss, every second frame.
    alpha: no background; an Apple ProRes 4444 film (.mov) with transparency instead of an .mp4.
    frames: the first frame and the one after the last, of the take's; None for all.
    """

    width: int = 640
    height: int = 720
    rasteriser: str = "auto"
    view: str | ViewCamera = "front"
    quality: str = "full"
    alpha: bool = False
    frames: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        for name in ("width", "height"):
            side = getattr(self, name)
            _check_integer(name, side, MIN_PLATE_SIDE, MAX_PLATE_SIDE)
            if side % 2:
                raise SettingsError(f"{name} is {side}: a video needs an even number of pixels.")
        _check_choice("rasteriser", self.rasteriser, RASTERISERS)
        if isinstance(self.view, Mapping):
            object.__setattr__(self, "view", ViewCamera.from_dict(self.view))
        if not isinstance(self.view, ViewCamera):
            _check_choice("view", self.view, VIEWS)
        _check_choice("quality", self.quality, QUALITIES)
        if not isinstance(self.alpha, bool):
            raise SettingsError(f"alpha is {self.alpha!r}: give true or false.")
        if self.frames is not None:
            self._check_frames(self.frames)

    def _check_frames(self, frames: Any) -> None:
        if not isinstance(frames, (list, tuple)) or len(frames) != 2:
            raise SettingsError(
                f"frames is {str(frames)[:80]!r}: give the first frame and the one after the last."
            )
        first, last = frames
        _check_integer("the first frame", first, 0, MAX_FRAMES - 1)
        _check_integer("the frame after the last", last, first + 1, MAX_FRAMES)
        object.__setattr__(self, "frames", (first, last))

    def frames_of(self, count: int) -> range:
        """The frames to be drawn of a take of `count`. Raises SettingsError where it has no such frames."""
        if self.frames is None:
            return range(count)
        if self.frames[1] > count:
            raise SettingsError(
                f"frames end with {self.frames[1]}, but the take has {count}: give a range within it."
            )
        return range(*self.frames)

    def to_dict(self) -> dict[str, Any]:
        """The settings as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PlateSettings:
        """Settings from a JSON object; what is left out keeps its default. Raises SettingsError."""
        return _from_dict(cls, values)


_Settings = TypeVar("_Settings", GenerateSettings, PlateSettings, ViewCamera)


def _from_dict(cls: type[_Settings], values: Mapping[str, Any]) -> _Settings:
    if not isinstance(values, Mapping):
        raise SettingsError("The settings are not a JSON object.")
    known = {field.name for field in dataclasses.fields(cls)}
    unknown = sorted(str(name) for name in values if name not in known)
    if unknown:
        raise SettingsError(f"Unknown setting {unknown[0]!r}: the settings are {', '.join(sorted(known))}.")
    missing = [
        field.name
        for field in dataclasses.fields(cls)
        if field.default is dataclasses.MISSING and field.name not in values
    ]
    if missing:
        raise SettingsError(f"{missing[0]} is missing: give {', '.join(missing)}.")
    return cls(**values)


def _matrix(name: str, rows: Any, width: int) -> tuple[tuple[float, ...], ...]:
    if (
        not isinstance(rows, (list, tuple))
        or len(rows) != 3
        or any(not isinstance(row, (list, tuple)) or len(row) != width for row in rows)
    ):
        raise SettingsError(f"The camera's {name} is not 3 rows of {width} numbers.")
    for number in (number for row in rows for number in row):
        _check_number(f"the camera's {name}", number, -1e9, 1e9)
    return tuple(tuple(float(number) for number in row) for row in rows)


def _determinant(rows: Any) -> float:
    (a, b, c), (d, e, f), (g, h, i) = rows
    return float(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))


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
