"""BVH files, written and read without Blender.

A BVH file knows neither axes nor scales of joints. It is written with the rest pose as the pose of all-zero
rotations, every joint's axes along the world's; rotations are turns from rest. Y stays up. A joint that moves
against its parent, as the root does, has position channels and the offset 0, because programs differ in
whether positions add to offsets.
Source: the Biovision hierarchy format as Blender, and the files of the CMU motion database, use it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from kinematics.arrays import BoolArray, FloatArray
from kinematics.errors import A2PError
from kinematics.files import atomic_write, read_bytes
from kinematics.pose import JointStates
from kinematics.rotations import (
    euler_from_matrix,
    matrix_from_quaternion,
    quaternion_conjugate,
    quaternion_from_euler,
    quaternion_multiply,
    rotate,
    smooth_euler,
)
from kinematics.skeleton import Skeleton

Unit: TypeAlias = Literal["cm", "m"]

MAX_BYTES = 1 << 30
MAX_JOINTS = 2000
MAX_STATES = 1 << 25
"""Frames times joints: three hours of a hundred joints at thirty frames a second."""

_PER_CENTIMETRE = {"cm": 1.0, "m": 0.01}
_POSITIONS = ("Xposition", "Yposition", "Zposition")
_ROTATIONS = {"Xrotation": "X", "Yrotation": "Y", "Zrotation": "Z"}
_SHORTEST_FRAME = 1e-6
"""Seconds."""
_STILL = 1e-6
"""Centimetres; a joint that never leaves its rest offset by more needs no position channels."""


class BVHError(A2PError):
    """A BVH file that cannot be read."""


@dataclass(frozen=True, eq=False)
class BVHMotion:
    """A skeleton and how it moves.

    skeleton: J joints in the file's order; pre-rotations are identity.
    local: (T, J) states seen from the parents, centimetres.
    frame_time: seconds.
    """

    skeleton: Skeleton
    local: JointStates
    frame_time: float

    @property
    def fps(self) -> float:
        """Frames a second; a usual rate where the file's rounded frame time cannot be told from it."""
        exact = 1 / self.frame_time
        for usual in (float(round(exact)), round(exact * 1.001) / 1.001):
            if abs(exact - usual) < 1e-4 * exact:
                return usual
        return exact


def write_bvh(
    path: str | Path,
    skeleton: Skeleton,
    states: JointStates,
    rest: JointStates,
    fps: float,
    *,
    unit: Unit = "cm",
    order: str = "ZXY",
) -> None:
    """Writes global states (T, J) as a BVH file at a frame rate of `fps`.

    rest: global states (J,) of the pose of all-zero rotations; for a body, `body.global_states(zeros)`.
    unit: of the lengths in the file; centimetres is what most programs expect.
    order: of the rotation channels; "ZXY" means R = Rz Rx Ry.

    Numbers are written in full, and angles do not jump by turns. Joints come out in depth-first order.
    Raises ValueError where the skeleton has not just one root, or the states do not fit it.
    """
    if np.count_nonzero(skeleton.parents < 0) != 1:
        raise ValueError("a BVH file holds a skeleton with one root")
    if (
        states.scale.ndim != 2
        or states.scale.shape[1] != len(skeleton)
        or rest.scale.shape != (len(skeleton),)
    ):
        raise ValueError(f"expected states (T, {len(skeleton)}) and a rest pose ({len(skeleton)},)")
    if sorted(order) != ["X", "Y", "Z"] or not fps > 0:
        raise ValueError(f"'{order}' is not an order of axes, or {fps} not a frame rate")
    factor = _PER_CENTIMETRE[unit]
    offsets, translations, turns = _turns_from_rest(skeleton, states, rest)
    moving = np.abs(translations - offsets).max(axis=(0, 2), initial=0) > _STILL
    moving |= skeleton.parents < 0
    angles = np.degrees(smooth_euler(euler_from_matrix(matrix_from_quaternion(turns), order)))
    joints = _depth_first(skeleton)
    columns = [
        values[:, joint]
        for joint in joints
        for values in ((translations * factor, angles) if moving[joint] else (angles,))
    ]
    lines = [
        "HIERARCHY",
        *_joint_lines(skeleton, offsets * factor, moving, order, joints[0]),
        "MOTION",
        f"Frames: {len(angles)}",
        f"Frame Time: {1 / fps!r}",
        *map(_numbers, np.concatenate(columns, axis=1)),
    ]
    with atomic_write(path) as file:
        file.write(("\n".join(lines) + "\n").encode())


