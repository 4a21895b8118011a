"""A rig and what it plays as FBX, BVH, glTF or USD, in the axes, units and names of other programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from kinematics.armature import ARMATURE_AXES
from kinematics.bvh import write_bvh
from kinematics.curves.error_bound import ErrorBound
from kinematics.curves.gltf_keys import ReducedMotion, reduce_motion
from kinematics.errors import A2PError
from kinematics.exchange import FORMATS, PRESETS, ExportOptions, Preset
from kinematics.files import whole_file
from kinematics.pose import JointStates
from kinematics.retarget.detection import detect
from kinematics.retarget.naming import family_names
from kinematics.rotations import quaternion_from_matrix, quaternion_multiply
from kinematics.skeleton import Skeleton

from . import baking, isolation
from . import rig as rigs

CENTIMETRES = 100.0
"""In a metre. FBX and BVH files are in centimetres by custom."""
HANDS = ("hand.L", "hand.R")


@dataclass
class Sparse:
    """How few keys a file may have: see `ExportOptions.bound`; hands: names of the bones that it binds.

    done: what came of it, where the format has such keys.
    """

    bound: ErrorBound | None
    hands: frozenset[str]
    done: ReducedMotion | None = None


def export(
    scene: bpy.types.Scene,
    rig: bpy.types.Object,
    target: Path,
    options: ExportOptions | None = None,
) -> ReducedMotion | None:
    """Write the rig, its meshes and the Action that it plays, in the format that the file's ending tells.

    A metre stays a metre in every format. Nothing of the scene changes; the file appears whole or not at
    all. What comes back says how few keys `options.bound` left, where it could. Raises A2PError.
    """
    options = options or ExportOptions()
    kind = _kind(target)
    preset = PRESETS.get(options.preset)
    if preset is None:
        raise A2PError(f"There is no export preset {options.preset!r}: choose one of {', '.join(PRESETS)}.")
    root_bone = preset.root_bone if options.root_bone is None else options.root_bone
    described = rigs.describe(rig)
    deform_only = preset.deform_only if options.deform_only is None else options.deform_only
    if options.deform_only is None and described.follows:
        deform_only = True  # a control rig's controls mean nothing elsewhere
    bone_map = detect(described).bone_map
    renamed = family_names(described, bone_map, preset.family, preset.prefix) if preset.family else {}
    bake = baking.BakeOptions(
        deform_only=deform_only,
        unit=CENTIMETRES if kind in ("fbx", "bvh") else 1.0,
        names=renamed,
        fps=options.fps,
    )
    skeleton = baking.skeleton_of(rig, scene, bake)
    if root_bone or (kind == "bvh" and skeleton.parents.count(-1) > 1):
        skeleton = baking.with_root_motion(
            skeleton, next(iter(bone_map["hips"]), ""), next(iter(bone_map["root"]), "")
        )
    if kind == "bvh":
        _write(target, lambda path: _bvh(path, skeleton))
        return None
    write = {"fbx": _fbx, "glb": _glb, "usd": _usd}[kind]
    with (
        baking.baked(rig, scene, skeleton, bake.unit) as (armature, meshes),
        isolation.scene_with([armature, *meshes], armature) as workshop,
    ):
        _set_up(workshop, skeleton, bake.unit)
        hands = {name for slot in HANDS for name in bone_map[slot]}
        sparse = Sparse(options.bound, frozenset(renamed.get(name, name) for name in hands))
        _write(target, lambda path: write(path, preset, sparse))
    return sparse.done


def _kind(target: Path) -> str:
    endings = {**{ending: kind for kind, ending in FORMATS.items()}, ".usd": "usd", ".usda": "usd"}
    kind = endings.get(target.suffix.lower())
    if kind is None:
        raise A2PError(f"Cannot export to {target}: name a file that ends in {', '.join(endings)}.")
    return kind


def _set_up(workshop: bpy.types.Scene, skeleton: baking.Skeleton, unit: float) -> None:
    fps = skeleton.fps
    workshop.render.fps = max(1, round(fps))
    workshop.render.fps_base = workshop.render.fps / fps
    workshop.frame_set(0)
    workshop.frame_start, workshop.frame_end = 0, len(skeleton.posed) - 1
    workshop.unit_settings.system = "METRIC"
    workshop.unit_settings.scale_length = 1.0 / unit


def _fbx(path: str, preset: Preset, sparse: Sparse) -> None:
    bpy.ops.export_scene.fbx(
        filepath=path,
        check_existing=False,
        use_selection=False,
        object_types={"ARMATURE", "MESH"},
        use_mesh_modifiers=False,
        add_leaf_bones=False,
        axis_forward=preset.forward,
        axis_up=preset.up,
        bake_anim=True,
        bake_anim_use_all_actions=False,
        bake_anim_use_nla_strips=False,
        bake_anim_simplify_factor=0.0,
        path_mode="COPY",
        embed_textures=True,
    )


def _glb(path: str, preset: Preset, sparse: Sparse) -> None:
    bpy.ops.export_scene.gltf(
        filepath=path,
        check_existing=False,
        export_format="GLB",
        use_active_scene=True,
        export_animations=True,
        export_animation_mode="ACTIVE_ACTIONS",
        export_force_sampling=True,
        export_optimize_animation_size=False,
        export_anim_single_armature=False,
        export_morph=True,
        export_rest_position_armature=True,
    )
    if sparse.bound is not None:
        # Not by Blender's writer, which turns quaternions over from key to key, but not their slopes.
        file = Path(path)
        reduced = reduce_motion(file.read_bytes(), sparse.bound, sparse.hands)
        file.write_bytes(reduced.content)
        sparse.done = reduced


def _usd(path: str, preset: Preset, sparse: Sparse) -> None:
    bpy.ops.wm.usd_export(
        filepath=path,
        check_existing=False,
        export_animation=True,
        export_armatures=True,
        only_deform_bones=False,
        export_shapekeys=True,
        export_materials=True,
        root_prim_path="/root",
    )


def _bvh(path: str, skeleton: baking.Skeleton) -> None:
    rest, posed = (_y_up(skeleton.states(matrices)) for matrices in (skeleton.rest, skeleton.posed))
    # A name ends at the first space.
    names = tuple("_".join(name.split()) for name in skeleton.names)
    identity = np.tile([0.0, 0.0, 0.0, 1.0], (len(names), 1))
    joints = Skeleton(names, np.array(skeleton.parents), np.zeros((len(names), 3)), identity)
    write_bvh(path, joints, posed, rest, skeleton.fps)


def _y_up(states: JointStates) -> JointStates:
    turn = quaternion_from_matrix(ARMATURE_AXES.T)
    return JointStates(
        states.translation @ ARMATURE_AXES, quaternion_multiply(turn, states.rotation), states.scale
    )


def _write(target: Path, write: Callable[[str], None]) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(target) as temporary:
            write(str(temporary))
    except (OSError, RuntimeError) as error:
        raise A2PError(f"Cannot export to {target}: {error}") from error
