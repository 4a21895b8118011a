"""A rigged character in the open file."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from kinematics.errors import A2PError

from .meshes import KEPT_MODIFIERS


class CharacterError(A2PError):
    """A file without a character that can be shown."""


@dataclass(frozen=True, eq=False)
class Character:
    """An armature and the mesh objects that it moves."""

    armature: bpy.types.Object
    meshes: tuple[bpy.types.Object, ...]

    @property
    def shape_names(self) -> tuple[str, ...]:
        """Shape keys of all meshes, without the basis."""
        names: dict[str, None] = {}
        for mesh in self.meshes:
            if mesh.data.shape_keys:
                names |= dict.fromkeys(block.name for block in mesh.data.shape_keys.key_blocks[1:])
        return tuple(names)


def show_only(character: Character) -> None:
    """Show the character, as its armature and shape keys move it, and nothing else."""
    shown = {character.armature, *character.meshes}
    for item in bpy.context.scene.objects:
        item.hide_render = item not in shown
    for mesh in character.meshes:
        for modifier in mesh.modifiers:
            modifier.show_render = modifier.show_viewport = modifier.type in KEPT_MODIFIERS
        if mesh.data.shape_keys:
            mesh.data.shape_keys.animation_data_clear()


def set_shapes(character: Character, values: dict[str, float]) -> None:
    """Give its shape keys these values, by their names."""
    for mesh in character.meshes:
        if mesh.data.shape_keys:
            for block in mesh.data.shape_keys.key_blocks[1:]:
                block.value = values[block.name]


def bones_parents_first(armature: bpy.types.Object) -> list[bpy.types.Bone]:
    """The armature's bones, each after the one that it hangs from."""
    return sorted(armature.data.bones, key=lambda bone: len(bone.parent_recursive))


def in_world(mesh: bpy.types.Object, points: np.ndarray) -> np.ndarray:
    """Points (V, 3) of a mesh in the world's axes."""
    matrix = np.array(mesh.matrix_world)
    return (points @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32)