def read_bvh(path: str | Path, *, unit: Unit = "cm") -> BVHMotion:
    """The skeleton and motion of a BVH file whose lengths are in `unit`.

    Position channels replace a joint's offset, as Blender reads and writes them. End sites carry no motion
    and are left out. Raises BVHError, with the line number where it can.
    """
    path = Path(path)
    try:
        text = read_bytes(path, MAX_BYTES).decode("utf-8", errors="replace")
    except OSError as error:
        raise BVHError(f"The BVH file {path} cannot be opened: {error.strerror}.") from error
    except ValueError as error:
        raise BVHError(f"The BVH file {path} cannot be used: {error}.") from error
    lines = iter(enumerate(text.splitlines(), 1))
    hierarchy = _Hierarchy(str(path))
    hierarchy.read(lines)
    try:
        skeleton = Skeleton(
            tuple(hierarchy.names),
            np.array(hierarchy.parents),
            np.array(hierarchy.offsets) / _PER_CENTIMETRE[unit],
            np.tile([0.0, 0, 0, 1], (len(hierarchy.names), 1)),
        )
    except ValueError as error:
        raise BVHError(f"{path} does not hold a usable skeleton: {error}.") from error
    frame_time, rows = _read_motion(lines, sum(map(len, hierarchy.channels)), str(path))
    if len(rows) * len(skeleton) > MAX_STATES:
        size = f"{len(rows)} frames of {len(skeleton)} joints"
        raise BVHError(f"{path} is longer than can be read, {size}: cut it into parts.")
    return BVHMotion(skeleton, _local_states(skeleton, hierarchy.channels, rows, unit), frame_time)


