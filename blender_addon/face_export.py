"""A moving head as an Alembic file, without a window:

    python -m blender_addon.face_export HEAD.npz HEAD.pc2 HEAD.abc [--fps 30]

HEAD.npz holds the mesh: `vertices` (V, 3), `faces` (F, 3), `uvs` (U, 2), v up, and `uv_faces` (F, 3).
HEAD.pc2 has its vertices in every frame. Both are metres in Blender's axes, Z up. Runs in any Python that
has bpy.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np

from kinematics.errors import A2PError
from kinematics.files import whole_file
from kinematics.point_cache import read_point_cache_size

EXIT_USER_ERROR = 2
_ARRAYS = ("vertices", "faces", "uvs", "uv_faces")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m blender_addon.face_export", description=__doc__)
    parser.add_argument("mesh", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--fps", type=int, default=30)
    options = parser.parse_args(arguments)
    try:
        export_alembic(options.mesh, options.cache, options.out, options.fps)
    except (A2PError, RuntimeError, OSError) as error:
        print(f"error: {str(error).removeprefix('Error: ').strip()}", file=sys.stderr)
        return EXIT_USER_ERROR
    return 0


def export_alembic(mesh: Path, cache: Path, out: Path, fps: int) -> None:
    """Write a mesh that moves as its point cache says to an .abc file, which appears whole or not at all.

    Raises A2PError where the files cannot be read or do not fit each other.
    """
    frames, points = read_point_cache_size(cache)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = fps, 1.0
    scene.frame_start, scene.frame_end = 1, frames
    head = _object(mesh)
    if len(head.data.vertices) != points:
        raise A2PError(f"{cache} moves {points} vertices, the mesh has {len(head.data.vertices)}.")
    scene.collection.objects.link(head)
    mover = head.modifiers.new("cache", "MESH_CACHE")
    mover.cache_format, mover.filepath = "PC2", str(cache.resolve())
    mover.interpolation, mover.frame_start = "NONE", 1.0
    mover.forward_axis, mover.up_axis = "POS_Y", "POS_Z"
    head.select_set(True)
    with whole_file(out) as partial:
        bpy.ops.wm.alembic_export(
            filepath=str(partial.resolve()),
            start=1,
            end=frames,
            selected=True,
            flatten=True,
            uvs=True,
            normals=True,
            as_background_job=False,
        )


def _object(path: Path) -> bpy.types.Object:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in _ARRAYS}
    except (OSError, KeyError, ValueError) as error:
        raise A2PError(f"The head's mesh {path} cannot be read ({error}).") from error
    data = bpy.data.meshes.new("head")
    data.from_pydata(arrays["vertices"].tolist(), [], arrays["faces"].tolist())
    data.polygons.foreach_set("use_smooth", np.ones(len(arrays["faces"]), bool))
    layer = data.uv_layers.new(name="UVMap")
    layer.data.foreach_set("uv", arrays["uvs"][arrays["uv_faces"]].astype(np.float32).ravel())
    return bpy.data.objects.new("head", data)


if __name__ == "__main__":
    raise SystemExit(main())
