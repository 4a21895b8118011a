"""Reads one person's recordings in the released dataset's on-disk form.

A folder holds, for every scene, four files:

sceneNN_audio.wav                48 kHz, 2 channels (the person, the partner), exactly 1600 samples a frame
sceneNN_body_pose.npy            (T, 104) at 30 frames a second
sceneNN_face_expression.npy      (T, 256)
sceneNN_missing_face_frames.npy  numbers of the frames whose face was not captured

Nothing is held in memory: poses are mapped, and of the audio only the stretch that is asked for is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
import soundfile

from a2p_backend.actors.statistics import Statistics
from a2p_backend.wire.performance import FACE_SIZE, POSE_SIZE, SAMPLE_RATE, SAMPLES_PER_FRAME
from kinematics.errors import A2PError

GUIDE_INTERVAL = 30
"""Frames from one guide pose to the next."""

TEST_SCENES = 4
VALIDATION_SCENES = 2

WRAPPED_PEOPLE = ("PXB184", "RLW104")
"""People whose captured root angle jumps by whole turns."""

PARTNERS = {"PXB184": "RLW104", "RLW104": "PXB184", "TXB805": "GQS883", "GQS883": "TXB805"}
"""Who talked with whom in the released recordings."""

_WRAPPED_COLUMN = 3
_AUDIO_BLOCK = 60 * SAMPLE_RATE


class DatasetError(A2PError):
    """A dataset folder is not what it must be, or is too small for what is asked of it."""


class Signal(Enum):
    """Which motion a dataset serves; the value is its width."""

    POSE = POSE_SIZE
    FACE = FACE_SIZE

    @property
    def width(self) -> int:
        return self.value

    @property
    def keyframe_interval(self) -> int:
        """Frames from one keyframe to the next: guide poses of the body; the face's are all its frames."""
        return GUIDE_INTERVAL if self is Signal.POSE else 1


def wrap_angle(angle: np.ndarray) -> np.ndarray:
    """Angles in radians brought into [0, 2 pi), in the array's own precision.

    Two remainders, as the released reader takes them. One would differ in float32 near multiples of a turn.
    """
    return ((angle + np.pi) % (2 * np.pi) + np.pi) % (2 * np.pi)


@dataclass(frozen=True, eq=False)
class Scene:
    """One recording. pose (T, 104) and face (T, 256) are mapped files; present (T,) is true where the face
    was seen.
    """

    name: str
    audio_path: Path
    pose: np.ndarray
    face: np.ndarray
    present: np.ndarray
    wraps_root_angle: bool = False
    swaps_channels: bool = False

    @property
    def frames(self) -> int:
        return len(self.pose)

    def motion(self, signal: Signal, start: int, stop: int, step: int = 1) -> np.ndarray:
        """Every step-th frame from start to stop, (N, C), as captured but for the root angle where that
        wraps.
        """
        if signal is Signal.FACE:
            return np.array(self.face[start:stop:step])
        pose = np.array(self.pose[start:stop:step])
        if self.wraps_root_angle:
            pose[:, _WRAPPED_COLUMN] = wrap_angle(pose[:, _WRAPPED_COLUMN])
        return pose

    def audio(self, start: int, stop: int) -> np.ndarray:
        """The sound of frames start to stop, (1600 (stop - start), 2) float32 of full scale 1, the person
        first.
        """
        samples, _ = soundfile.read(
            self.audio_path,
            start=start * SAMPLES_PER_FRAME,
            stop=stop * SAMPLES_PER_FRAME,
            dtype="float32",
            always_2d=True,
        )
        return samples[:, ::-1] if self.swaps_channels else samples


def read_scenes(folder: Path, flip_person: bool = False) -> list[Scene]:
    """All scenes of a person's folder, sorted by name; those whose face was never seen are left out.

    `flip_person` reads the conversation's other side instead: the partner's folder beside this one, with
    the channels swapped. The statistics stay those of the person that was asked for. Raises DatasetError.
    """
    source = partner_folder(folder) if flip_person else folder
    if not source.is_dir():
        raise DatasetError(f"There is no folder {source}: name the one that holds a person's scenes.")
    paths = sorted(source.glob("*_body_pose.npy"))
    if not paths:
        raise DatasetError(f"{source} holds no scenes (files called scene01_body_pose.npy and so on).")
    scenes = [_read_scene(source, path.name.removesuffix("_body_pose.npy"), flip_person) for path in paths]
    return [scene for scene in scenes if scene.present.any()]


def partner_folder(folder: Path) -> Path:
    """The folder of the person whom this folder's person talked with. Raises DatasetError where nobody
    knows.
    """
    try:
        return folder.with_name(PARTNERS[folder.name])
    except KeyError:
        raise DatasetError(
            f"Nobody knows the partner of {folder.name}; known people: {', '.join(PARTNERS)}."
        ) from None


