"""Videos of a dataset's captured motion, for comparison with what the networks make of the same speech."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from a2p_backend.avatar.plate import render_plate
from a2p_backend.avatar.portrait import Avatar
from a2p_backend.training.scenes import DatasetError, Scene, read_scenes
from a2p_backend.wire.performance import Performance, TakeError
from a2p_backend.wire.progress import IsCancelled, OnProgress, Progress
from a2p_backend.wire.settings import PlateSettings
from kinematics.errors import A2PError

CHUNK = 600
"""Frames of a video; 20 s."""


@dataclass(frozen=True)
class _Chunk:
    """Frames start to stop of a scene, and their video."""

    scene: Scene
    start: int
    stop: int
    path: Path

    def performance(self, actor: str) -> Performance:
        """The captured motion, as if it were a take. Raises DatasetError where it is none."""
        rows = slice(self.start, self.stop)
        try:
            return Performance(
                pose=np.array(self.scene.pose[rows]),
                face=np.array(self.scene.face[rows]),
                guide=np.empty((0, self.scene.pose.shape[1]), np.float32),
                actor=actor,
                seed=0,
                clip_name=self.scene.audio_path.name,
                clip_sha256="",
            )
        except TakeError as error:
            where = f"{self.scene.name}, frames {self.start} to {self.stop}"
            raise DatasetError(f"The motion of {where}, cannot be drawn: {error}") from error


def render_ground_truth(
    folder: Path,
    out: Path,
    actor: str,
    avatar: Avatar,
    settings: PlateSettings,
    on_progress: OnProgress,
    cancelled: IsCancelled,
    chunk: int = CHUNK,
) -> tuple[Path, ...]:
    """Draws all scenes of a person's folder with their sound, `chunk` frames a video, and returns the videos.

    A video is called after its scene and frames (`scene01_00000-00600_gt.mp4`). It appears whole or not at
    all, and one that is there is not drawn again: after an interruption, the same call goes on.

    Args:
        out: the folder of the videos, made where it is missing.
        actor: the name of the one whom the avatar shows.

    Raises:
        DatasetError: the folder holds no scenes, or broken ones.
        A2PError, Cancelled: as `render_plate`.
    """
    ending = ".mov" if settings.alpha else ".mp4"
    chunks = [
        _Chunk(scene, start, stop, out / f"{scene.name}_{start:05}-{stop:05}_gt{ending}")
        for scene in read_scenes(folder)
        for start in range(0, scene.frames, chunk)
        for stop in (min(start + chunk, scene.frames),)
    ]
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise A2PError(f"Cannot make the folder {out}: {error.strerror}.") from error
    total = sum(piece.stop - piece.start for piece in chunks)
    drawn = 0
    for piece in chunks:
        if not piece.path.exists():
            before = drawn
            render_plate(
                piece.performance(actor),
                avatar,
                piece.path,
                settings,
                piece.scene.audio(piece.start, piece.stop),
                lambda news, before=before: on_progress(Progress("plates", before + news.done, total)),
                cancelled,
            )
        drawn += piece.stop - piece.start
        on_progress(Progress("plates", drawn, total))
    return tuple(piece.path for piece in chunks)
