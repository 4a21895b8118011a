"""Armatures for tests, made of rigs that `tests.retarget.figures` makes up."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix

from blender_addon import compat
from blender_addon.scene import isolation, keyframes
from kinematics.retarget.rig import Rig


def add_armature(rig: Rig, name: str) -> bpy.types.Object:
    """The rig as an armature object in the current scene."""
    data = bpy.data.armatures.new(name)
    armature = bpy.data.objects.new(name, data)
    with isolation.scene_with([armature], armature):
        bpy.ops.object.mode_set(mode="EDIT")
        for bone, parent, matrix in zip(rig.names, rig.parents, rig.rest, strict=True):
            edit_bone = data.edit_bones.new(bone)
            edit_bone.length = 0.05
            edit_bone.matrix = Matrix(matrix.tolist())
            if parent >= 0:
                edit_bone.parent = data.edit_bones[rig.names[parent]]
        bpy.ops.object.mode_set(mode="OBJECT")
    bpy.context.scene.collection.objects.link(armature)
    armature.matrix_world = Matrix(rig.to_world.tolist())
    bpy.context.view_layer.update()
    return armature


def add_action(armature: bpy.types.Object, name: str, bone: str, values: np.ndarray) -> bpy.types.Action:
    """A new Action in which a bone's location takes values (T, 3) from frame 1."""
    action = bpy.data.actions.new(name)
    with compat.curves_of(action, armature) as curves:
        keyframes.key_property(curves, f'pose.bones["{bone}"].location', values, 1, bone)
    return action


def snapshot(armature: bpy.types.Object) -> dict[str, object]:
    """Everything of a rig that retargeting must leave alone."""
    return {
        "object": [list(row) for row in armature.matrix_world],
        "rest": [list(row) for bone in armature.data.bones for row in bone.matrix_local],
        "modes": [bone.rotation_mode for bone in armature.pose.bones],
        "constraints": [
            (bone.name, constraint.type, constraint.influence, constraint.mute)
            for bone in armature.pose.bones
            for constraint in bone.constraints
        ],
        "pose": [list(row) for bone in armature.pose.bones for row in bone.matrix_basis],
        "properties": [(bone.name, key, bone[key]) for bone in armature.pose.bones for key in bone.keys()],  # noqa: SIM118
        "position": armature.data.pose_position,
    }
