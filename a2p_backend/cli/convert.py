"""`a2p convert`: between takes and the original's results files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from a2p_backend.cli.console import check_writable, done, warn
from a2p_backend.wire.performance import Performance, load_take, save_take
from a2p_backend.wire.settings import DEFAULT_ACTOR
from kinematics.errors import A2PError


def convert(
    source: Annotated[
        Path, typer.Argument(help="A results.npy of the original; with --as-results or --seconds, a take.")
    ],
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
    seconds: Annotated[
        str | None, typer.Option(help="Of a take, only these, as 600:1200; in whole seconds.")
    ] = None,
) -> None:
    """Convert the original's results file to a take, a take to a results file, or a take to a part of it."""
    check_writable(out)
    if seconds is not None:
        if as_results or partner is not None:
            raise A2PError("--seconds takes a part of a take: convert that part afterwards.")
        _write_part(load_take(source), seconds, out)
        return
    from a2p_backend.actors.results_file import performance_from_results, write_results

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


def _write_part(performance: Performance, seconds: str, out: Path) -> None:
    found = re.fullmatch(r"(\d{0,6}):(\d{0,6})", seconds, re.ASCII)
    first = int(found[1] or 0) * performance.fps if found else 0
    stop = int(found[2]) * performance.fps if found and found[2] else performance.frame_count
    stop = min(stop, performance.frame_count)
    if not found or first >= stop:
        raise A2PError(
            f"seconds is {seconds!r}: give a range such as 600:1200, of the take's "
            f"{performance.duration:.0f} s."
        )
    part = performance.part(first, stop)
    save_take(part, out)
    done(
        out,
        f"{part.frame_count} frames ({part.duration:.1f} s).",
        f"They begin {first / performance.fps:.0f} s into the recording.",
    )
