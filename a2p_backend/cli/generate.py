"""`a2p generate`: a recording becomes a take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from a2p_backend.cli.console import check_writable, done, warn
from a2p_backend.cli.source import (
    BackendOption,
    DeviceOption,
    in_backend,
    in_process,
    never_cancelled,
)
from a2p_backend.wire.client import read_clip
from a2p_backend.wire.performance import save_take
from a2p_backend.wire.settings import DEFAULT_ACTOR, DEFAULT_PRESET, PRESETS, GenerateSettings


def generate(
    clip: Annotated[Path, typer.Argument(help="The recording; stereo: left the actor, right the partner.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The take to write (.npz).")],
    actor: Annotated[str, typer.Option(help="Who performs; see `a2p actors list`.")] = DEFAULT_ACTOR,
    seed: Annotated[int, typer.Option(help="Another seed is another take.")] = GenerateSettings.seed,
    preset: Annotated[str, typer.Option(help=f"Time for exactness: {', '.join(PRESETS)}.")] = DEFAULT_PRESET,
    steps: Annotated[int | None, typer.Option(help="Denoiser steps. Default: the preset's.")] = None,
    face_guidance: Annotated[float | None, typer.Option(help="Default: the actor's own.")] = None,
    body_guidance: Annotated[float | None, typer.Option(help="Default: the actor's own.")] = None,
    top_p: Annotated[float, typer.Option(help="Nucleus of the guide poses.")] = GenerateSettings.top_p,
    backend: BackendOption = False,
    device: DeviceOption = None,
) -> None:
    """Perform a recording and write the take."""
    settings = GenerateSettings(actor, seed, preset, steps, face_guidance, body_guidance, top_p)
    check_writable(out)
    recording = read_clip(clip)
    if backend:
        performance = in_backend(lambda client: client.generate(recording, clip.name, settings))
    else:
        performance = in_process(
            device,
            lambda service, on_progress: service.generate(
                recording, clip.name, settings, on_progress, never_cancelled
            ),
        )
    warn(performance.warnings)
    save_take(performance, out)
    made = f"{performance.frame_count} frames ({performance.duration:.1f} s) by {actor}, seed {seed}."
    done(
        out, made, f'See it with `a2p render "{out}" --clip "{clip}" -o plate.mp4`, or import it in Blender.'
    )
