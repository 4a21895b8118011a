"""The actor's head as a mesh with a shape key for each expression code."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from kinematics.armature import to_armature_space
from kinematics.face_mesh import FaceMesh

from .. import compat
from . import keyframes

_MOST = 1.2
_GROUP = "Face"


def build_face_mesh(mesh: FaceMesh, name: str) -> bpy.types.Object:
    """A new object, linked nowhere yet, where a rig at rest has its head."""
    data = bpy.data.meshes.new(name)
    data.from_pydata(to_armature_space(mesh.vertices).tolist(), [], mesh.faces.tolist())
    data.polygons.foreach_set("use_smooth", np.ones(len(mesh.faces), bool))
    layer = data.uv_layers.new(name="UVMap")
    layer.data.foreach_set("uv", mesh.uvs[mesh.uv_faces].ravel())
    head = bpy.data.objects.new(name, data)
    head.shape_key_add(name="Basis")
    for code, move in zip(mesh.names, mesh.moves, strict=True):
        key = head.shape_key_add(name=code)
        key.slider_max = _MOST
        key.data.foreach_set("co", to_armature_space(mesh.vertices + move).astype(np.float32).ravel())
    return head


def key_expressions(
    head: bpy.types.Object, face: NDArray[np.floating[Any]], first_frame: float, name: str
) -> bpy.types.Action:
    """A new Action that keys the shape keys with codes (T, 256), one a frame; the head plays it."""
    keys = head.data.shape_keys
    action = bpy.data.actions.new(name)
    with compat.curves_of(action, keys) as curves:
        for index, block in enumerate(keys.key_blocks[1:]):
            path = f'key_blocks["{bpy.utils.escape_identifier(block.name)}"].value'
            values = np.clip(face[:, index], 0.0, _MOST)
            keyframes.key_property(curves, path, values, first_frame, _GROUP)
    return action


def follow_rig(head: bpy.types.Object, mesh: FaceMesh, rig: bpy.types.Object) -> None:
    """The head moves with the rig's bones, the neck's edge as the body's skin does."""
    for name, shares in zip(mesh.joints, mesh.weights.T, strict=True):
        group = head.vertex_groups.new(name=name)
        for share in np.unique(shares[shares > 0]):
            group.add(np.flatnonzero(shares == share).tolist(), float(share), "REPLACE")
    head.parent = rig
    head.modifiers.new("Armature", "ARMATURE").object = rig
