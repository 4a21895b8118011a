"""The one place where a running job meets Blender's main loop.

A job is a generator. It yields whenever it would have to wait, a Progress when there is news, and returns the
name of the undo step that it made, or None if the scene is as it was. In a window a timer advances it between
what the user does; in background mode, where timers do not fire, the same generator runs to its end at once.

Between two steps a job holds no reference to Blender data: undo and loading a file would leave it dangling.
The scene is looked up when there is something to put there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import bpy

from a2p_backend.wire.client import Failed, Finished, Job, Stopped
from a2p_backend.wire.progress import Cancelled, Progress
from kinematics.errors import A2PError

from . import compat

T = TypeVar("T")
Steps: TypeAlias = "Generator[Progress | None, None, str | None]"

INTERVAL = 0.05
"""Seconds between two looks at a running job."""
LONGEST_JOB = 6 * 3600.0
"""Seconds after which a job is given up."""
FAREWELL = 1.0
"""Seconds that a job has to stop in order when the add-on goes."""


@dataclass
class Running:
    """The job that is under way. label: what the user asked for, in their words."""

    label: str
    steps: Steps
    deadline: float
    progress: Progress | None = None


@dataclass(frozen=True)
class Outcome:
    """How the last job ended, in one sentence."""

    message: str
    failed: bool = False


def print_progress(label: str, progress: Progress) -> None:
    """A line on the console."""
    print(f"{label}: {progress.stage}, {progress.fraction:.0%}", flush=True)


on_background_progress: Callable[[str, Progress], None] = print_progress
"""Hears, where there is no window to show it in, what is under way and how far it is."""

_running: Running | None = None
_outcome: Outcome | None = None


def running() -> Running | None:
    """The job under way, if any."""
    return _running


def outcome() -> Outcome | None:
    """How the last job ended, if one did."""
    return _outcome


def start(label: str, steps: Steps) -> None:
    """Begin a job; in background mode, also finish it.

    Raises A2PError when another job is under way, and for what stops this one before the call returns.
    """
    global _running, _outcome
    if _running is not None:
        steps.close()
        raise A2PError(f"{_running.label} is under way: wait for it, or cancel it.")
    _running = Running(label, steps, time.monotonic() + LONGEST_JOB)
    _outcome = None
    more = _advance(_running)
    if more and compat.in_window():
        bpy.app.timers.register(_tick, first_interval=INTERVAL, persistent=True)
        return
    while more:
        time.sleep(INTERVAL)
        before = _running.progress
        more = _advance(_running)
        if more and _running.progress != before:
            on_background_progress(label, _running.progress)
    if _outcome is not None and _outcome.failed:
        raise A2PError(_outcome.message)


def cancel() -> None:
    """Ask the job under way, if any, to stop; it has stopped when the backend says so."""
    if _running is not None:
        _advance(_running, cancelling=True)


def shut_down() -> None:
    """Leave nothing running: for the add-on's unregister."""
    global _outcome
    cancel()
    deadline = time.monotonic() + FAREWELL
    while _running is not None and time.monotonic() < deadline and _advance(_running):
        time.sleep(INTERVAL)
    if _running is not None:
        _end(Outcome(f"{_running.label}: cancelled."))
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    _outcome = None


def following(job: Job[T]) -> Generator[Progress | None, None, T]:
    """Steps that pass on a request's progress and return its result.

    When the user cancels, the backend is told, and the steps go on until it has stopped. Raises A2PError or
    Cancelled.
    """
    while True:
        news = None
        for event in job.poll():
            if isinstance(event, Progress):
                news = event
            elif isinstance(event, Finished):
                if news is not None:
                    yield news
                return event.result
            elif isinstance(event, Failed):
                raise event.error
            elif isinstance(event, Stopped):
                raise Cancelled
        try:
            yield news
        except Cancelled:
            job.cancel()


def _tick() -> float | None:
    """Blender's timer: seconds until the next call, or None to end it."""
    if _running is None:
        return None
    before = _running.progress
    again = _advance(_running)
    if not again or _running.progress != before:
        _redraw_sidebars()
    return INTERVAL if again else None


def _advance(current: Running, cancelling: bool = False) -> bool:
    """One step; whether there are more. `cancelling` raises Cancelled where the job waits."""
    try:
        if time.monotonic() > current.deadline:
            raise A2PError(f"{current.label} took over {LONGEST_JOB / 3600:g} hours and was given up.")
        news = current.steps.throw(Cancelled()) if cancelling else next(current.steps)
        current.progress = news or current.progress
        return True
    except StopIteration as end:
        if end.value is not None:
            bpy.ops.ed.undo_push(message=end.value)
        _end(Outcome(f"{current.label}: done."))
    except A2PError as error:
        _end(Outcome(str(error), failed=True))
    except Cancelled:
        _end(Outcome(f"{current.label}: cancelled."))
    except BaseException:
        _end(Outcome(f"{current.label} failed: see the system console.", failed=True))
        raise
    return False


def _end(how: Outcome) -> None:
    global _running, _outcome
    if _running is not None:
        _running.steps.close()
    _running, _outcome = None, how


def _redraw_sidebars() -> None:
    """Only the sidebars: drawing the 3D view itself may take longer than a step."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions:
                if area.type == "VIEW_3D" and region.type == "UI":
                    region.tag_redraw()
