"""The actor's head as a mesh with a shape key for each expression code, or for each of ARKit's shapes."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from kinematics.armature import to_armature_space
from kinematics.arrays import FloatArray
from kinematics.face.motion import default_head
from kinematics.face.shapes import ARKIT_SHAPES
from kinematics.face_mesh import FaceMesh

from .. import compat
from . import keyframes
from .face import FACE_MARK

_MOST = 1.2
_GROUP = "Face"


@dataclass(frozen=True, eq=False)
class ShapeKeys:
    """names: of S keys. moves: (S, V, 3) cm, skeleton axes, at 1. most: how far a key may go."""

    names: tuple[str, ...]
    moves: FloatArray
    most: float

    @classmethod
    def of_codes(cls, mesh: FaceMesh) -> ShapeKeys:
        """One for each of the actor's named expression codes."""
        return cls(mesh.names, mesh.moves, _MOST)

    @classmethod
    def of_arkit(cls) -> ShapeKeys:
        """One for each of ARKit's shapes, on the default actor's head."""
        return cls(ARKIT_SHAPES, default_head().shapes, 1.0)


def build_face_mesh(mesh: FaceMesh, name: str, shapes: ShapeKeys) -> bpy.types.Object:
    """A new object, linked nowhere yet, where a rig at rest has its head."""
    data = bpy.data.meshes.new(name)
    data.from_pydata(to_armature_space(mesh.vertices).tolist(), [], mesh.faces.tolist())
    data.polygons.foreach_set("use_smooth", np.ones(len(mesh.faces), bool))
    layer = data.uv_layers.new(name="UVMap")
    layer.data.foreach_set("uv", mesh.uvs[mesh.uv_faces].ravel())
    head = bpy.data.objects.new(name, data)
    head.shape_key_add(name="Basis")
    for shape, move in zip(shapes.names, shapes.moves, strict=True):
        key = head.shape_key_add(name=shape)
        key.value = 0.0  # a new one is wholly on from Blender 5.0
        key.slider_max = shapes.most
        key.data.foreach_set("co", to_armature_space(mesh.vertices + move).astype(np.float32).ravel())
    return head


def key_shapes(head: bpy.types.Object, values: FloatArray, first_frame: float, name: str) -> bpy.types.Action:
    """A new Action that keys the shape keys with values (T, S), one a frame; the head plays it."""
    keys = head.data.shape_keys
    action = bpy.data.actions.new(name)
    action[FACE_MARK] = name
    with compat.curves_of(action, keys) as curves:
        for block, column in zip(keys.key_blocks[1:], values.T, strict=True):
            path = f'key_blocks["{bpy.utils.escape_identifier(block.name)}"].value'
            keyframes.key_property(curves, path, column, first_frame, _GROUP)
    return action


def follow_rig(head: bpy.types.Object, mesh: FaceMesh, rig: bpy.types.Object) -> None:
    """The head moves with the rig's bones, the neck's edge as the body's skin does."""
    for name, shares in zip(mesh.joints, mesh.weights.T, strict=True):
        group = head.vertex_groups.new(name=name)
        for share in np.unique(shares[shares > 0]):
            group.add(np.flatnonzero(shares == share).tolist(), float(share), "REPLACE")
    head.parent = rig
    head.modifiers.new("Armature", "ARMATURE").object = rig
