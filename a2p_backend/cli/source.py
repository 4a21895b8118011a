"""Where a command's work is done: in this process, or in a running backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from a2p_backend.cli.console import StageBars, loading
from a2p_backend.wire.client import Client, Job

LONGEST_JOB = 24 * 3600.0

if TYPE_CHECKING:
    from a2p_backend.server.backend import Backend

T = TypeVar("T")

BackendOption = Annotated[
    bool, typer.Option("--backend", help="Let the running backend (a2p serve) do it, not this process.")
]
DeviceOption = Annotated[
    str | None, typer.Option(help="Where the networks run: cpu or cuda. By default, cuda where there is one.")
]


def in_backend(ask: Callable[[Client], Job[T]]) -> T:
    """Have the running backend do a job, with progress bars; leaving early cancels it. Raises A2PError."""
    with Client.connect() as client, StageBars() as bars:
        return ask(client).wait(LONGEST_JOB, bars)


def in_process(device: str | None, work: Callable[[Backend, StageBars], T]) -> T:
    """Do a job here: `work(backend, on_progress)`, with progress bars. Raises A2PError."""
    with loading("Loading the networks' library"):
        from a2p_backend.server.backend import Backend

        backend = Backend(device)
    with StageBars() as bars:
        return work(backend, bars)


def never_cancelled() -> bool:
    """In this process, Ctrl-C stops a job by itself."""
    return False
