"""`a2p render`: a take becomes a video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from a2p_backend.cli.console import check_writable, done
from a2p_backend.cli.source import (
    BackendOption,
    DeviceOption,
    in_backend,
    in_process,
    never_cancelled,
)
from a2p_backend.wire.client import read_clip
from a2p_backend.wire.files import atomic_write
from a2p_backend.wire.performance import load_take
from a2p_backend.wire.settings import PlateSettings
from kinematics.errors import A2PError


def render(
    take: Annotated[Path, typer.Argument(help="The take, as `a2p generate` wrote it.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The video to write (.mp4).")],
    clip: Annotated[Path | None, typer.Option(help="The take's recording, as the video's sound.")] = None,
    width: Annotated[int, typer.Option(help="Pixels, even.")] = PlateSettings.width,
    height: Annotated[int, typer.Option(help="Pixels, even.")] = PlateSettings.height,
    rasteriser: Annotated[str, typer.Option(help="auto, opengl or pytorch3d.")] = PlateSettings.rasteriser,
    backend: BackendOption = False,
    device: DeviceOption = None,
) -> None:
    """Render the plate of a take."""
    settings = PlateSettings(width, height, rasteriser)
    check_writable(out)
    performance = load_take(take)
    recording = None if clip is None else read_clip(clip)
    clip_name = "" if clip is None else clip.name
    if backend:
        video = in_backend(lambda client: client.render_plate(performance, settings, recording, clip_name))
    else:
        video = in_process(
            device,
            lambda service, on_progress: service.render_plate(
                performance, recording, clip_name, settings, on_progress, never_cancelled
            ),
        )
    try:
        with atomic_write(out) as file:
            file.write(video)
    except OSError as error:
        raise A2PError(f"Cannot write the video {out}: {error.strerror or error}.") from error
    made = f"{performance.duration:.1f} s of video, {width} x {height}."
    done(out, made, "Play it, or use it as the camera's background in Blender.")
