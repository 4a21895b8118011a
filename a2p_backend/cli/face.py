"""`a2p face`: the moving face itself, as geometry or as weights of shapes, instead of pictures."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from a2p_backend import blender_process
from a2p_backend.cli.console import StageBars, check_writable, done
from a2p_backend.wire.performance import Performance, load_take
from a2p_backend.wire.progress import Progress
from kinematics.armature import to_armature_space
from kinematics.errors import A2PError
from kinematics.face.live_link import write_live_link
from kinematics.files import atomic_write
from kinematics.point_cache import FORMATS, write_obj, write_point_cache

if TYPE_CHECKING:
    from a2p_backend.avatar.head import FloatArray, Head, HeadSurface

_METRES = 0.01
_EXPORT_SECONDS = 900
_WEIGHTS = ".csv"


def face(
    take: Annotated[Path, typer.Argument(help="The take, as `a2p generate` wrote it.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="A .pc2, .mdd or .abc (Alembic) file of geometry, or a .csv of ARKit's weights.",
        ),
    ],
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Keep the head still, so that only the face moves.")
    ] = False,
) -> None:
    """Write the head's vertices in every frame (metres, Y up), or the weights of ARKit's 52 shapes.

    A .pc2 or .mdd comes with the mesh, an .obj. A .csv is as Live Link Face writes it.
    """
    check_writable(out)
    kind = out.suffix.lower()
    if kind not in (*FORMATS, ".abc", _WEIGHTS):
        raise A2PError(f"Cannot write {out.name}: name a .pc2, .mdd, .abc or .csv file.")
    performance = load_take(take)
    head = _head(performance.actor)
    try:
        if kind == _WEIGHTS:
            _write_weights(performance, head, out)
        elif kind == ".abc":
            _write_alembic(performance, head, out, in_place)
        else:
            _write_cache(performance, head, out, kind, in_place)
    except OSError as error:
        raise A2PError(f"Cannot write {out}: {error.strerror or error}.") from error
    if kind == _WEIGHTS:
        done(out, f"{performance.frame_count} frames of 52 weights.", "Load it as a take of Live Link Face.")
    else:
        done(
            out, f"{performance.frame_count} frames of the head.", "Load it as a point cache or Alembic file."
        )


def _head(actor: str) -> Head:
    from a2p_backend.actors.actor import default_device
    from a2p_backend.actors.head import load_head
    from a2p_backend.actors.registry import find_actor

    return load_head(find_actor(actor), default_device())


def _write_weights(performance: Performance, head: Head, out: Path) -> None:
    with StageBars() as bars:
        motion = head.motion(
            performance, lambda frame: bars(Progress("face", frame, performance.frame_count))
        )
    with atomic_write(out) as file:
        write_live_link(file, motion.weights(), performance.fps)


def _write_cache(performance: Performance, head: Head, out: Path, kind: str, in_place: bool) -> None:
    frames = ((_METRES * points).astype(np.float32) for points in _told(performance, head, in_place))
    surface = head.surface
    with atomic_write(out) as file:
        write_point_cache(file, kind, frames, performance.frame_count, len(surface.vertices), performance.fps)
    with atomic_write(out.with_suffix(".obj")) as file:
        write_obj(file, _METRES * surface.vertices, surface.faces, surface.uvs, surface.uv_faces)


def _write_alembic(performance: Performance, head: Head, out: Path, in_place: bool) -> None:
    """Through Blender's exporter, in a process without torch."""
    blender_process.require()
    with tempfile.TemporaryDirectory(prefix="a2p-") as folder:
        mesh, cache = Path(folder) / "head.npz", Path(folder) / "head.pc2"
        _save_mesh(head.surface, mesh)
        frames = (to_armature_space(points) for points in _told(performance, head, in_place))
        points = len(head.surface.vertices)
        with cache.open("wb") as file:
            write_point_cache(file, ".pc2", frames, performance.frame_count, points, performance.fps)
        arguments = [str(mesh), str(cache), str(out), "--fps", str(performance.fps)]
        blender_process.run_program("blender_addon.face_export", arguments, _EXPORT_SECONDS, lambda _: None)


def _told(performance: Performance, head: Head, in_place: bool) -> Iterator[FloatArray]:
    """The head's frames, with a bar that tells how far they are."""
    with StageBars() as bars:
        for number, points in enumerate(head.frames(performance, in_place), start=1):
            yield points
            bars(Progress("face", number, performance.frame_count))


def _save_mesh(surface: HeadSurface, path: Path) -> None:
    np.savez(
        path,
        vertices=to_armature_space(surface.vertices),
        faces=surface.faces,
        uvs=surface.uvs,
        uv_faces=surface.uv_faces,
    )
