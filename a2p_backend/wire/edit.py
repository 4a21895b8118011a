"""What a new performance keeps of one that is there: locks, guide poses, and how far it may stray.

Nothing here is a setting of the networks; all of it may travel with a request to generate.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2p_backend.wire.performance import FPS, MAX_FRAMES, POSE_SIZE, Performance
from kinematics.array_files import ArrayFileError, read_npy
from kinematics.body_parts import BODY_PARTS
from kinematics.errors import A2PError

FACE = "face"
KEEPABLE = (*BODY_PARTS, FACE)
"""What can be kept throughout."""
MAX_LOCKS = 1000

_MAX_GUIDE_BYTES = MAX_FRAMES // FPS * POSE_SIZE * 8

FrameRange = tuple[int, int]
"""Frames first (included) to end (excluded)."""


class EditError(A2PError):
    """An edit that makes no sense, or does not fit its clip or its actor."""


@dataclass(frozen=True, eq=False)
class Edit:
    """What stays of a starting performance, and which guide poses are given. By default, nothing.

    start: the performance that is edited.
    strength: how far from it the rest may go, 0 (nowhere) to 1 (it is performed anew). Below 1 its guide
        poses are used again too, where none are given.
    locked_pose, locked_face: frame ranges that stay as they are, in order and apart.
    kept: parts (KEEPABLE) that stay throughout.
    guide: (ceil(T / 30), 104) float32, poses that the body passes at each second; a row of NaN is free.
    """

    start: Performance | None = None
    strength: float = 1.0
    locked_pose: tuple[FrameRange, ...] = ()
    locked_face: tuple[FrameRange, ...] = ()
    kept: tuple[str, ...] = ()
    guide: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        is_number = isinstance(self.strength, (int, float)) and not isinstance(self.strength, bool)
        if not is_number or not 0.0 <= self.strength <= 1.0:
            raise EditError(f"strength is {self.strength!r}: give a number from 0 to 1.")
        for name in ("locked_pose", "locked_face"):
            object.__setattr__(self, name, _merged(_checked_ranges(getattr(self, name))))
        unknown = [part for part in self.kept if part not in KEEPABLE]
        if unknown:
            raise EditError(f"{str(unknown[0])[:80]!r} cannot be kept: choose from {', '.join(KEEPABLE)}.")
        object.__setattr__(self, "kept", tuple(part for part in KEEPABLE if part in self.kept))
        if self.guide is not None:
            object.__setattr__(self, "guide", _checked_guide(self.guide))
        if self.start is None and (self.locked_pose or self.locked_face or self.kept or self.strength < 1):
            raise EditError("Locks, kept parts and a strength need a performance to start from.")
        if self.start is not None:
            self._check_start(self.start)

    @property
    def keeps_pose(self) -> bool:
        """Whether anything of the body stays."""
        return bool(self.locked_pose or any(part in BODY_PARTS for part in self.kept))

    @property
    def keeps_face(self) -> bool:
        """Whether anything of the face stays."""
        return bool(self.locked_face or FACE in self.kept)

    @property
    def kept_parameters(self) -> NDArray[np.bool_]:
        """(104,): the pose parameters that stay throughout."""
        kept = np.zeros(POSE_SIZE, np.bool_)
        for part in self.kept:
            if part in BODY_PARTS:
                kept[list(BODY_PARTS[part])] = True
        return kept

    def check_fits(self, frames: int, actor: str) -> None:
        """Raises EditError unless it can be applied to a clip of so many frames, performed by this actor."""
        if self.start is not None and self.start.frame_count != frames:
            raise EditError(
                f"The starting performance has {self.start.frame_count} frames but the clip {frames}: "
                "start from a performance of a clip of the same length."
            )
        if self.start is not None and self.start.actor != actor:
            raise EditError(
                f"The starting performance is {self.start.actor}'s: {actor} can start from its own only."
            )
        for first, end in (*self.locked_pose, *self.locked_face):
            if end > frames:
                raise EditError(
                    f"The lock from frame {first} to {end} reaches past the clip, which has {frames} frames "
                    f"({frames / FPS:.2f} s)."
                )
        seconds = math.ceil(frames / FPS)
        if self.guide is not None and len(self.guide) != seconds:
            raise EditError(
                f"The guide has {len(self.guide)} poses: the clip needs {seconds}, one a second (NaN: free)."
            )

    def part(self, first: int, stop: int) -> Edit:
        """The same edit for frames first (included, on a whole second) to stop (excluded) of the clip."""
        return Edit(
            start=None if self.start is None else self.start.part(first, stop),
            strength=self.strength,
            locked_pose=_within(self.locked_pose, first, stop),
            locked_face=_within(self.locked_face, first, stop),
            kept=self.kept,
            guide=None if self.guide is None else self.guide[first // FPS : math.ceil(stop / FPS)],
        )

    def to_dict(self) -> dict[str, Any]:
        """What a take remembers, as a JSON object: everything but the motion, of which it names a hash."""
        if self.start is None and self.guide is None:
            return {}
        return {
            "strength": self.strength,
            "locked_pose": [list(lock) for lock in self.locked_pose],
            "locked_face": [list(lock) for lock in self.locked_face],
            "kept": list(self.kept),
            "guide_given": [] if self.guide is None else np.flatnonzero(is_given(self.guide)).tolist(),
            "guide_sha256": None if self.guide is None else _sha256(self.guide),
            "start": None if self.start is None else _identity(self.start),
        }

    def fields(self) -> dict[str, Any]:
        """Everything but the arrays, as a JSON object, for the wire."""
        return {
            "strength": self.strength,
            "locked_pose": self.locked_pose,
            "locked_face": self.locked_face,
            "kept": self.kept,
            "start": None if self.start is None else self.start.header(),
        }

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The arrays by the names that they have on the wire."""
        arrays = {} if self.guide is None else {"edit.guide": self.guide}
        if self.start is not None:
            arrays |= {f"edit.start.{name}": array for name, array in self.start.arrays().items()}
        return arrays

    @classmethod
    def from_parts(cls, fields: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Edit:
        """The inverse of `fields` and `arrays`; what is left out keeps its default.

        Raises EditError, or TakeError for the starting performance.
        """
        known = {"strength", "locked_pose", "locked_face", "kept", "start"}
        if not isinstance(fields, Mapping) or not fields.keys() <= known:
            raise EditError(f"An edit is a JSON object with {', '.join(sorted(known))}.")
        values = dict(fields)
        header = values.pop("start", None)
        start = None
        if header is not None:
            if not isinstance(header, Mapping):
                raise EditError("The starting performance of an edit has no header.")
            prefix = "edit.start."
            of_start = {name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)}
            start = Performance.from_parts(header, of_start)
        kept = values.get("kept", ())
        if not isinstance(kept, (list, tuple)):
            raise EditError("What an edit keeps is not a list of parts.")
        return cls(**{**values, "kept": tuple(kept)}, start=start, guide=arrays.get("edit.guide"))

    def _check_start(self, start: Performance) -> None:
        for part, keeps in (("body", self.keeps_pose), (FACE, self.keeps_face)):
            if keeps and part in start.missing:
                raise EditError(f"The starting performance has no {part}, of which something is to be kept.")


