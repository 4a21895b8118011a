"""The one place where running jobs meet Blender's main loop.

A job is a generator. It yields whenever it would have to wait, a Progress when there is news, and returns the
name of the undo step that it made, or None if the scene is as it was; or Done, which says more. Jobs run one
after another. In a window a timer advances the first one between what the user does; in background mode,
where timers do not fire, the same generator runs to its end at once.

Between two steps a job holds no reference to Blender data: undo and loading a file would leave it dangling.
The scene is looked up when there is something to put there.
"""

from __future__ import annotations

import itertools
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TypeAlias

import bpy

from a2p_backend.wire.progress import Cancelled, Progress
from kinematics.errors import A2PError

from . import compat


@dataclass(frozen=True)
class Done:
    """How a job ended. undo_step: its name, None if the scene is as it was. message: one sentence, or empty
    where the sidebar shows it anyway.
    """

    undo_step: str | None
    message: str


Steps: TypeAlias = "Generator[Progress | None, None, str | Done | None]"

INTERVAL = 0.05
"""Seconds between two looks at a running job."""
LONGEST_JOB = 6 * 3600.0
"""Seconds after which a job is given up."""
FAREWELL = 1.0
"""Seconds that a job has to stop in order when the add-on goes."""
LONGEST_QUEUE = 100
_TOLD_FROM = 0.05
"""The share of a stage that must be done before its end is foretold."""


@dataclass
class Running:
    """A job that is under way or waits for its turn. label: what the user asked for, in their words.

    section: the sidebar's, where it was asked for. longest_step: seconds of the longest step after which the
    job waited on: what the user may have felt.
    """

    number: int
    label: str
    steps: Steps
    section: str = ""
    deadline: float = float("inf")
    progress: Progress | None = None
    stage_began: float = field(default_factory=time.monotonic)
    longest_step: float = 0.0

    def hear(self, news: Progress) -> None:
        """Take in how far the job is."""
        if self.progress is None or self.progress.stage != news.stage:
            self.stage_began = time.monotonic()
        self.progress = news

    @property
    def seconds_left(self) -> float | None:
        """Until the end of the stage, if it goes on as it went; None where there is no telling yet."""
        if self.progress is None or self.progress.fraction < _TOLD_FROM:
            return None
        spent = time.monotonic() - self.stage_began
        return spent * (1.0 - self.progress.fraction) / self.progress.fraction


@dataclass(frozen=True)
class Outcome:
    """How the last job ended, in one sentence. section, longest_step: see `Running`.

    last_step: seconds of the step that put the result into the scene, which cannot be divided.
    """

    message: str
    failed: bool = False
    section: str = field(default="", compare=False)
    longest_step: float = field(default=0.0, compare=False)
    last_step: float = field(default=0.0, compare=False)


def print_progress(label: str, progress: Progress) -> None:
    """A line on the console."""
    print(f"{label}: {progress.stage}, {progress.fraction:.0%}", flush=True)


on_background_progress: Callable[[str, Progress], None] = print_progress
"""Hears, where there is no window to show it in, what is under way and how far it is."""

_numbers = itertools.count(1)
_running: Running | None = None
_waiting: deque[Running] = deque()
_outcome: Outcome | None = None


def running() -> Running | None:
    """The job under way, if any."""
    return _running


def waiting() -> tuple[Running, ...]:
    """The jobs that wait for their turn, in order."""
    return tuple(_waiting)


def outcome() -> Outcome | None:
    """How the last job ended, if one did."""
    return _outcome


