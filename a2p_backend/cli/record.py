"""`a2p record`: a clip from the microphone."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bars

from a2p_backend.cli.console import check_writable, console, done, loading
from a2p_backend.wire.performance import FPS, MAX_FRAMES
from a2p_backend.wire.progress import RECORDING_UNITS_A_SECOND, OnProgress, Progress
from a2p_backend.wire.settings import MAX_RECORDING_SECONDS


def record(
    out: Annotated[Path, typer.Argument(metavar="CLIP.wav", help="The WAV file to write.")],
    seconds: Annotated[
        float, typer.Option(min=0.1, max=MAX_FRAMES // FPS, help="Stop by itself after so long.")
    ] = MAX_RECORDING_SECONDS,
) -> None:
    """Record the microphone; Ctrl-C stops and keeps."""
    check_writable(out)
    with loading("Opening the microphone"):
        from a2p_backend.audio import microphone

    with _until_interrupted() as stopped, _meter() as show:
        length = microphone.record(
            microphone.SystemMicrophone(), out, show, lambda: False, stopped.is_set, seconds
        )
    limit = ", up to the limit" if length >= seconds else ""
    done(out, f"{length:.1f} s recorded{limit}.", f"Perform it: a2p generate {out} -o take.npz")


@contextmanager
def _until_interrupted() -> Iterator[threading.Event]:
    """An event that Ctrl-C sets, in place of interrupting, for as long as the block takes."""
    stopped = threading.Event()
    before = signal.signal(signal.SIGINT, lambda number, frame: stopped.set())
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _meter() -> Iterator[OnProgress]:
    """A line with the level and the seconds; call what it gives with every Progress."""
    bars = Bars(
        TextColumn("recording"),
        BarColumn(),
        TextColumn("{task.fields[seconds]:6.1f} s   Ctrl-C stops and keeps"),
        console=console,
        transient=True,
    )
    with bars:
        task = bars.add_task("", total=1.0, seconds=0.0)

        def show(progress: Progress) -> None:
            bars.update(
                task, completed=progress.level or 0.0, seconds=progress.done / RECORDING_UNITS_A_SECOND
            )

        yield show
