"""`a2p demo`: from a recording to everything that the project makes of one, in one command.

Three processes, as in real use, which talk over the wire: this one, a backend (`a2p serve`) and a Blender
(`blender_addon.batch`). torch and bpy never share a process.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from a2p_backend import blender_process
from a2p_backend.cli.console import StageBars, console, loading
from a2p_backend.cli.source import LONGEST_JOB
from a2p_backend.wire.endpoint import EndpointError, read_endpoint
from a2p_backend.wire.performance import FPS, load_take
from a2p_backend.wire.progress import Progress
from kinematics.errors import A2PError

OUT = Path("out/demo")
START_SECONDS = 120.0
STOP_SECONDS = 10.0
CLIP = "conversation.flac"


def demo(
    clip: Annotated[
        Path | None,
        typer.Argument(help="A recording of yours. Default: the one that comes with the project."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder for the results.")] = OUT,
    actor: Annotated[str, typer.Option(help="Who performs; see `a2p actors list`.")] = "default",
    seed: Annotated[int, typer.Option(help="Another seed is another take.")] = 0,
) -> None:
    """Perform a recording, bring it into Blender, and show what came of it."""
    blender_process.require()
    began = time.monotonic()
    seconds: dict[str, float] = {}
    with resources.as_file(resources.files("a2p_backend") / "assets" / CLIP) as shipped:
        recording = clip or shipped
        if not recording.is_file():
            raise A2PError(f"There is no recording {recording}: give the path of an audio file.")
        console.print(f"Performing {recording.name}", markup=False)
        with tempfile.TemporaryDirectory(prefix="a2p-demo-") as folder:
            endpoint = Path(folder) / "endpoint.json"
            with _backend(endpoint, seconds):
                _blender(endpoint, recording, out, actor, seed, seconds)
    with _timed(seconds, "preview"):
        _preview(out)
    _summary(out, seconds, time.monotonic() - began)


@contextmanager
def _backend(endpoint: Path, seconds: dict[str, float]) -> Iterator[None]:
    """A backend of the demo's own, for as long as the block takes. Raises A2PError when it does not start."""
    command = [sys.executable, "-m", "a2p_backend.cli", "serve", "--endpoint", str(endpoint)]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            with _timed(seconds, "backend"), loading("Starting the backend"):
                _await_endpoint(endpoint, process)
            yield
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _await_endpoint(endpoint: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            read_endpoint(endpoint)
            return
        except EndpointError:
            time.sleep(0.05)
    raise A2PError("The backend did not start: `a2p serve` says why, `a2p doctor` what is missing.")


def _blender(
    endpoint: Path, recording: Path, out: Path, actor: str, seed: int, seconds: dict[str, float]
) -> None:
    """Runs the add-on on the recording and shows its progress. Raises BlenderError."""
    arguments = [
        "--endpoint", str(endpoint), "--clip", str(recording), "--out", str(out), "--actor", actor,
        "--seed", str(seed), "--progress",
    ]  # fmt: skip
    with StageBars() as bars:

        def tell(report: blender_process.Report) -> None:
            if "seconds" in report:
                seconds[report["stage"]] = report["seconds"]
            else:
                bars(Progress(report["stage"], report["done"], report["total"]))

        blender_process.run_program("blender_addon.batch", arguments, LONGEST_JOB, tell)


def _preview(out: Path) -> None:
    """Puts pictures of the rig and frames of the plate side by side."""
    from a2p_backend.avatar.contact_sheet import contact_sheet, read_frames, read_picture, write_png

    pictures = sorted((out / "pictures").glob("*.png"))
    frames = [int(picture.stem) - 1 for picture in pictures]
    pairs = list(zip(map(read_picture, pictures), read_frames(out / "plate.mp4", frames), strict=True))
    write_png(out / "preview.png", contact_sheet(pairs, [frame / FPS for frame in frames]))


def _summary(out: Path, seconds: dict[str, float], total: float) -> None:
    for warning in load_take(out / "take.npz").warnings:
        console.print(f"[yellow]warning:[/] {warning}")
    times = Table("stage", "seconds", title="Where the time went")
    for stage, took in seconds.items():
        times.add_row(stage, f"{took:.1f}")
    times.add_row("in all", f"{total:.1f}", style="bold")
    made = Table("file", "what it is", title=f"Made in {out}")
    for name, what in {
        "preview.png": "eight moments, rig and plate side by side: look at this first",
        "demo.blend": "the rig, its Action, the sound and the plate: open it in Blender and press play",
        "demo.fbx": "the rig, its mesh and its motion for other programs",
        "demo.bvh": "bones and motion, in centimetres",
        "plate.mp4": "the plate, with sound",
        "take.npz": "the performance itself",
    }.items():
        made.add_row(name, what)
    console.print(times)
    console.print(made)
    console.print(
        "Next: another take with `a2p demo --seed 1`, or the add-on in your own Blender (see README.md)."
    )


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    seconds[stage] = time.monotonic() - began
