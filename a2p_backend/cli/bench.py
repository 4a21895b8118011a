"""`a2p bench`: how fast and how exact it is here, and where the time goes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from a2p_backend.cli.console import StageBars, console, loading
from a2p_backend.cli.source import DeviceOption
from a2p_backend.wire.settings import DEFAULT_ACTOR, DEFAULT_PRESET, PRECISIONS, GenerateSettings

if TYPE_CHECKING:
    import torch

    from a2p_backend.bench.avatar import AvatarReport
    from a2p_backend.bench.length import LengthReport
    from a2p_backend.bench.motion import MotionReport
    from a2p_backend.bench.retarget import RetargetReport
    from a2p_backend.bench.steps import StepsReport

CONVERSATION = Path(__file__).parents[1] / "assets" / "conversation.flac"

ActorOption = Annotated[str, typer.Option(help="Whose networks.")]
ClipOption = Annotated[
    Path | None, typer.Option(help="A recording. Default: the conversation that comes with a2p.")
]
PresetOption = Annotated[str, typer.Option(help="Steps and solver; see `a2p generate`.")]
PrecisionOption = Annotated[
    str | None,
    typer.Option(help=f"Of the denoisers' products: {' or '.join(PRECISIONS)}. Default: the preset's."),
]
ThreadsOption = Annotated[int | None, typer.Option(min=1, help="Processor threads; by default one a core.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")]

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
    preset: PresetOption = DEFAULT_PRESET,
    steps: Annotated[int | None, typer.Option(help="Denoiser steps, where not the preset's.")] = None,
    precision: PrecisionOption = None,
    threads: ThreadsOption = None,
    device: DeviceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Perform a clip of noise and say where the time goes."""
    settings = GenerateSettings(actor=actor, preset=preset, steps=steps, precision=precision)
    with loading("Loading the networks"):
        from a2p_backend.actors.actor import load_actor
        from a2p_backend.bench.motion import measure
        from a2p_backend.bench.released_sizes import released_sizes_actor

        where = _prepared(device, threads)
        performer = released_sizes_actor(where) if released else load_actor(actor, where)
    with loading(f"Performing {seconds} s"):
        report = measure(performer, seconds, settings, released=released)
    _show(_motion_lines(report), report, as_json)


@app.command()
def steps(
    actor: ActorOption = DEFAULT_ACTOR,
    clip: ClipOption = None,
    takes: Annotated[int, typer.Option(min=1, help="How many, each of its own noise.")] = 3,
    precision: PrecisionOption = None,
    threads: ThreadsOption = None,
    device: DeviceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how near few steps come to DDIM's 1000, from the same noise."""
    settings = GenerateSettings(actor=actor, precision=precision)
    with loading("Loading the networks"):
        from a2p_backend.actors.actor import load_actor
        from a2p_backend.audio.clip import load_clip
        from a2p_backend.bench.steps import measure_steps

        performer = load_actor(actor, _prepared(device, threads))
        recording = load_clip(clip or CONVERSATION)
    with StageBars() as bars:
        report = measure_steps(performer, recording, settings, takes, bars)
    _show(_steps_lines(report), report, as_json)


@app.command()
def length(
    actor: ActorOption = DEFAULT_ACTOR,
    clip: ClipOption = None,
    seconds: Annotated[
        int, typer.Option(min=21, max=8 * 3600, help="The clip is repeated for so long.")
    ] = 600,
    takes: Annotated[int, typer.Option(min=1, help="How many, each performed in two layouts.")] = 1,
    preset: PresetOption = DEFAULT_PRESET,
    threads: ThreadsOption = None,
    device: DeviceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Perform a long clip: its memory, and how fast the motion is where windows meet."""
    settings = GenerateSettings(actor=actor, preset=preset)
    with loading("Loading the networks"):
        from a2p_backend.actors.actor import load_actor
        from a2p_backend.audio.clip import load_clip
        from a2p_backend.bench.length import measure_length, repeated

        performer = load_actor(actor, _prepared(device, threads))
        recording = repeated(load_clip(clip or CONVERSATION), seconds)
    with loading(f"Performing {seconds} s"):
        report = measure_length(performer, recording, settings, takes)
    _show(_length_lines(report), report, as_json)


@app.command()
def avatar(
    frames: Annotated[int, typer.Option(min=1, help="How many are timed.")] = 5,
    threads: ThreadsOption = None,
    device: DeviceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw a codec avatar of the released sizes, with made-up weights, from its two sides."""
    with loading("Drawing"):
        from a2p_backend.bench.avatar import measure_avatar

        report = measure_avatar(frames, _prepared(device, threads))
    _show(_avatar_lines(report), report, as_json)


@app.command()
def retarget(
    frames: Annotated[int, typer.Option(min=2, help="Length of the motion.")] = 10_000,
    bones: Annotated[int, typer.Option(min=60, max=88, help="Of the rig that receives it.")] = 70,
    as_json: JsonOption = False,
) -> None:
    """Copy a long motion to another rig."""
    with loading(f"Copying {frames} frames"):
        from a2p_backend.bench.retarget import measure_retarget

        report = measure_retarget(frames, bones)
    _show(_retarget_lines(report), report, as_json)


def _prepared(device: str | None, threads: int | None) -> torch.device:
    """The device that is asked for, with so many threads."""
    import torch

    from a2p_backend.actors.actor import default_device

    if threads is not None:
        torch.set_num_threads(threads)
    return torch.device(device) if device else default_device()


def _show(
    lines: list[str],
    report: MotionReport | StepsReport | LengthReport | AvatarReport | RetargetReport,
    as_json: bool,
) -> None:
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(report), indent=2))
        return
    for line in lines:
        console.print(line, markup=False)


