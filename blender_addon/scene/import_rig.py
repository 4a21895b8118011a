"""A character file of any kind that Blender imports, in a scene of its own."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy

from kinematics.bvh import read_bvh
from kinematics.errors import A2PError

from .. import compat

_TALLEST = 20.0
"""Metres. BVH files tell no unit: what would be taller is in centimetres."""
_CONSOLE = re.compile(r",? *\(?see (the )?(Blender )?console( for details?)?\)?", re.IGNORECASE)
"""Where some importers send the user, who may have none."""


class ImportRigError(A2PError):
    """A file that gives no rig."""


def import_rig(path: Path) -> bpy.types.Scene:
    """The file's objects in a new scene named after it. Raises ImportRigError, and then nothing stays."""
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(ENDINGS)
        raise ImportRigError(f"{path} is of a kind that Blender does not import here: use one of {known}.")
    if not path.is_file():
        raise ImportRigError(f"There is no file {path}.")
    scene, current = bpy.data.scenes.new(path.stem), bpy.context.scene.render
    scene.render.fps, scene.render.fps_base = current.fps, current.fps_base
    before = all_data()
    try:
        with _shown(scene):
            reader(path)
        if not any(member.type == "ARMATURE" for member in scene.objects):
            raise ImportRigError(f"There is no armature in {path}: choose a file with a skeleton.")
    except BaseException as error:
        bpy.data.scenes.remove(scene)
        bpy.data.batch_remove([block for block in all_data() if block not in before])
        if isinstance(error, A2PError) or not isinstance(error, Exception):
            raise
        raise ImportRigError(
            f"{path} cannot be read: {what_happened(error)}; export it anew, or as another kind of file."
        ) from error
    return scene


@contextmanager
def _shown(scene: bpy.types.Scene) -> Iterator[None]:
    """The importers switch modes of what they make, which works in the scene that a window shows only."""
    window = bpy.context.window or bpy.context.window_manager.windows[0]
    before = window.scene
    window.scene = scene
    try:
        yield
    finally:
        window.scene = before


def all_data() -> set[bpy.types.ID]:
    """Whatever of the file an importer may add to, scenes apart."""
    kinds = (
        name for name, kind in bpy.types.BlendData.bl_rna.properties.items() if kind.type == "COLLECTION"
    )
    return {
        block
        for name in kinds
        if name not in ("screens", "window_managers", "workspaces", "scenes")
        for block in getattr(bpy.data, name)
    }


def what_happened(error: Exception) -> str:
    """The last line of what an importer says, without Python's or Blender's prefixes."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("Location: ")]
    last = lines[-1] if lines else type(error).__name__
    for prefix in ("Error: ", "RuntimeError: ", "Python: "):
        last = last.removeprefix(prefix)
    return _CONSOLE.sub("", last).rstrip(".")


def _read_fbx(path: Path) -> None:
    # Poses at rest, whatever frame the file is at: bones come with their own axes.
    bpy.ops.import_scene.fbx(filepath=str(path), anim_offset=0.0)


def _read_gltf(path: Path) -> None:
    before = set(bpy.data.objects)
    with _without_bone_shapes():
        bpy.ops.import_scene.gltf(filepath=str(path))
    for member in set(bpy.data.objects) - before:
        _hang_on_bone(member)


def _read_vrm(path: Path) -> None:
    with named_as_glb(path) as file:
        _read_gltf(file)


@contextmanager
def named_as_glb(path: Path) -> Iterator[Path]:
    """A copy of a .vrm file under a name that Blender's importer knows: VRM is glTF."""
    with tempfile.TemporaryDirectory(prefix="a2p-vrm-") as folder:
        yield Path(shutil.copy(path, Path(folder) / f"{path.stem}.glb"))


def _hang_on_bone(member: bpy.types.Object) -> None:
    """Puts an object that hangs on a bone to where its file has it.

    Blender measures its place from the bone's tail. Where the importer shortens bones by their armature's
    scale, it takes off the length that they had before.
    """
    if compat.GLTF_SHORTENS_BONES and member.parent_type == "BONE" and member.parent is not None:
        length = member.parent.data.bones[member.parent_bone].length
        member.location.y += length * (max(member.parent.scale) - 1.0)


@contextmanager
def _without_bone_shapes() -> Iterator[None]:
    """The importer gives every bone an icosphere as its shape, an object that exporters would take along."""
    before = set(bpy.data.objects)
    yield
    for member in set(bpy.data.objects) - before:
        if member.type == "ARMATURE":
            for bone in member.pose.bones:
                bone.custom_shape = None
    for collection in [one for one in bpy.data.collections if one.name.startswith("glTF_not_exported")]:
        for member in list(collection.objects):
            bpy.data.objects.remove(member)
        bpy.data.collections.remove(collection)


def _read_blend(path: Path) -> None:
    with bpy.data.libraries.load(str(path), link=False) as (there, here):
        here.objects = there.objects
    for member in here.objects:
        if member is not None:
            bpy.context.scene.collection.objects.link(member)


def _read_collada(path: Path) -> None:
    if not compat.has_operator("wm", "collada_import"):
        raise ImportRigError(
            f"This Blender reads no Collada: convert {path} to FBX or glTF, or use Blender 4.5."
        )
    bpy.ops.wm.collada_import(filepath=str(path))


def _read_bvh(path: Path) -> None:
    read_bvh(path)  # says what is wrong with a file, and where; Blender's importer does not
    bpy.ops.import_anim.bvh(filepath=str(path), use_fps_scale=False, update_scene_fps=True)
    armature = next(member for member in bpy.context.scene.objects if member.type == "ARMATURE")
    heights = [corner[2] for bone in armature.data.bones for corner in (bone.head_local, bone.tail_local)]
    if max(heights) - min(heights) > _TALLEST:
        armature.scale = (0.01, 0.01, 0.01)


def _read_usd(path: Path) -> None:
    bpy.ops.wm.usd_import(filepath=str(path))


_READERS: dict[str, Callable[[Path], None]] = {
    ".fbx": _read_fbx,
    ".glb": _read_gltf,
    ".gltf": _read_gltf,
    ".vrm": _read_vrm,
    ".blend": _read_blend,
    ".dae": _read_collada,
    ".bvh": _read_bvh,
    **dict.fromkeys((".usd", ".usda", ".usdc", ".usdz"), _read_usd),
}

ENDINGS = tuple(sorted(_READERS))
"""Of the files that can be imported."""
