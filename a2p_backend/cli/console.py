"""What all commands share: one-sentence errors, exit statuses, progress bars."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from typer.core import TyperGroup

import a2p_backend
from a2p_backend.wire.progress import Progress
from kinematics.errors import A2PError

EXIT_ERROR = 2
EXIT_INTERRUPTED = 130

console = Console(stderr=True, highlight=False, soft_wrap=True)
"""For people. What another program may want goes to standard output instead."""


class Commands(TyperGroup):
    """Commands whose A2PErrors become one line and exit status 2, and whose Ctrl-C exit status 130."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except A2PError as error:
            console.print("error:", style="bold red", end=" ")
            console.print(str(error), markup=False)
            raise typer.Exit(EXIT_ERROR) from error
        except KeyboardInterrupt as error:
            console.print("interrupted")
            raise typer.Exit(EXIT_INTERRUPTED) from error


def show_version(
    version: Annotated[
        bool, typer.Option("--version", help="Show the release and exit.", is_eager=True)
    ] = False,
) -> None:
    if version:
        typer.echo(f"a2p {a2p_backend.__version__}")
        raise typer.Exit


def warn(sentences: tuple[str, ...]) -> None:
    """Show warnings, one a line."""
    for sentence in sentences:
        console.print("warning:", style="yellow", end=" ")
        console.print(sentence, markup=False)


def done(path: Path, what: str, then: str) -> None:
    """Say what was made and what to do with it; the path goes to standard output."""
    console.print(f"{what} {then}", markup=False)
    typer.echo(str(path))


def check_writable(path: Path) -> Path:
    """Find out before the work whether there is a folder for its result. Raises A2PError."""
    if not path.parent.is_dir():
        raise A2PError(f"Cannot write {path}: there is no folder {path.parent}.")
    if path.is_dir():
        raise A2PError(f"Cannot write {path}: it is a folder; name a file.")
    return path


@contextmanager
def loading(what: str) -> Iterator[None]:
    """Show that something is being loaded, for as long as the block takes."""
    with console.status(what):
        yield


class StageBars:
    """One progress bar for each stage of a job; a context manager. Call it with every Progress.

    Stages of a long clip take turns. All are complete when the job is, whatever news of them got lost.
    """

    def __init__(self) -> None:
        self._bars = Bars(
            TextColumn("{task.description:<10}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> StageBars:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            for task in self._tasks.values():
                self._bars.update(task, completed=self._bars.tasks[task].total)
            self._bars.stop()
        else:  # without the blank line that Bars.stop adds: the error's sentence stands alone
            for task in self._bars.task_ids:
                self._bars.remove_task(task)
            self._bars.live.transient = True
            self._bars.live.stop()

    def __call__(self, progress: Progress) -> None:
        if progress.stage not in self._tasks:
            self._tasks[progress.stage] = self._bars.add_task(progress.stage)
        self._bars.update(self._tasks[progress.stage], completed=progress.done, total=progress.total)
