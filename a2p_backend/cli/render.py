"""`a2p render`: a take, or the captured motion of a dataset, becomes video."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from a2p_backend.cli.console import check_writable, console, done
from a2p_backend.cli.source import (
    BackendOption,
    DeviceOption,
    in_backend,
    in_process,
    never_cancelled,
)
from a2p_backend.wire.client import check_clip, read_clip
from a2p_backend.wire.performance import load_take
from a2p_backend.wire.progress import OnProgress
from a2p_backend.wire.settings import DEFAULT_ACTOR, VIEWS, PlateSettings, SettingsError, ViewCamera
from kinematics.errors import A2PError
from kinematics.files import atomic_write, read_json

if TYPE_CHECKING:
    from a2p_backend.server.backend import Backend

_MAX_CAMERA_BYTES = 1 << 16


def render(
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="The video to write: .mp4 or .mov, or, without an ending, a folder for PNG pictures."
            " With --dataset: the folder for the videos.",
        ),
    ],
    take: Annotated[Path | None, typer.Argument(help="The take, as `a2p generate` wrote it.")] = None,
    dataset: Annotated[
        Path | None,
        typer.Option(help="Instead of a take: a folder of captured scenes, drawn in chunks of 600 frames."),
    ] = None,
    actor: Annotated[str, typer.Option(help="Who is drawn, with --dataset.")] = DEFAULT_ACTOR,
    clip: Annotated[Path | None, typer.Option(help="The take's recording, as the video's sound.")] = None,
    view: Annotated[
        str, typer.Option(help="front, side, both, or a camera's .json: K, Rt, width, height and world.")
    ] = "front",
    size: Annotated[str | None, typer.Option(help="Of each view, such as 1334x2048.")] = None,
    width: Annotated[int, typer.Option(help="Pixels, even.")] = PlateSettings.width,
    height: Annotated[int, typer.Option(help="Pixels, even.")] = PlateSettings.height,
    alpha: Annotated[
        bool, typer.Option("--alpha", help="Without background: ProRes 4444 (.mov) or PNG pictures.")
    ] = False,
    frames: Annotated[
        str | None, typer.Option(help="Of the take, from 0: 30:90 are the second and third s.")
    ] = None,
    quality: Annotated[str, typer.Option(help="Of codec avatars: full, or preview.")] = PlateSettings.quality,
    rasteriser: Annotated[str, typer.Option(help="auto, opengl or pytorch3d.")] = PlateSettings.rasteriser,
    backend: BackendOption = False,
    device: DeviceOption = None,
) -> None:
    """Render the plate of a take, or videos of a dataset's captured motion.

    The same command goes on where it was interrupted: with a long take at the last 10 s, with --dataset at
    the first video that is not there yet.
    """
    if size is not None:
        width, height = _size(size)
    settings = PlateSettings(width, height, rasteriser, _view(view), quality, alpha)
    if (take is None) == (dataset is None):
        raise A2PError("Name a take, or with --dataset a folder of scenes, to render.")
    if dataset is not None:
        if backend or clip is not None or frames is not None:
            raise A2PError("--dataset goes without --backend, --clip and --frames.")
        _render_dataset(dataset, out, actor, settings, device)
    else:
        assert take is not None
        _render_take(take, out, clip, settings, frames, device if not backend else None, backend)


def _render_take(
    take: Path,
    out: Path,
    clip: Path | None,
    settings: PlateSettings,
    frames: str | None,
    device: str | None,
    backend: bool,
) -> None:
    if not out.suffix and out.exists():
        raise A2PError(f"Cannot write pictures into {out}: it exists; name a folder that does not.")
    check_writable(out)
    performance = load_take(take)
    if frames is not None:
        settings = dataclasses.replace(settings, frames=_frames(frames, performance.frame_count))
    drawn = settings.frames_of(performance.frame_count)
    if clip is not None:
        check_clip(clip)
    clip_name = "" if clip is None else clip.name
    if backend:
        recording = None if clip is None else read_clip(clip)
        ending = ".mov" if settings.alpha else ".mp4"
        if out.suffix.lower() != ending:
            raise A2PError(f"A backend makes {ending} files: name one, or render without --backend.")
        video = in_backend(lambda client: client.render_plate(performance, settings, recording, clip_name))
        try:
            with atomic_write(out) as file:
                file.write(video)
        except OSError as error:
            raise A2PError(f"Cannot write the video {out}: {error.strerror or error}.") from error
    else:
        in_process(
            device,
            lambda service, on_progress: service.write_plate(
                performance, clip, clip_name, out, settings, on_progress, never_cancelled
            ),
        )
    done(
        out,
        f"{len(drawn) / performance.fps:.1f} s of video.",
        "Play it, or use it as the camera's background in Blender.",
    )


def _render_dataset(folder: Path, out: Path, actor: str, settings: PlateSettings, device: str | None) -> None:
    def work(service: Backend, on_progress: OnProgress) -> tuple[Path, ...]:
        from a2p_backend.training.ground_truth import render_ground_truth

        avatar = service.avatar(actor)
        return render_ground_truth(folder, out, actor, avatar, settings, on_progress, never_cancelled)

    videos = in_process(device, work)
    console.print(f"{len(videos)} videos of captured motion are in {out}.", markup=False)
    typer.echo(str(out))


def _view(view: str) -> str | ViewCamera:
    """A view by its name, or the camera in a file."""
    if view in VIEWS:
        return view
    path = Path(view)
    if path.suffix.lower() != ".json":
        raise SettingsError(f"view is {view!r}: choose {', '.join(VIEWS)}, or name a camera's .json file.")
    try:
        values = read_json(path, _MAX_CAMERA_BYTES)
    except (OSError, ValueError) as error:
        raise A2PError(f"Cannot read the camera {path}: it is no JSON file ({error}).") from error
    try:
        return ViewCamera.from_dict(values)
    except SettingsError as error:
        raise SettingsError(f"{path} is no camera: {error}") from error


def _size(size: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", size)
    if found is None:
        raise SettingsError(f"size is {size!r}: give width and height in pixels, such as 1334x2048.")
    return int(found[1]), int(found[2])


def _frames(frames: str, count: int) -> tuple[int, int]:
    """Of "a:b", either end of which may be left out."""
    found = re.fullmatch(r"(\d{0,6}):(\d{0,6})", frames)
    if found is None:
        raise SettingsError(
            f"frames is {frames!r}: give the first frame and the one after the last, as 0:90."
        )
    return int(found[1] or 0), int(found[2] or count)