def is_given(guide: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(K,): which of guide poses (K, 104) are given rather than free."""
    given: NDArray[np.bool_] = np.isfinite(guide).all(axis=1)
    return given


def frames_in(ranges: Iterable[FrameRange], frames: int) -> NDArray[np.bool_]:
    """(frames,): which frames the ranges hold."""
    inside = np.zeros(frames, np.bool_)
    for first, end in ranges:
        inside[first:end] = True
    return inside


def read_guide(path: Path) -> NDArray[np.float32]:
    """Guide poses (K, 104) from a .npy file, NaN where free. Raises EditError."""
    try:
        guide = read_npy(path, _MAX_GUIDE_BYTES)
    except OSError as error:
        raise EditError(f"Cannot read the guide {path}: {error.strerror or error}.") from error
    except ArrayFileError as error:
        raise EditError(
            f"{path} is not a guide, {error}: give a .npy file of shape (seconds, {POSE_SIZE})."
        ) from error
    return _checked_guide(guide)


def _checked_ranges(ranges: Any) -> list[FrameRange]:
    if not isinstance(ranges, (list, tuple)) or len(ranges) > MAX_LOCKS:
        raise EditError(f"Locks are a list of at most {MAX_LOCKS} frame ranges.")
    checked = []
    for lock in ranges:
        whole = isinstance(lock, (list, tuple)) and all(type(frame) is int for frame in lock)
        if not whole or len(lock) != 2 or not 0 <= lock[0] < lock[1] <= MAX_FRAMES:
            raise EditError(
                f"The lock {str(lock)[:80]} is no range of frames: give its first frame and its end."
            )
        checked.append((lock[0], lock[1]))
    return checked


def _merged(ranges: list[FrameRange]) -> tuple[FrameRange, ...]:
    """The same frames in ranges that are in order and do not touch."""
    merged: list[FrameRange] = []
    for first, end in sorted(ranges):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((first, end))
    return tuple(merged)


def _within(ranges: Iterable[FrameRange], first: int, stop: int) -> tuple[FrameRange, ...]:
    """What of frame ranges lies between two frames, counted from the first of these."""
    return tuple(
        (max(start, first) - first, min(end, stop) - first)
        for start, end in ranges
        if start < stop and end > first
    )


def _checked_guide(guide: Any) -> NDArray[np.float32]:
    array = np.asarray(guide)
    if array.dtype.kind != "f" or array.ndim != 2 or array.shape[1] != POSE_SIZE:
        raise EditError(
            f"The guide holds {array.dtype} values of shape {array.shape}: floats of shape "
            f"(seconds, {POSE_SIZE}) are needed."
        )
    partial = ~np.isfinite(array).all(axis=1) & ~np.isnan(array).all(axis=1)
    if partial.any():
        row = int(np.flatnonzero(partial)[0])
        raise EditError(
            f"The guide's pose {row} holds NaN or infinity: give it whole, or NaN alone to free it."
        )
    return np.ascontiguousarray(array, np.float32)


def _identity(performance: Performance) -> dict[str, Any]:
    return {
        "actor": performance.actor,
        "seed": performance.seed,
        "clip_sha256": performance.clip_sha256,
        "motion_sha256": _sha256(performance.pose, performance.face),
    }


def _sha256(*arrays: NDArray[np.float32]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()


UNEDITED = Edit()
"""Keeps nothing: a clip is performed from nothing."""
