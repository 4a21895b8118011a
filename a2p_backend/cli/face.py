"""`a2p face`: the moving face itself, for programs that want geometry instead of pictures."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from a2p_backend.cli.console import check_writable, done
from a2p_backend.wire.performance import Performance, load_take
from kinematics.body import load_default_body
from kinematics.errors import A2PError
from kinematics.face_mesh import FaceMesh, load_default_face_mesh
from kinematics.files import atomic_write
from kinematics.point_cache import FORMATS, write_obj, write_point_cache
from kinematics.skinning import joint_matrices
from kinematics.stage import place_on_stage

_METRES = 0.01
_FRAMES_AT_ONCE = 60
_EXPORT_SECONDS = 900


def face(
    take: Annotated[Path, typer.Argument(help="The take, as `a2p generate` wrote it.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A .pc2, .mdd or .abc (Alembic) file.")],
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Keep the head still, so that only the face moves.")
    ] = False,
) -> None:
    """Write the head's vertices in every frame: metres, Y up. A .pc2 or .mdd comes with the mesh, an .obj."""
    check_writable(out)
    kind = out.suffix.lower()
    if kind not in (*FORMATS, ".abc"):
        raise A2PError(f"Cannot write {out.name}: name a .pc2, .mdd or .abc file.")
    performance = load_take(take)
    if performance.actor != "default":
        raise A2PError(
            f"The head of actor {performance.actor} is not known as geometry: only the default actor's is."
        )
    if kind == ".abc":
        _write_alembic(take, out, in_place)
    else:
        _write_cache(performance, load_default_face_mesh(), out, kind, in_place)
    done(out, f"{performance.frame_count} frames of the head.", "Load it as a point cache or Alembic file.")


def head_frames(performance: Performance, mesh: FaceMesh, in_place: bool) -> Iterator[np.ndarray]:
    """Vertices (V, 3) in each frame, metres, Y up; unless in place, where the stage's figure has its head."""
    body = load_default_body()
    pose = place_on_stage(body, performance.pose)
    head = body.skeleton.index("b_head")
    for start in range(0, len(pose), _FRAMES_AT_ONCE):
        rows = slice(start, start + _FRAMES_AT_ONCE)
        points = mesh.shaped(performance.face[rows])
        if not in_place:
            move = joint_matrices(body.global_states(pose[rows]), body.bind_states())[:, head]
            points = np.einsum("tab,tvb->tva", move[..., :3], points) + move[:, None, :, 3]
        yield from (_METRES * points).astype(np.float32)


def _write_cache(performance: Performance, mesh: FaceMesh, out: Path, kind: str, in_place: bool) -> None:
    frames = head_frames(performance, mesh, in_place)
    count, points = performance.frame_count, len(mesh.vertices)
    try:
        with atomic_write(out) as file:
            write_point_cache(file, kind, frames, count, points, performance.fps)
        with atomic_write(out.with_suffix(".obj")) as file:
            write_obj(file, _METRES * mesh.vertices, mesh.faces, mesh.uvs, mesh.uv_faces)
    except OSError as error:
        raise A2PError(f"Cannot write {out}: {error.strerror or error}.") from error


def _write_alembic(take: Path, out: Path, in_place: bool) -> None:
    """Through Blender's exporter, in a process without torch."""
    command = [sys.executable, "-m", "blender_addon.face_export", str(take), str(out)]
    command += ["--in-place"] if in_place else []
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_EXPORT_SECONDS,
        check=False,
    )
    if result.returncode != 0:
        lines = result.stderr.strip().splitlines() or ["no reason given"]
        reason = lines[-1].removeprefix("error: ")
        if "No module named 'bpy'" in reason:
            reason = "Blender's module is not installed: pip install 'a2p[blender]'."
        raise A2PError(reason)
