"""The backend as the add-on knows it: whether it answers, and its process if the add-on started it."""

from __future__ import annotations

import enum
import subprocess
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from a2p_backend import __version__
from a2p_backend.wire.client import ActorInfo, BackendInfo, BackendLostError, Client
from a2p_backend.wire.endpoint import Endpoint, EndpointError, NoBackendError
from a2p_backend.wire.progress import Progress
from kinematics.errors import A2PError

from . import farewell, jobs, preferences
from .conversation import Line, talking

START_SECONDS = 90.0
"""How long a backend may take to load before it is given up."""

T = TypeVar("T")
Waiting = Generator["Progress | None", None, T]


class State(enum.Enum):
    """How it stands with the backend."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    LOST = "lost"


@dataclass(frozen=True)
class Known:
    """What the backend said when it was last asked, and where it is."""

    info: BackendInfo
    actors: tuple[ActorInfo, ...]
    endpoint: Endpoint

    def actor(self, name: str) -> ActorInfo | None:
        """What is known of an actor; None if the backend has none of that name."""
        return next((actor for actor in self.actors if actor.name == name), None)


_known: Known | None = None
_starting = False
_process: subprocess.Popen[bytes] | None = None
_leaving: subprocess.Popen[bytes] | None = None
"""A backend that was asked to end."""


def known() -> Known | None:
    """The backend as it was when last asked; None if it has not answered."""
    return _known


def state() -> State:
    """How it stands with the backend, as far as can be told without asking it; takes no time."""
    if _starting:
        return State.STARTING
    if _known is None:
        return State.STOPPED
    return State.READY if _known.endpoint.process_runs() else State.LOST


def missing() -> bool:
    """Whether none answers, and there is no program to start one."""
    return state() is State.STOPPED and not preferences.backend_program()


def started_here() -> bool:
    """Whether the backend, if any, is a process of this add-on."""
    return _process is not None


def mismatch() -> str:
    """What is to be done where backend and add-on are of different releases, else an empty string."""
    if _known is None or _known.info.version == __version__:
        return ""
    return f"The backend is a2p {_known.info.version}, the add-on {__version__}: press Install Backend"


def actor_names() -> list[str]:
    """The actors that the backend has, as far as is known."""
    return [actor.name for actor in _known.actors] if _known else []


def face_names(actor: str) -> tuple[str, ...]:
    """What an actor's first face codes are called; empty if they have no names."""
    info = _known.actor(actor) if _known else None
    return info.face_codes if info else ()


def greeting() -> Waiting[Known]:
    """Ask the running backend who it is. Raises A2PError, after which it is not known."""
    global _known
    try:
        _known = yield from talking(preferences.endpoint_path(), _introduce)
    except NoBackendError as error:
        _known = None
        remedy = "press Start" if preferences.backend_program() else "press Install Backend"
        raise NoBackendError(
            f"No backend is running: {remedy} in the sidebar's Backend section, or run `a2p serve`."
        ) from error
    except A2PError:
        _known = None
        raise
    return _known


def connecting() -> jobs.Steps:
    """Look for a running backend: a job."""
    yield from greeting()
    return jobs.Done(None, "")


def starting() -> jobs.Steps:
    """Start a backend, unless one answers already, and wait until it does: a job."""
    try:
        yield from greeting()
    except A2PError:
        yield from _launching()  # none is there, or none that answers
    return jobs.Done(None, "")


def reaching() -> Waiting[Known]:
    """The backend, started where none answers and there is a program to start. Raises A2PError."""
    try:
        return (yield from greeting())
    except (EndpointError, BackendLostError):
        if not started_here() and not preferences.backend_program():
            raise
    return (yield from _launching())


def _introduce(line: Line, client: Client) -> Known:
    return Known(line.follow(client.ask_hello()), line.follow(client.ask_actors()), client.endpoint)


def _launching() -> Waiting[Known]:
    global _process, _starting
    yield from ending()
    command = _serve_command()
    _starting = True
    try:
        _process = subprocess.Popen(
            command,
            cwd=Path.home(),  # PyTorch dies in a folder that was deleted, as Blender's may be by now
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return (yield from _waiting_for(_process))
    except OSError as error:
        raise A2PError(
            f"The backend's program {command[0]} does not start ({error.strerror or error}): press "
            "Install Backend anew (the Blender that made it may be gone), or correct it in the preferences."
        ) from error
    except BaseException:
        stop()
        raise
    finally:
        _starting = False


def _waiting_for(process: subprocess.Popen[bytes]) -> Waiting[Known]:
    """Wait until the backend that `process` is answers. Raises A2PError when it ends, or takes too long."""
    began = time.monotonic()
    while True:
        yield Progress("loading the networks", 0, 1)  # for how long there is no telling
        try:
            return (yield from greeting())
        except EndpointError:
            if process.poll() is not None:
                raise A2PError(
                    f"The backend ended while starting: `{process.args[0]} doctor` says why."
                ) from None
            if time.monotonic() - began > START_SECONDS:
                raise A2PError(
                    f"The backend did not answer within {START_SECONDS:.0f} s of its start: "
                    f"`{process.args[0]} doctor` says what is wrong."
                ) from None


def stop() -> None:
    """Forget the backend, and ask it to end if this add-on started it: that takes it a while."""
    global _process, _leaving, _known
    _known = None
    if _process is not None:
        _process.terminate()
        _process, _leaving = None, _process


def ending() -> Waiting[None]:
    """Steps that stop the backend and wait until it is gone, if this add-on started it."""
    stop()
    if _leaving is not None:
        yield from farewell.seeing_off(_leaving)


def stopping() -> jobs.Steps:
    """Stop the backend: a job."""
    yield from ending()
    return jobs.Done(None, "")


def shut_down() -> None:
    """Leave no backend behind that this add-on started: for the add-on's unregister."""
    stop()
    if _leaving is not None:
        farewell.see_off(_leaving)


def _serve_command() -> list[str]:
    program = preferences.backend_program()
    if not program:
        raise A2PError(
            "There is no backend to start: press Install Backend, or name its `a2p` program in the "
            "add-on's preferences."
        )
    if not Path(program).is_file():
        raise A2PError(f"There is no program {program}: correct it in the add-on's preferences.")
    endpoint = preferences.endpoint_path()
    return [program, "serve", *(["--endpoint", str(endpoint)] if endpoint else [])]
