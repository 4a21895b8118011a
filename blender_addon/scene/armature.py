"""An actor's body as an armature object, and its mesh as a skinned mesh object."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix

from kinematics.armature import BoneRest, rest_states, to_armature_space
from kinematics.body import Body
from kinematics.skinning import skin

from . import isolation


def build_armature(rest: BoneRest, name: str) -> bpy.types.Object:
    """A new armature object, linked nowhere yet, with a bone for each joint of `rest`."""
    data = bpy.data.armatures.new(name)
    armature = bpy.data.objects.new(name, data)
    try:
        with isolation.scene_with([armature], armature):
            bpy.ops.object.mode_set(mode="EDIT")
            _add_edit_bones(data, rest)
            bpy.ops.object.mode_set(mode="OBJECT")
    except BaseException:
        bpy.data.armatures.remove(data)
        raise
    data.display_type = "STICK"
    armature.show_in_front = True
    return armature


def build_body_mesh(body: Body, armature: bpy.types.Object, name: str) -> bpy.types.Object | None:
    """The actor's mesh, linked nowhere yet, that follows `armature`; None if the actor has no mesh."""
    if body.mesh is None:
        return None
    vertices = to_armature_space(skin(body.mesh, rest_states(body), body.bind_states()))
    data = bpy.data.meshes.new(name)
    data.from_pydata(vertices.tolist(), [], body.mesh.faces.tolist())
    data.polygons.foreach_set("use_smooth", np.ones(len(data.polygons), bool))
    if len(body.mesh.uv_faces):
        coordinates = body.mesh.uvs[body.mesh.uv_faces.ravel()]
        data.uv_layers.new(name="UVMap").data.foreach_set("uv", coordinates.ravel())
    data.update()

    mesh = bpy.data.objects.new(name, data)
    _add_vertex_groups(mesh, body)
    mesh.parent = armature
    modifier = mesh.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature
    return mesh


def _add_edit_bones(data: bpy.types.Armature, rest: BoneRest) -> None:
    for name, parent, matrix, length in zip(
        rest.names, rest.parents, rest.matrices, rest.lengths, strict=True
    ):
        bone = data.edit_bones.new(name)
        bone.length = length
        bone.matrix = Matrix(matrix.tolist())
        # Setting the matrix keeps the length that the bone had in single precision; this one is exact.
        bone.length = length
        if parent >= 0:
            bone.parent = data.edit_bones[rest.names[parent]]
        bone.use_connect = False
        bone.inherit_scale = "FULL"


def _add_vertex_groups(mesh: bpy.types.Object, body: Body) -> None:
    """One group for each joint that moves a vertex, filled with one call for each distinct weight."""
    for joint in np.unique(body.mesh.indices[body.mesh.weights > 0.0]):
        group = mesh.vertex_groups.new(name=body.skeleton.names[joint])
        weights = np.where(body.mesh.indices == joint, body.mesh.weights, 0.0).sum(axis=1)
        for weight in np.unique(weights[weights > 0.0]):
            group.add(np.flatnonzero(weights == weight).tolist(), float(weight), "REPLACE")
