"""A rig and its take as FBX or BVH, through Blender's own exporters."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
from mathutils import Matrix

from kinematics.errors import A2PError

from . import isolation

BVH_SCALE = 100.0
"""Units of a BVH file in a metre: BVH files are in centimetres by custom."""


def export_fbx(scene: bpy.types.Scene, rig: bpy.types.Object, target: Path) -> None:
    """Write the rig, its meshes and the Action that it plays; a metre stays a metre. Raises A2PError."""
    meshes = [child for child in rig.children if child.type == "MESH"]

    def write(path: str) -> None:
        bpy.ops.export_scene.fbx(
            filepath=path,
            check_existing=False,
            object_types={"ARMATURE", "MESH"},
            use_mesh_modifiers=False,
            add_leaf_bones=False,
            bake_anim=True,
            bake_anim_use_all_actions=False,
            bake_anim_use_nla_strips=False,
            bake_anim_simplify_factor=0.0,
            apply_scale_options="FBX_SCALE_UNITS",
        )

    _export(scene, rig, [rig, *meshes], target, write)


def export_bvh(scene: bpy.types.Scene, rig: bpy.types.Object, target: Path) -> None:
    """Write the rig's bones and the Action that it plays, in centimetres, Y up. Raises A2PError."""

    def write(path: str) -> None:
        first, last = _frame_range(rig)
        bpy.ops.export_anim.bvh(
            filepath=path,
            check_existing=False,
            global_scale=BVH_SCALE,
            frame_start=first,
            frame_end=last,
            rotate_mode="ZXY",
        )

    with _turned_copy(rig) as turned:
        _export(scene, turned, [turned], target, write)


@contextmanager
def _turned_copy(rig: bpy.types.Object) -> Iterator[bpy.types.Object]:
    """A temporary copy of the rig whose armature space has Y up; Blender's BVH exporter turns nothing."""
    copy = rig.copy()
    copy.data = rig.data.copy()
    copy.data.transform(Matrix.Rotation(math.radians(-90.0), 4, "X"))
    try:
        yield copy
    finally:
        bpy.data.armatures.remove(copy.data)


def _export(
    scene: bpy.types.Scene,
    rig: bpy.types.Object,
    members: list[bpy.types.Object],
    target: Path,
    write: Callable[[str], None],
) -> None:
    temporary = target.with_name(f".{target.stem}.{os.getpid()}{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with isolation.scene_with(members, rig) as workshop:
            workshop.render.fps = scene.render.fps
            workshop.render.fps_base = scene.render.fps_base
            workshop.frame_start, workshop.frame_end = _frame_range(rig)
            write(str(temporary))
        temporary.replace(target)
    except (OSError, RuntimeError) as error:
        raise A2PError(f"Cannot export to {target}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _frame_range(rig: bpy.types.Object) -> tuple[int, int]:
    first, last = rig.animation_data.action.frame_range
    return int(first), int(last)