def start(label: str, steps: Steps, section: str = "") -> None:
    """Begin a job, or let it wait for those before it; in background mode, finish it before returning.

    section: of the sidebar, which shows how it goes.
    Raises A2PError when too many wait, and in background mode for whatever stops the job.
    """
    global _running, _outcome
    job = Running(next(_numbers), label, steps, section)
    if _running is not None:
        if len(_waiting) >= LONGEST_QUEUE:
            steps.close()
            raise A2PError(f"{len(_waiting)} jobs wait already: let some of them finish, or cancel them.")
        _waiting.append(job)
        return
    _outcome = None
    _begin(job)
    if compat.in_window():
        # The first step is the timer's too: what asked for the job returns at once.
        if not bpy.app.timers.is_registered(_tick):
            bpy.app.timers.register(_tick, first_interval=0.0, persistent=True)
        return
    heard = None
    while _advance(job):
        if job.progress != heard:
            heard = job.progress
            on_background_progress(label, heard)
        time.sleep(INTERVAL)
    if _outcome is not None and _outcome.failed:
        raise A2PError(_outcome.message)


def cancel(number: int | None = None) -> None:
    """Ask a job to stop, by default the one under way; that one has stopped when the backend says so."""
    if _running is not None and number in (None, _running.number):
        _advance(_running, cancelling=True)
    for job in [job for job in _waiting if job.number == number]:
        _waiting.remove(job)
        job.steps.close()


def cancel_all() -> None:
    """Take back what waits, and ask the job under way to stop."""
    while _waiting:
        _waiting.pop().steps.close()
    cancel()


def shut_down() -> None:
    """Leave nothing running: for the add-on's unregister."""
    global _outcome
    cancel_all()
    deadline = time.monotonic() + FAREWELL
    while _running is not None and time.monotonic() < deadline and _advance(_running):
        time.sleep(INTERVAL)
    if _running is not None:
        _end(_running, Outcome(f"{_running.label}: cancelled.", False, _running.section))
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    _outcome = None


def until_undoable() -> Generator[Progress, None, None]:
    """Steps that wait until the user leaves a mode with an undo history of its own.

    What changes meanwhile could not be undone: in edit, sculpt and paint modes Blender remembers the edited
    data alone.
    """
    while compat.in_window() and compat.in_local_undo_mode():
        yield Progress("done: leave the edit mode to receive it", 1, 1)


def _begin(job: Running) -> None:
    global _running
    job.deadline = time.monotonic() + LONGEST_JOB
    _running = job


def _tick() -> float | None:
    """Blender's timer: seconds until the next call, or None to end it."""
    if _running is None:
        if not _waiting:
            return None
        _begin(_waiting.popleft())
    job = _running
    before = job.progress
    try:
        is_news = not _advance(job) or job.progress != before
    except Exception:
        # to the console, as Blender would; but it would also end the timer, and with it the jobs that wait
        traceback.print_exc()
        is_news = True
    if is_news:
        redraw_sidebars()
    return INTERVAL if _running is not None or _waiting else None


def _advance(job: Running, cancelling: bool = False) -> bool:
    """One step; whether there are more. `cancelling` raises Cancelled where the job waits."""
    began = time.monotonic()
    try:
        if began > job.deadline:
            raise A2PError(f"{job.label} took over {LONGEST_JOB / 3600:g} hours and was given up.")
        news = job.steps.throw(Cancelled()) if cancelling else next(job.steps)
        if news is not None:
            job.hear(news)
        job.longest_step = max(job.longest_step, time.monotonic() - began)
        return True
    except StopIteration as end:
        done = end.value if isinstance(end.value, Done) else Done(end.value, f"{job.label}: done.")
        if done.undo_step is not None:
            bpy.ops.ed.undo_push(message=done.undo_step)
        last_step = time.monotonic() - began
        _end(job, Outcome(done.message, False, job.section, job.longest_step, last_step))
    except A2PError as error:
        _end(job, Outcome(str(error), True, job.section))
    except Cancelled:
        _end(job, Outcome(f"{job.label}: cancelled.", False, job.section))
    except BaseException:
        mistake = f"{job.label} failed by a mistake in A2P: the system console has the details."
        _end(job, Outcome(mistake, True, job.section))
        raise
    return False


def _end(job: Running, how: Outcome) -> None:
    global _running, _outcome
    job.steps.close()
    _running, _outcome = None, how


def redraw_sidebars() -> None:
    """Only the sidebars: drawing the 3D view itself may take longer than a step."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions:
                if area.type == "VIEW_3D" and region.type == "UI":
                    region.tag_redraw()