def _retarget_lines(report: RetargetReport) -> list[str]:
    return [
        f"{report.frames} frames, {report.bones} bones, {report.mapped} of them mapped",
        f"copied     {report.seconds:7.2f} s",
        f"with feet planted and hands that reach {report.seconds_with_options:7.2f} s",
    ]


def _motion_lines(report: MotionReport) -> list[str]:
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


def _steps_lines(report: StepsReport) -> list[str]:
    """The curve as a table, with a bar as long as the farther of body and face."""
    farthest = max(max(point.body, point.face) for point in report.curve)
    lines = [
        f"{report.actor}, {report.clip}, {report.clip_seconds:.0f} s, {report.takes} takes: "
        "distance from DDIM's 1000 steps, in % of the motion (rms)",
        f"{'solver':<8}{'steps':>6}{'body':>8}{'face':>8}",
    ]
    for point in report.curve:
        bar = "█" * max(round(40 * max(point.body, point.face) / farthest), 1)
        lines.append(
            f"{point.solver:<8}{point.steps:>6}{100 * point.body:>8.2f}{100 * point.face:>8.2f}  {bar}"
        )
    return [*lines, f"As near as DDIM's 100, and so is all above: {report.enough or 'none of these'}."]


def _length_lines(report: LengthReport) -> list[str]:
    lines = [
        f"{report.actor}, {report.clip_seconds:.0f} s in {report.pieces} pieces, {report.windows} windows, "
        f"{report.steps} steps: "
        f"{report.total:.0f} s of work"
    ]
    if report.peak_memory is not None:
        lines.append(f"{'memory':<18}{report.peak_memory:9.0f} MiB at most")
    if not report.speeds:
        return lines
    lines.append(
        f"{'99th percentile':<18}{'borders':>9}{'elsewhere':>11}{'without':>9}{'by chance':>17}"
        f"{'mean: borders':>16}{'elsewhere':>11}   {report.takes} takes"
    )
    for name, speeds in report.speeds.items():
        least, most = speeds.by_chance
        lines.append(
            f"{name:<18}{speeds.at_borders:9.3f}{speeds.elsewhere:11.3f}{speeds.without_borders:9.3f}"
            f"{least:9.3f} to {most:.3f}{speeds.means[0]:16.3f}{speeds.means[1]:11.3f}"
        )
    lines.append("without: the same frames in windows that meet elsewhere; by chance: with the borders moved")
    return lines


def _avatar_lines(report: AvatarReport) -> list[str]:
    measured = report.measured
    return [
        f"{measured.views} views of {measured.width} x {measured.height}, {measured.device}, "
        f"{measured.threads} threads, {measured.rasteriser}; the median of {measured.frames} frames",
        f"{'networks':<12}{measured.seconds:8.2f} s   the plain ones: {measured.plain_seconds:.2f} s here, "
        f"{measured.speed_up:.1f} times as long",
        f"{'rasterising':<12}{measured.rasterise_seconds:8.2f} s",
        f"{'shading':<12}{measured.shade_seconds:8.2f} s",
        f"{'a frame':<12}{report.frame_seconds:8.2f} s   in a film, encoded beside it: "
        f"{measured.film_seconds:.2f} s; in a preview: {measured.preview_seconds:.2f} s",
        f"{'original':<12}{report.original_seconds:8.2f} s   {report.times_faster:.1f} times as long",
        f"{'  rasterising':<12}{report.original_rasterise_seconds:7.0f} s   "
        f"{report.times_faster_rasterising:.0f} times as long",
        f"{'difference':<12}{100 * (1 - measured.share_within_2):8.3f} % of the values by more than 2 of 255",
    ]
