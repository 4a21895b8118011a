"""A Performance, and the take file that keeps one.

A take file (.npz) is a zip archive of .npy members: `header` (UTF-8 JSON as uint8), `pose`, `face`, `guide`.
Its arrays are little-endian single floats.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinematics.array_files import ArrayFileError, read_npz
from kinematics.errors import A2PError
from kinematics.face_codes import FACE_WIDTH
from kinematics.files import atomic_write

FPS = 30
SAMPLE_RATE = 48_000
"""Samples a second of the sound that networks hear and videos have."""
SAMPLES_PER_FRAME = SAMPLE_RATE // FPS
POSE_SIZE = 104
FACE_SIZE = FACE_WIDTH
MAX_FRAMES = 8 * 3600 * FPS

TAKE_FORMAT = "a2p-take"
TAKE_VERSION = 1
MAX_HEADER_BYTES = 64 * 1024
_ARRAY_NAMES = ("pose", "face", "guide")
_FIELD_TYPES = {"actor": str, "seed": int, "clip_name": str, "clip_sha256": str, "fps": int}
_MAX_ARRAY_BYTES = MAX_FRAMES * FACE_SIZE * 4


class TakeError(A2PError):
    """A performance or a take file is not what it should be."""


@dataclass(frozen=True, eq=False)
class Performance:
    """One actor's motion to one clip, and what made it.

    pose: (T, 104) float32, body parameters (decimetres and radians); T is 1 .. 864000 frames, 8 hours.
    face: (T, 256) float32, expression codes.
    guide: (K, 104) float32, the guide poses that steered the body, one a second; K <= T, may be 0.
    actor, seed: the name of the model set, and the seed of the take.
    settings: the JSON object of the GenerateSettings that were used.
    edit: the JSON object of the Edit that it was made under; empty for a clip performed from nothing.
    missing: "body" or "face" where the actor has no networks for it, so that it stays at rest.
    versions: of the programs that made it, by name.
    clip_name, clip_sha256: the recording's file name and the SHA-256 of its bytes (hexadecimal).
    warnings: what the user should know about the clip, one sentence each.
    """

    pose: NDArray[np.float32]
    face: NDArray[np.float32]
    guide: NDArray[np.float32]
    actor: str
    seed: int
    clip_name: str
    clip_sha256: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    fps: int = FPS
    warnings: tuple[str, ...] = ()
    edit: Mapping[str, Any] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, width in (("pose", POSE_SIZE), ("face", FACE_SIZE), ("guide", POSE_SIZE)):
            object.__setattr__(self, name, _checked_array(name, getattr(self, name), width))
        frames = len(self.pose)
        if not 1 <= frames <= MAX_FRAMES:
            raise TakeError(f"A performance has {frames} frames: 1 to {MAX_FRAMES} are possible.")
        if len(self.face) != frames:
            raise TakeError(f"A performance has {frames} frames of pose but {len(self.face)} frames of face.")
        if len(self.guide) > frames:
            raise TakeError(f"A performance of {frames} frames has {len(self.guide)} guide poses: too many.")
        for name, kind in _FIELD_TYPES.items():
            if not isinstance(getattr(self, name), kind):
                raise TakeError(
                    f"The {name} of a performance is {getattr(self, name)!r}, not a {kind.__name__}."
                )
        if self.fps <= 0:
            raise TakeError(f"A performance has {self.fps} frames a second.")
        for name in ("settings", "edit", "versions"):
            if not isinstance(getattr(self, name), Mapping):
                raise TakeError(f"The {name} of a performance are not a JSON object.")
        for name in ("warnings", "missing"):
            texts = getattr(self, name)
            if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
                raise TakeError(f"The {name} of a performance are not a list of texts.")
            object.__setattr__(self, name, tuple(texts))

    @property
    def frame_count(self) -> int:
        """T."""
        return len(self.pose)

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.frame_count / self.fps

    def header(self) -> dict[str, Any]:
        """Everything but the arrays, as a JSON object."""
        return {
            "actor": self.actor,
            "seed": self.seed,
            "clip_name": self.clip_name,
            "clip_sha256": self.clip_sha256,
            "settings": dict(self.settings),
            "fps": self.fps,
            "warnings": list(self.warnings),
            "edit": dict(self.edit),
            "missing": list(self.missing),
            "versions": dict(self.versions),
        }

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The arrays by name."""
        return {name: getattr(self, name) for name in _ARRAY_NAMES}

    def part(self, first: int, stop: int) -> Performance:
        """The frames first (included) to stop (excluded), with what the whole was made of.

        Its guide poses stay where it begins with a whole second, as do those of a take that has all of them.
        """
        has_guide = len(self.guide) == math.ceil(self.frame_count / self.fps) and first % self.fps == 0
        rows = slice(first // self.fps, math.ceil(stop / self.fps) if has_guide else first // self.fps)
        return dataclasses.replace(
            self, pose=self.pose[first:stop], face=self.face[first:stop], guide=self.guide[rows]
        )

    @classmethod
    def from_parts(cls, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Performance:
        """The inverse of `header` and `arrays`. Raises TakeError."""
        missing = [name for name in _ARRAY_NAMES if name not in arrays]
        if missing:
            raise TakeError(f"A performance without its {missing[0]} array is of no use.")
        try:
            return cls(
                **{name: arrays[name] for name in _ARRAY_NAMES},
                actor=header["actor"],
                seed=header["seed"],
                clip_name=header["clip_name"],
                clip_sha256=header["clip_sha256"],
                settings=header.get("settings", {}),
                fps=header.get("fps", FPS),
                warnings=header.get("warnings", ()),
                edit=header.get("edit", {}),
                missing=header.get("missing", ()),
                versions=header.get("versions", {}),
            )
        except KeyError as error:
            raise TakeError(f"A performance lacks its {error.args[0]}.") from error


def save_take(performance: Performance, path: str | Path) -> None:
    """Write a take file; it appears at `path` whole or not at all. Raises TakeError."""
    header = {"format": TAKE_FORMAT, "version": TAKE_VERSION, **performance.header()}
    encoded = np.frombuffer(json.dumps(header).encode(), np.uint8)
    if encoded.nbytes > MAX_HEADER_BYTES:
        raise TakeError(f"The settings of a take are too large for its file: over {MAX_HEADER_BYTES} bytes.")
    try:
        with atomic_write(path) as file:
            np.savez_compressed(file, header=encoded, **performance.arrays())
    except OSError as error:
        raise TakeError(f"Cannot write the take {path}: {error.strerror or error}.") from error


def load_take(path: str | Path) -> Performance:
    """Read a take file. Raises TakeError with one sentence for whatever is wrong with it."""
    try:
        arrays = read_npz(path, _MAX_ARRAY_BYTES, ("header", *_ARRAY_NAMES))
        for name, array in arrays.items():
            expected = np.dtype(np.uint8 if name == "header" else "<f4")
            if array.dtype != expected:
                raise TakeError(f"its {name} holds {array.dtype} values, not {expected}.")
        header = _read_header(arrays.pop("header"))
        return Performance.from_parts(header, arrays)
    except TakeError as error:
        raise TakeError(f"{path} is not a usable take: {error}") from error
    except OSError as error:
        raise TakeError(f"Cannot read the take {path}: {error.strerror or error}.") from error
    except ArrayFileError as error:
        raise TakeError(f"{path} is not a take: {error}; make it anew with `a2p generate`.") from error


def _checked_array(name: str, values: Any, width: int) -> NDArray[np.float32]:
    array = np.asarray(values)
    if array.dtype.kind != "f":
        raise TakeError(f"The {name} array holds {array.dtype} values, not floats.")
    if array.ndim != 2 or array.shape[1] != width:
        raise TakeError(f"The {name} array has the shape {array.shape}: (frames, {width}) is needed.")
    if not np.isfinite(array).all():
        frame = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        raise TakeError(f"The {name} array holds NaN or infinity, first in row {frame}.")
    return np.ascontiguousarray(array, np.float32)


def _read_header(encoded: NDArray[Any]) -> dict[str, Any]:
    if encoded.nbytes > MAX_HEADER_BYTES:
        raise TakeError("its header is too large.")
    try:
        header = json.loads(encoded.tobytes())
    except (ValueError, RecursionError) as error:
        raise TakeError("its header is not JSON.") from error
    if not isinstance(header, dict) or header.get("format") != TAKE_FORMAT:
        raise TakeError("its header does not say that it is a take.")
    if header.get("version") != TAKE_VERSION:
        raise TakeError(
            f"it is of version {header.get('version')!r}, this program reads {TAKE_VERSION}: update it."
        )
    return header