def _turns_from_rest(
    skeleton: Skeleton, states: JointStates, rest: JointStates
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Rest offsets (J, 3), translations (T, J, 3), turns (T, J, 4) against the parent, world-aligned axes."""
    turns = quaternion_multiply(states.rotation, quaternion_conjugate(rest.rotation))
    children = np.flatnonzero(skeleton.parents >= 0)
    parents = skeleton.parents[children]
    offsets, translations, local = rest.translation.copy(), states.translation.copy(), turns.copy()
    offsets[children] -= rest.translation[parents]
    back = quaternion_conjugate(turns[:, parents])
    translations[:, children] = rotate(back, states.translation[:, children] - states.translation[:, parents])
    local[:, children] = quaternion_multiply(back, turns[:, children])
    return offsets, translations, local


def _depth_first(skeleton: Skeleton) -> list[int]:
    joints, waiting = [], [int(np.argmin(skeleton.parents))]
    while waiting:
        joints.append(waiting.pop())
        waiting += reversed(skeleton.children[joints[-1]])
    return joints


def _joint_lines(
    skeleton: Skeleton, offsets: FloatArray, moving: BoolArray, order: str, joint: int, depth: int = 0
) -> Iterator[str]:
    """The block of a joint and all below it."""
    channels = [*(_POSITIONS if moving[joint] else ()), *(f"{axis}rotation" for axis in order)]
    indent = "\t" * depth
    yield f"{indent}{'JOINT' if depth else 'ROOT'} {skeleton.names[joint]}"
    yield f"{indent}{{"
    yield f"{indent}\tOFFSET {_numbers(np.zeros(3) if moving[joint] else offsets[joint])}"
    yield f"{indent}\tCHANNELS {len(channels)} {' '.join(channels)}"
    for child in skeleton.children[joint]:
        yield from _joint_lines(skeleton, offsets, moving, order, child, depth + 1)
    if not skeleton.children[joint]:
        # A leaf's bone goes on for half its parent's.
        tip = f"OFFSET {_numbers(offsets[joint] / 2)}"
        yield from (f"{indent}\tEnd Site", f"{indent}\t{{", f"{indent}\t\t{tip}", f"{indent}\t}}")
    yield f"{indent}}}"


def _numbers(values: FloatArray) -> str:
    return " ".join(map(repr, values.tolist()))


@dataclass
class _Hierarchy:
    """Takes the first half of a file apart."""

    source: str
    names: list[str] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    offsets: list[list[float]] = field(default_factory=list)
    channels: list[list[str]] = field(default_factory=list)

    def read(self, lines: Iterator[tuple[int, str]]) -> None:
        """Reads up to and including the line MOTION."""
        # Joint numbers of the open braces; None stands for an end site.
        opened: list[int | None] = []
        announced: list[int | None] = []
        for number, line in lines:
            # "JOINT name {" on one line is allowed as well.
            for words in (part.split() for part in re.split(r"([{}])", line)):
                if not words or words == ["HIERARCHY"]:
                    continue
                if words == ["MOTION"]:
                    if opened or announced or not self.names:
                        raise self._error(number, "MOTION comes before the hierarchy is complete")
                    return
                self._read(number, words, opened, announced)
        raise BVHError(f"{self.source} is not a BVH file: it has no MOTION.")

    def _read(
        self, number: int, words: Sequence[str], opened: list[int | None], announced: list[int | None]
    ) -> None:
        keyword, *rest = words
        if keyword == "{" and announced:
            opened.append(announced.pop())
        elif keyword == "}" and opened:
            opened.pop()
        elif keyword in ("ROOT", "JOINT") and rest and (keyword == "JOINT") == bool(opened) and not announced:
            announced.append(self._add(number, " ".join(rest), opened[-1] if opened else -1))
        elif keyword == "End" and opened and not announced:
            announced.append(None)
        elif keyword == "OFFSET" and opened:
            offset = self._offset(number, rest)
            if opened[-1] is not None:
                self.offsets[opened[-1]] = offset
        elif keyword == "CHANNELS" and opened and opened[-1] is not None:
            self.channels[opened[-1]] = self._channels(number, rest)
        else:
            raise self._error(number, f"did not expect '{' '.join(words)}'")

    def _add(self, number: int, name: str, parent: int | None) -> int:
        if parent is None:
            raise self._error(number, f"the joint '{name}' is inside an end site")
        if len(self.names) >= MAX_JOINTS:
            raise self._error(number, f"more than {MAX_JOINTS} joints")
        self.names.append(name)
        self.parents.append(parent)
        self.offsets.append([0.0, 0.0, 0.0])
        self.channels.append([])
        return len(self.names) - 1

    def _offset(self, number: int, words: Sequence[str]) -> list[float]:
        try:
            x, y, z = map(float, words)
        except ValueError:
            raise self._error(number, f"expected OFFSET and three numbers, not '{' '.join(words)}'") from None
        return [x, y, z]

    def _channels(self, number: int, words: Sequence[str]) -> list[str]:
        names = list(words[1:])
        if not words or words[0] != str(len(names)) or len(set(names)) != len(names):
            raise self._error(number, "expected CHANNELS, their number, and as many different names")
        unknown = set(names) - set(_POSITIONS) - set(_ROTATIONS)
        if unknown or sum(name in _ROTATIONS for name in names) not in (0, 3):
            raise self._error(number, f"cannot use the channels '{' '.join(names)}'")
        return names

    def _error(self, number: int, what: str) -> BVHError:
        return BVHError(f"{self.source}, line {number}: {what}.")


def _read_motion(lines: Iterator[tuple[int, str]], width: int, source: str) -> tuple[float, FloatArray]:
    """The frame time in seconds and the channel values (T, width)."""
    rest = [line for _, line in lines if line.strip()]
    frames = re.fullmatch(r"\s*Frames:\s*(\d{1,9})\s*", rest[0]) if rest else None
    time = re.fullmatch(r"\s*Frame Time:\s*([\d.eE+-]+)\s*", rest[1]) if len(rest) > 1 else None
    if frames is None or time is None:
        raise BVHError(f"{source} needs 'Frames: N' and 'Frame Time: seconds' after MOTION.")
    count, frame_time = int(frames[1]), _number(time[1])
    if not _SHORTEST_FRAME <= frame_time < np.inf:
        raise BVHError(f"{source} has the frame time {time[1]}, which is not a number of seconds above 0.")
    if width == 0:
        raise BVHError(f"{source} has no channels, so nothing in it moves.")
    try:
        values = np.array(" ".join(rest[2:]).split(), dtype=np.float64)
    except ValueError as error:
        raise BVHError(f"{source} holds a motion value that is not a number ({error}).") from error
    if len(values) != count * width:
        raise BVHError(
            f"{source} announces {count} frames of {width} values but holds {len(values)} values instead of "
            f"{count * width}: the file is cut off or damaged."
        )
    if not np.all(np.isfinite(values)):
        raise BVHError(f"{source} holds a motion value that is not finite.")
    return frame_time, values.reshape(count, width)


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return np.nan


def _local_states(
    skeleton: Skeleton, channels: Sequence[Sequence[str]], rows: FloatArray, unit: Unit
) -> JointStates:
    translation = np.tile(skeleton.offsets, (len(rows), 1, 1))
    rotation = np.tile([0.0, 0, 0, 1], (len(rows), len(skeleton), 1))
    column = 0
    for joint, names in enumerate(channels):
        values = rows[:, column : column + len(names)]
        column += len(names)
        for axis, name in enumerate(_POSITIONS):
            if name in names:
                translation[:, joint, axis] = values[:, names.index(name)] / _PER_CENTIMETRE[unit]
        turning = [position for position, name in enumerate(names) if name in _ROTATIONS]
        if turning:
            order = "".join(_ROTATIONS[names[position]] for position in turning)
            rotation[:, joint] = quaternion_from_euler(np.radians(values[:, turning]), order)
    return JointStates(translation, rotation, np.ones(translation.shape[:2]))
