"""A take's head as an Alembic file, without a window:

    python -m blender_addon.face_export TAKE.npz HEAD.abc [--in-place]

Runs in any Python that has bpy.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import bpy

from a2p_backend.wire.performance import load_take
from kinematics.armature import bone_motion, bone_rest
from kinematics.body import load_default_body
from kinematics.errors import A2PError
from kinematics.face_mesh import load_default_face_mesh
from kinematics.files import whole_file
from kinematics.stage import place_on_stage

from . import compat
from .scene import face_mesh, keyframes
from .scene.armature import build_armature

EXIT_USER_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m blender_addon.face_export", description=__doc__)
    parser.add_argument("take", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--in-place", action="store_true")
    options = parser.parse_args(arguments)
    try:
        export_alembic(options.take, options.out, options.in_place)
    except (A2PError, RuntimeError, OSError) as error:
        print(f"error: {str(error).removeprefix('Error: ').strip()}", file=sys.stderr)
        return EXIT_USER_ERROR
    return 0


def export_alembic(take: Path, out: Path, in_place: bool) -> None:
    """Write the head of a take to an .abc file, which appears whole or not at all."""
    performance = load_take(take)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = performance.fps, 1.0
    scene.frame_start, scene.frame_end = 1, performance.frame_count
    head = face_mesh.build_face_mesh(load_default_face_mesh(), "head")
    scene.collection.objects.link(head)
    face_mesh.key_expressions(head, performance.face, 1, "head")
    if not in_place:
        body = load_default_body()
        rig = build_armature(bone_rest(body), "rig")
        scene.collection.objects.link(rig)
        action = bpy.data.actions.new("body")
        with compat.curves_of(action, rig) as curves:
            keyframes.key_bones(curves, bone_motion(body, place_on_stage(body, performance.pose)), 1)
        face_mesh.follow_head(head, rig)
    for item in scene.objects:
        item.select_set(item == head)
    with whole_file(out) as partial:
        bpy.ops.wm.alembic_export(
            filepath=str(partial.resolve()),
            start=1,
            end=performance.frame_count,
            selected=True,
            flatten=True,
            uvs=True,
            normals=True,
            as_background_job=False,
        )


if __name__ == "__main__":
    raise SystemExit(main())
