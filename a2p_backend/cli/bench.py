"""`a2p bench`: how fast it is here, and where the time goes."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated

import typer

from a2p_backend.cli.console import console, loading
from a2p_backend.cli.source import DeviceOption
from a2p_backend.wire.settings import DEFAULT_ACTOR, DEFAULT_PRESET, GenerateSettings
from kinematics.errors import A2PError

if TYPE_CHECKING:
    from a2p_backend.bench.motion import MotionReport

app = typer.Typer(no_args_is_help=True, help="Measure speed and exactness on this machine.")


@app.callback()
def bench() -> None:
    """Measure speed and exactness on this machine."""


@app.command()
def motion(
    released: Annotated[
        bool, typer.Option("--released", help="Networks of the released sizes, with made-up weights.")
    ] = False,
    actor: Annotated[str, typer.Option(help="Otherwise: whose networks.")] = DEFAULT_ACTOR,
    seconds: Annotated[int, typer.Option(min=1, help="Length of the clip.")] = 20,
    preset: Annotated[str, typer.Option(help="Steps and solver; see `a2p generate`.")] = DEFAULT_PRESET,
    steps: Annotated[int | None, typer.Option(help="Denoiser steps, where not the preset's.")] = None,
    precision: Annotated[str, typer.Option(help="Of the denoisers' products: fp32 or bf16.")] = "fp32",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Processor threads; by default one a core.")
    ] = None,
    device: DeviceOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Perform a clip of noise and say where the time goes."""
    settings = GenerateSettings(actor=actor, preset=preset, steps=steps)
    with loading("Loading the networks"):
        import torch

        from a2p_backend.actors.actor import default_device, load_actor
        from a2p_backend.bench.motion import PRECISIONS, measure
        from a2p_backend.bench.released_sizes import released_sizes_actor

        if precision not in PRECISIONS:
            raise A2PError(f"precision is {precision!r}: choose one of {', '.join(PRECISIONS)}.")
        if threads is not None:
            torch.set_num_threads(threads)
        where = torch.device(device) if device else default_device()
        performer = released_sizes_actor(where) if released else load_actor(actor, where)
    with loading(f"Performing {seconds} s"):
        report = measure(performer, seconds, settings, precision, released=released)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(report), indent=2))
    else:
        for line in _lines(report):
            console.print(line, markup=False)


def _lines(report: MotionReport) -> list[str]:
    lines = [
        f"{report.actor}, {report.clip_seconds} s, {report.steps} steps of order {report.solver_order}, "
        f"{report.precision}, {report.device}, {report.threads} threads, torch {report.versions['torch']}"
    ]
    for stage, taken in report.stages.items():
        step = report.step.get(stage)
        lines.append(f"{stage:<8}{taken:9.2f} s" + (f"   {step:.3f} s a step" if step else ""))
    lines.append(f"{'all':<8}{report.total:9.2f} s   {report.real_time_factor:.2f} s for a second of clip")
    if report.peak_memory is not None:
        lines.append(f"{'memory':<8}{report.peak_memory:9.0f} MiB at most")
    if report.original is not None:
        lines.append(f"{'original':<8}{report.original:9.0f} s   {report.times_faster:.0f} times as long")
    for part, error in (report.error or {}).items():
        lines.append(f"{part:<8}{100 * error:9.2f} % from fp32 (rms)")
    return lines
