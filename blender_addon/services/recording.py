"""Recordings: have the backend make one, and make it the clip.

One at a time: a microphone hears for one only. The backend writes the file, which is on this machine too.
"""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import bpy

from a2p_backend.wire.client import Client
from a2p_backend.wire.progress import RECORDING_UNITS_A_SECOND
from kinematics.errors import A2PError

from .. import backend, jobs, preferences
from ..conversation import Line, talking

_NAME = "Recording"

_finish: threading.Event | None = None
"""Of the recording under way: set once it is to stop and keep what it has."""


def under_way() -> bool:
    """Whether the backend records, or is about to."""
    return _finish is not None


def finish() -> None:
    """Stop the recording under way, if any, and keep it; it becomes the clip a moment later."""
    if _finish is not None:
        _finish.set()


def heard() -> tuple[float, float] | None:
    """Seconds and level (0 to 1) of the recording under way; None until the microphone is open."""
    running = jobs.running()
    if not under_way() or running is None or running.progress is None or running.progress.level is None:
        return None
    return running.progress.done / RECORDING_UNITS_A_SECOND, running.progress.level


def start(target: Path, seconds: float) -> None:
    """Begin a recording into `target`, a WAV file, or the folder where it gets a name of its own.

    Raises A2PError where something else is under way: speech cannot wait for its turn.
    """
    if jobs.running() is not None:
        raise A2PError("Something is under way: wait until it is done or cancel it, then record.")
    jobs.start("Recording", recording(target, seconds), "Clip")


def recording(target: Path, seconds: float) -> jobs.Steps:
    """Record through the backend until `finish`, at most `seconds`; the file becomes the scene's clip."""
    global _finish
    finished = threading.Event()

    def talk(line: Line, client: Client) -> tuple[Path, float]:
        path = _place(target)
        return path, line.follow(client.record(path, seconds), finished.is_set)

    _finish = finished
    try:
        yield from backend.reaching()
        path, length = yield from talking(preferences.endpoint_path(), talk)
    finally:
        _finish = None
    yield from jobs.until_undoable()
    settings = bpy.context.scene.a2p.clip
    settings.source, settings.clip = "file", str(path)
    if length < seconds:
        return "A2P Record"
    return jobs.Done("A2P Record", f"{path.name} has reached its limit, {seconds:g} s: it ended there.")


def _place(target: Path) -> Path:
    """The file to write, in a folder that exists. Raises A2PError."""
    path = target if target.suffix.lower() == ".wav" else _new_name(target)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise A2PError(f"Cannot write the recording {path}: {error.strerror or error}.") from error
    return path


def _new_name(folder: Path) -> Path:
    names = (folder / f"{_NAME} {number}.wav" for number in itertools.count(1))
    return next(name for name in names if not name.exists())