def _read_scene(folder: Path, name: str, swaps_channels: bool) -> Scene:
    pose = _map_array(folder / f"{name}_body_pose.npy")
    face = _map_array(folder / f"{name}_face_expression.npy")
    missing = _map_array(folder / f"{name}_missing_face_frames.npy")
    audio_path = folder / f"{name}_audio.wav"
    frames = len(pose)
    if pose.shape != (frames, POSE_SIZE) or face.shape != (frames, FACE_SIZE):
        raise DatasetError(
            f"{folder / name}: pose {pose.shape} and face {face.shape} do not belong together: (frames,"
            f" {POSE_SIZE}) and (frames, {FACE_SIZE}) are needed."
        )
    if missing.size and not (missing.dtype.kind in "iu" and missing.min() >= 0 and missing.max() < frames):
        raise DatasetError(f"{folder / name}: the missing face frames are not frame numbers of the scene.")
    try:
        audio = soundfile.info(audio_path)
    except soundfile.LibsndfileError as error:
        raise DatasetError(f"{audio_path} cannot be read: {error}.") from error
    if (audio.samplerate, audio.channels, audio.frames) != (SAMPLE_RATE, 2, frames * SAMPLES_PER_FRAME):
        raise DatasetError(
            f"{audio_path} has {audio.frames} samples of {audio.channels} channels at {audio.samplerate} Hz; "
            f"it must have {frames * SAMPLES_PER_FRAME} of 2 at {SAMPLE_RATE} Hz, 1600 for each frame."
        )
    present = np.ones(frames, dtype=bool)
    present[missing.reshape(-1).astype(np.int64)] = False
    wraps = any(person in folder.name for person in WRAPPED_PEOPLE)
    return Scene(name, audio_path, pose, face, present, wraps_root_angle=wraps, swaps_channels=swaps_channels)


def _map_array(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read as an array: {error}.") from error


@dataclass(frozen=True)
class Splits:
    """Scenes by use."""

    train: list[Scene]
    validation: list[Scene]
    test: list[Scene]


def split_scenes(scenes: Sequence[Scene]) -> Splits:
    """The released division of sorted scenes: the last four test, the two before them validate, the rest
    train.
    """
    held_out = TEST_SCENES + VALIDATION_SCENES
    if len(scenes) <= held_out:
        raise DatasetError(
            f"The dataset has {len(scenes)} scenes; it takes {held_out + 1} to have one to train on."
        )
    return Splits(list(scenes[:-held_out]), list(scenes[-held_out:-TEST_SCENES]), list(scenes[-TEST_SCENES:]))


def measure_range(scenes: Sequence[Scene], signal: Signal) -> tuple[np.ndarray, np.ndarray]:
    """The least and the most of each number (C,) in any frame of the scenes."""
    low, high = np.full(signal.width, np.inf), np.full(signal.width, -np.inf)
    for scene in scenes:
        motion = scene.motion(signal, 0, scene.frames)
        low, high = np.minimum(low, motion.min(axis=0)), np.maximum(high, motion.max(axis=0))
    return low, high


def measure_statistics(scenes: Sequence[Scene]) -> Statistics:
    """Statistics over scenes, to be taken of the training split.

    Parameters that never move get deviation 1, so that normalising them gives 0. Face figures skip unseen
    frames.
    """
    pose = np.concatenate([scene.motion(Signal.POSE, 0, scene.frames) for scene in scenes])
    face = np.concatenate([scene.motion(Signal.FACE, 0, scene.frames)[scene.present] for scene in scenes])
    audio_mean, audio_std = _audio_figures(scenes)
    return Statistics(
        pose_mean=pose.mean(axis=0, dtype=np.float64),
        pose_std=_deviation(pose),
        face_mean=face.mean(axis=0, dtype=np.float64),
        face_std=_deviation(face),
        audio_mean=audio_mean,
        audio_std=audio_std,
    )


def _deviation(values: np.ndarray) -> np.ndarray:
    deviation = values.std(axis=0, dtype=np.float64)
    return np.where(deviation > 1e-6, deviation, 1.0)


def _audio_figures(scenes: Sequence[Scene]) -> tuple[np.ndarray, np.ndarray]:
    """Each channel's mean (2,) and the deviation () of all samples, read in blocks."""
    count, total, squares = 0, np.zeros(2), 0.0
    frames_a_block = _AUDIO_BLOCK // SAMPLES_PER_FRAME
    for scene in scenes:
        for start in range(0, scene.frames, frames_a_block):
            samples = scene.audio(start, min(start + frames_a_block, scene.frames)).astype(np.float64)
            count += len(samples)
            total += samples.sum(axis=0)
            squares += np.square(samples).sum()
    mean = total / count
    return mean, np.sqrt(squares / (2 * count) - mean.mean() ** 2)
