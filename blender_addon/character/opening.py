"""Character files, opened and made ready."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy

from ..scene.import_rig import named_as_glb, what_happened
from .figure import Character, CharacterError
from .meshes import bone_that_holds, build, hang_by_weights, unfold


def open_file(path: Path) -> list[bpy.types.Object]:
    """The objects of a .blend, .glb, .gltf, .vrm or .fbx file. CharacterError where it cannot be read."""
    if not path.is_file():
        raise CharacterError(f"There is no file {path}: name the character's .blend, .glb or .fbx.")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    kind = path.suffix.lower()
    try:
        if kind == ".blend":
            bpy.ops.wm.open_mainfile(filepath=str(path.resolve()), load_ui=False)
        elif kind in (".glb", ".gltf"):
            bpy.ops.import_scene.gltf(filepath=str(path.resolve()))
        elif kind == ".vrm":
            with named_as_glb(path) as file:
                bpy.ops.import_scene.gltf(filepath=str(file))
        elif kind == ".fbx":
            bpy.ops.import_scene.fbx(filepath=str(path.resolve()))
        else:
            raise CharacterError(f"{path.name} is no character file: a .blend, .glb, .vrm or .fbx is needed.")
    except RuntimeError as error:
        raise CharacterError(
            f"{path.name} cannot be read: {what_happened(error)}; export it anew, or as another kind of file."
        ) from error
    return list(bpy.context.scene.objects)


def find_character(objects: Sequence[bpy.types.Object], path: Path) -> Character:
    """The armature that moves most vertices, with its meshes: its skin, and what hangs on its bones."""
    moved: dict[bpy.types.Object, list[bpy.types.Object]] = {}
    for item in objects:
        if item.type != "MESH" or item.hide_render or not item.data.polygons:
            continue
        for modifier in item.modifiers:
            if modifier.type == "ARMATURE" and modifier.object is not None:
                moved.setdefault(modifier.object, []).append(item)
                break
        else:
            held = bone_that_holds(item)
            if held is not None:
                moved.setdefault(held[0], []).append(item)
    if not moved:
        raise CharacterError(f"{path.name} holds no mesh that an armature moves: rig the character first.")
    armature = max(moved, key=lambda item: sum(len(mesh.data.vertices) for mesh in moved[item]))
    return Character(armature, tuple(moved[armature]))


def prepared(character: Character) -> Character:
    """The character at rest, its meshes made alike; see `meshes`."""
    character.armature.data.pose_position = "REST"
    bpy.context.view_layer.update()
    # All are asked before any is taken from its parent, which others may hang on.
    for mesh, held in [(mesh, bone_that_holds(mesh)) for mesh in character.meshes]:
        if held is not None and not any(modifier.type == "ARMATURE" for modifier in mesh.modifiers):
            hang_by_weights(mesh, *held)
    build(character.meshes)
    unfold(character.meshes)
    bpy.context.view_layer.update()
    return character
