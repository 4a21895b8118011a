"""`a2p convert`: between takes and the original's results files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from a2p_backend.cli.console import check_writable, done, warn
from a2p_backend.wire.performance import load_take, save_take
from a2p_backend.wire.settings import DEFAULT_ACTOR


def convert(
    source: Annotated[Path, typer.Argument(help="A results.npy of the original; with --as-results, a take.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The take to write (.npz), or the results (.npy).")
    ],
    partner: Annotated[
        Path | None, typer.Option("--with", help="Results of the other half: the face's, or the body's.")
    ] = None,
    sample: Annotated[int, typer.Option(min=0, help="Which of the results' samples.")] = 0,
    actor: Annotated[str, typer.Option(help="Whose motion it is.")] = DEFAULT_ACTOR,
    as_results: Annotated[
        bool, typer.Option("--as-results", help="Write the take's body as results.")
    ] = False,
    face: Annotated[bool, typer.Option("--face", help="With --as-results: the take's face instead.")] = False,
) -> None:
    """Convert the original's results file to a take, or a take to a results file."""
    from a2p_backend.actors.results_file import performance_from_results, write_results

    check_writable(out)
    if as_results:
        performance = load_take(source)
        write_results(performance, out, face=face)
        done(
            out,
            f"{performance.frame_count} frames of {'face' if face else 'body'}.",
            "The original reads it.",
        )
        return
    performance = performance_from_results(source, sample, partner, actor=actor, seed=0)
    warn(performance.warnings)
    save_take(performance, out)
    done(out, f"{performance.frame_count} frames.", f"See them with `a2p render {out} -o plate.mp4`.")
