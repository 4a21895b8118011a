"""A long plate in parts, so that one that was interrupted goes on where it was.

The parts lie in a hidden folder beside the plate, called after what they are of. They are joined without
being encoded again, and the folder goes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np

from a2p_backend.avatar.plate import render_plate, sound_of
from a2p_backend.avatar.portrait import Avatar
from a2p_backend.avatar.video import Sound, VideoError, join_films, open_pictures
from a2p_backend.wire.performance import Performance
from a2p_backend.wire.progress import IsCancelled, OnProgress, Progress
from a2p_backend.wire.settings import PlateSettings

PART = 300
"""Frames; 10 s, which codec avatars need some minutes for on a processor."""


def render_in_parts(
    performance: Performance,
    avatar: Avatar,
    path: Path,
    settings: PlateSettings,
    sound: Sound | None,
    on_progress: OnProgress,
    cancelled: IsCancelled,
    part: int = PART,
) -> None:
    """As `render_plate`; but after an interruption the same call goes on with the part that it was at.

    part: frames, a multiple of the avatar's step.
    """
    frames = settings.frames_of(performance.frame_count)
    if len(frames) <= part:
        render_plate(performance, avatar, path, settings, sound, on_progress, cancelled)
        return
    every = avatar.step(settings)
    folder = path.with_name(f".{path.name}.{_mark(performance, avatar, settings)}.parts")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise VideoError(f"Cannot write {path}: {error.strerror or error}.") from error
    total, parts = len(frames[::every]), []
    for start in range(frames.start, frames.stop, part):
        stop = min(start + part, frames.stop)
        done = len(range(frames.start, start, every))
        parts.append(folder / f"{start:05}{path.suffix}")
        if not parts[-1].exists():
            render_plate(
                performance,
                avatar,
                parts[-1],
                dataclasses.replace(settings, frames=(start, stop)),
                None,
                lambda news, done=done: on_progress(Progress(news.stage, done + news.done, total)),
                cancelled,
            )
        on_progress(Progress("plate", len(range(frames.start, stop, every)), total))
    if path.suffix:
        join_films(parts, path, performance.fps // every, sound_of(sound, frames, performance.fps))
    else:
        with open_pictures(path) as pictures:
            for picture in sorted(picture for some in parts for picture in some.iterdir()):
                _place(picture, pictures.folder / picture.name)
    shutil.rmtree(folder, ignore_errors=True)


def _place(picture: Path, target: Path) -> None:
    """The parts keep what they have, so that even an interruption here leaves them whole."""
    try:
        os.link(picture, target)
    except OSError:  # not every file system has links
        shutil.copyfile(picture, target)


def _mark(performance: Performance, avatar: Avatar, settings: PlateSettings) -> str:
    """What the parts are of: the motion, what draws the actor, and the settings."""
    told = json.dumps([performance.actor, avatar.digest, performance.fps, settings.to_dict()]).encode()
    digest = hashlib.sha256(told)
    for motion in (performance.pose, performance.face):
        digest.update(np.ascontiguousarray(motion))
    return digest.hexdigest()[:12]
