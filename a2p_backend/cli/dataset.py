"""`a2p dataset`: recordings to train on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from a2p_backend.cli.console import StageBars, done
from a2p_backend.wire.progress import Progress

app = typer.Typer(help="Datasets to train on.", no_args_is_help=True)


@app.callback()
def dataset() -> None:
    """Datasets to train on."""


@app.command()
def synthesise(
    folder: Annotated[Path, typer.Argument(help="An empty or new folder.")],
    scenes: Annotated[int, typer.Option(min=1, help="How many conversations.")] = 26,
    minutes: Annotated[float, typer.Option(min=0.1, help="How long they are together.")] = 104.0,
    seed: Annotated[int, typer.Option(help="The same seed writes the same files.")] = 0,
) -> None:
    """Make conversations (espeak-ng voices and rule-made motion) in the released dataset's form."""
    from a2p_backend.training.synthetic import synthesise_dataset

    with StageBars() as bars:
        synthesise_dataset(
            folder,
            scenes=scenes,
            minutes=minutes,
            seed=seed,
            on_progress=lambda number, total, line: bars(Progress("scenes", number, total)),
        )
    done(
        folder,
        f"{scenes} scenes, {minutes:g} minutes.",
        f"Train with `a2p train codec {folder} -o ACTOR_FOLDER`.",
    )
