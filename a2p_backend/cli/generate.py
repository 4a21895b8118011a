"""`a2p generate`: a recording becomes a take, or several, or one for each of two people."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from a2p_backend.cli.console import check_writable, done, warn
from a2p_backend.cli.source import (
    BackendOption,
    DeviceOption,
    in_backend,
    in_process,
    never_cancelled,
)
from a2p_backend.wire.client import Client, Job, check_clip, read_clip
from a2p_backend.wire.edit import KEEPABLE, UNEDITED, Edit, FrameRange, read_guide
from a2p_backend.wire.performance import FPS, Performance, load_take, save_take
from a2p_backend.wire.progress import OnProgress
from a2p_backend.wire.settings import (
    DEFAULT_ACTOR,
    DEFAULT_PRESET,
    MAX_SEED,
    PRECISIONS,
    PRESETS,
    GenerateSettings,
)
from kinematics.errors import A2PError

if TYPE_CHECKING:
    from a2p_backend.server.service import Service

MAX_TAKES = 999

_SECONDS = re.compile(r"(\d+(?:\.\d*)?)?:(\d+(?:\.\d*)?)?", re.ASCII)


def generate(
    clip: Annotated[Path, typer.Argument(help="The recording; stereo: left the actor, right the partner.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The take to write (.npz).")],
    actor: Annotated[str, typer.Option(help="Who performs; see `a2p actors list`.")] = DEFAULT_ACTOR,
    seed: Annotated[int, typer.Option(help="Another seed is another take.")] = GenerateSettings.seed,
    takes: Annotated[
        int, typer.Option(min=1, max=MAX_TAKES, help="How many, of consecutive seeds: OUT-001.npz, ...")
    ] = 1,
    preset: Annotated[str, typer.Option(help=f"Time for exactness: {', '.join(PRESETS)}.")] = DEFAULT_PRESET,
    steps: Annotated[int | None, typer.Option(help="Denoiser steps. Default: the preset's.")] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            help=f"Of the denoisers' products: {' or '.join(PRECISIONS)}; half is faster. Default: by preset."
        ),
    ] = None,
    face_guidance: Annotated[float | None, typer.Option(help="Default: the actor's own.")] = None,
    body_guidance: Annotated[float | None, typer.Option(help="Default: the actor's own.")] = None,
    top_p: Annotated[
        float, typer.Option(help="Diversity: nucleus of the guide poses.")
    ] = GenerateSettings.top_p,
    start: Annotated[
        Path | None, typer.Option("--from", help="Edit this take of the clip rather than begin from nothing.")
    ] = None,
    strength: Annotated[
        float, typer.Option(help="With --from: how far to stray from it, 0 to 1; 1 is performed anew.")
    ] = Edit.strength,
    lock: Annotated[
        list[str] | None, typer.Option(help="With --from: seconds that stay, as 3.0:5.5; may be repeated.")
    ] = None,
    lock_body: Annotated[list[str] | None, typer.Option(help="The same, the body alone.")] = None,
    lock_face: Annotated[list[str] | None, typer.Option(help="The same, the face alone.")] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(help=f"With --from: a part that stays, of {', '.join(KEEPABLE)}; may be repeated."),
    ] = None,
    guide: Annotated[
        Path | None,
        typer.Option(help="Poses to pass, one a second: .npy of shape (seconds, 104), NaN where free."),
    ] = None,
    partner_out: Annotated[
        Path | None, typer.Option(help="Also perform the person on the right channel, into this take.")
    ] = None,
    partner_actor: Annotated[str | None, typer.Option(help="Who performs that. Default: the actor.")] = None,
    backend: BackendOption = False,
    device: DeviceOption = None,
) -> None:
    """Perform a recording and write the take."""
    settings = GenerateSettings(
        actor, seed, preset, steps, face_guidance, body_guidance, top_p, precision=precision
    )
    if start is not None and strength == 1 and not (lock or lock_body or lock_face or keep):
        raise A2PError("--from alone changes nothing: say what stays of it by --strength, --lock or --keep.")
    if seed + takes - 1 > MAX_SEED:
        raise A2PError(f"{takes} takes from seed {seed} on go past the last seed, {MAX_SEED}.")
    edited = None if start is None else load_take(start)
    edit = Edit(
        start=edited,
        strength=strength,
        locked_pose=_frames([*(lock or ()), *(lock_body or ())], edited),
        locked_face=_frames([*(lock or ()), *(lock_face or ())], edited),
        kept=tuple(keep or ()),
        guide=None if guide is None else read_guide(guide),
    )
    orders = [_Order(out, settings, edit)]
    if partner_out is not None:
        partner = dataclasses.replace(settings, actor=partner_actor or actor, speaker="right")
        # First: a recording of one voice is then refused before any work.
        orders.insert(0, _Order(partner_out, partner, UNEDITED))
    elif partner_actor is not None:
        raise A2PError("--partner-actor says who performs the partner: say where to by --partner-out.")
    if takes > 1:
        orders = [order.numbered(number) for number in range(takes) for order in orders]
    for order in orders:
        check_writable(order.out)

    check_clip(clip)
    if backend:
        recording = read_clip(clip)
        for order in orders:
            made = in_backend(partial(_ask, recording=recording, clip_name=clip.name, order=order))
            order.save(made, clip).tell()
        return

    def work(service: Service, bars: OnProgress) -> list[_Report]:
        reports = []
        for order in orders:
            on_progress = bars if len(orders) == 1 else order.naming_itself(bars)
            made = service.generate(clip, clip.name, order.settings, order.edit, on_progress, never_cancelled)
            reports.append(order.save(made, clip))  # at once: the next may be interrupted
        return reports

    for report in in_process(device, work):
        report.tell()


@dataclass(frozen=True)
class _Order:
    """One take to be made."""

    out: Path
    settings: GenerateSettings
    edit: Edit

    def numbered(self, number: int) -> _Order:
        """The same for the take of this number (from 0 on) among several."""
        out = self.out.with_name(f"{self.out.stem}-{number + 1:03}{self.out.suffix}")
        return _Order(out, dataclasses.replace(self.settings, seed=self.settings.seed + number), self.edit)

    def naming_itself(self, on_progress: OnProgress) -> OnProgress:
        """`on_progress`, told of this take's stages by the take's name."""
        return lambda progress: on_progress(
            dataclasses.replace(progress, stage=f"{self.out.stem} {progress.stage}")
        )

    def save(self, made: Performance, clip: Path) -> _Report:
        """Writes the take and gives what is to be told of it: of a long one not everything is to be kept."""
        save_take(made, self.out)
        length = f"{made.frame_count} frames ({made.duration:.1f} s)"
        see = f'See it with `a2p render "{self.out}" --clip "{clip}" -o plate.mp4`, or import it in Blender.'
        return _Report(self.out, made.warnings, f"{length} by the actor {made.actor}, seed {made.seed}.", see)


@dataclass(frozen=True)
class _Report:
    """What is told of a take once all are made."""

    out: Path
    warnings: tuple[str, ...]
    what: str
    next_step: str

    def tell(self) -> None:
        warn(self.warnings)
        done(self.out, self.what, self.next_step)


def _ask(client: Client, recording: bytes, clip_name: str, order: _Order) -> Job[Performance]:
    return client.generate(recording, clip_name, order.settings, order.edit)


def _frames(locks: list[str], start: Performance | None) -> tuple[FrameRange, ...]:
    """Frame ranges of locks in seconds; an open end is the take's. Raises A2PError."""
    ranges = []
    for lock in locks:
        match = _SECONDS.fullmatch(lock)
        if match is None:
            raise A2PError(f"The lock {lock!r} is no range of seconds: write it as 3.0:5.5.")
        first, end = match.groups()
        last = 0 if start is None else start.frame_count
        ranges.append((round(float(first or 0) * FPS), last if end is None else round(float(end) * FPS)))
    return tuple(ranges)
