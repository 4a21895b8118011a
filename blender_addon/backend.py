"""The backend as the add-on knows it: whether it answers, and its process if the add-on started it."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from a2p_backend.wire.client import ActorInfo, BackendInfo, Client
from a2p_backend.wire.endpoint import EndpointError
from kinematics.errors import A2PError

from . import jobs, preferences

START_SECONDS = 90.0
"""How long a backend may take to load before it is given up."""
HELLO_SECONDS = 3.0


@dataclass(frozen=True)
class Known:
    """What the backend said when it was last asked."""

    info: BackendInfo
    actors: tuple[ActorInfo, ...]


_known: Known | None = None
_process: subprocess.Popen[bytes] | None = None


def known() -> Known | None:
    """The backend as it was when last asked; None if it has not answered."""
    return _known


def actor_names() -> list[str]:
    """The actors that the backend has, as far as is known."""
    return [actor.name for actor in _known.actors] if _known else []


def connect() -> Client:
    """A client of the running backend, for use in this thread; close it. Raises A2PError."""
    return Client.connect(preferences.endpoint_path())


def greet() -> Known:
    """Ask the running backend who it is. Raises A2PError, after which it is not known."""
    global _known
    _known = None
    with Client.connect(preferences.endpoint_path(), timeout=HELLO_SECONDS) as client:
        _known = Known(client.hello(), client.actors())
    return _known


def face_names(client: Client, actor: str) -> tuple[str, ...]:
    """What an actor's first face codes are called; empty if they have no names."""
    return next((known.face_codes for known in client.actors() if known.name == actor), ())


def starting() -> jobs.Steps:
    """Start a backend, unless one answers already, and wait until it does: a job."""
    global _process
    try:
        greet()
        return None
    except A2PError:
        pass  # none is there, or none that answers
    _process = subprocess.Popen(
        _serve_command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield from _waiting(_process)
    except BaseException:
        stop()
        raise
    return None


def _waiting(process: subprocess.Popen[bytes]) -> Generator[None, None, None]:
    """Wait until the backend that `process` is answers. Raises A2PError when it ends, or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        yield
        try:
            greet()
            return
        except EndpointError:
            if process.poll() is not None:
                raise A2PError(
                    "The backend ended while starting: run `a2p doctor` in its environment."
                ) from None
            if time.monotonic() > deadline:
                raise


def stop() -> None:
    """End the backend if this add-on started it, and forget it."""
    global _process, _known
    _known = None
    if _process is not None:
        _process.terminate()
        try:
            _process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            _process.kill()
            _process.wait(timeout=5.0)
        _process = None


def _serve_command() -> list[str]:
    program = preferences.backend_program() or shutil.which("a2p")
    if not program:
        raise A2PError("There is no backend to start: name its `a2p` program in the add-on's preferences.")
    if not Path(program).is_file():
        raise A2PError(f"There is no program {program}: correct it in the add-on's preferences.")
    endpoint = preferences.endpoint_path()
    return [program, "serve", *(["--endpoint", str(endpoint)] if endpoint else [])]
