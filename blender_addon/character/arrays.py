"""A character's meshes and bones as arrays, at rest and in poses."""

from __future__ import annotations

import json

import bpy
import numpy as np

from kinematics.skinning import INFLUENCES

from .figure import (
    Character,
    CharacterError,
    bones_parents_first,
    in_world,
    set_shapes,
    show_only,
)
from .meshes import ATLAS, coordinates
from .progress import tell

_PLAIN_GLOSS = 0.3
"""Of what has no material that says how rough it is."""


def mesh_arrays(character: Character) -> dict[str, np.ndarray]:
    """The joined meshes at rest, in metres, world axes, as a trainer reads them."""
    bones = bones_parents_first(character.armature)
    number = {bone.name: index for index, bone in enumerate(bones)}
    names = character.shape_names
    parts: dict[str, list[np.ndarray]] = {
        key: [] for key in ("vertices", "faces", "uvs", "weights", "indices", "gloss")
    }
    shapes: list[np.ndarray] = []
    count = 0
    for mesh in character.meshes:
        points = in_world(mesh, coordinates(mesh.data))
        data = mesh.data
        data.calc_loop_triangles()
        corners = np.empty(len(data.loop_triangles) * 3, np.int32)
        data.loop_triangles.foreach_get("loops", corners)
        vertex = np.empty(len(data.loops), np.int32)
        data.loops.foreach_get("vertex_index", vertex)
        parts["faces"].append(vertex[corners].reshape(-1, 3) + count)
        parts["uvs"].append(_texture_coordinates(data)[corners].reshape(-1, 3, 2))
        weights, indices = _skin(mesh, number)
        parts["vertices"].append(points)
        parts["weights"].append(weights)
        parts["indices"].append(indices)
        parts["gloss"].append(_gloss(mesh))
        keys = data.shape_keys.key_blocks if data.shape_keys else {}
        moves = np.zeros((len(names), len(points), 3), np.float32)
        for index, name in enumerate(names):
            if name in keys:
                moves[index] = in_world(mesh, coordinates(keys[name])) - points
        shapes.append(moves)
        count += len(points)
    header = {
        "bones": [bone.name for bone in bones],
        "parents": [number[bone.parent.name] if bone.parent else -1 for bone in bones],
        "shapes": names,
    }
    return {
        **{key: np.concatenate(values) for key, values in parts.items()},
        "shape_moves": np.concatenate(shapes, axis=1),
        "bone_rest": np.array([np.array(bone.matrix_local) for bone in bones]),
        "to_world": np.array(character.armature.matrix_world),
        "header": np.frombuffer(json.dumps(header).encode(), np.uint8),
    }


def posed(
    character: Character, rotation: np.ndarray, location: np.ndarray, codes: np.ndarray
) -> dict[str, np.ndarray]:
    """Where Blender puts the vertices, "posed" (P, V, 3), metres, world.

    rotation: (P, J, 4) w x y z and location: (P, J, 3), of bones in their order in `mesh_arrays`, in their
    own axes relative to rest. codes: (P, E) shape-key values.
    """
    show_only(character)
    character.armature.data.pose_position = "POSE"
    bones = [character.armature.pose.bones[bone.name] for bone in bones_parents_first(character.armature)]
    for bone in bones:
        bone.rotation_mode = "QUATERNION"
        for constraint in bone.constraints:
            constraint.mute = True
    found = []
    for index, values in enumerate(codes):
        set_shapes(character, dict(zip(character.shape_names, values.tolist(), strict=True)))
        for bone, turn, place in zip(bones, rotation[index].tolist(), location[index].tolist(), strict=True):
            bone.rotation_quaternion, bone.location = turn, place
        graph = bpy.context.evaluated_depsgraph_get()
        points = [in_world(mesh, coordinates(mesh.evaluated_get(graph).data)) for mesh in character.meshes]
        if [len(each) for each in points] != [len(mesh.data.vertices) for mesh in character.meshes]:
            raise CharacterError(
                "The character's meshes change their vertices with the pose: apply modifiers."
            )
        found.append(np.concatenate(points))
        tell("poses", index + 1, len(codes))
    return {"posed": np.array(found, np.float32)}


def _texture_coordinates(data: bpy.types.Mesh) -> np.ndarray:
    """(loops, 2), v down."""
    values = np.zeros(len(data.loops) * 2, np.float32)
    layer = data.uv_layers.get(ATLAS) or data.uv_layers.active
    if layer is not None:
        layer.uv.foreach_get("vector", values)
    uvs = values.reshape(-1, 2)
    uvs[:, 1] = 1.0 - uvs[:, 1]
    return uvs


def _gloss(mesh: bpy.types.Object) -> np.ndarray:
    """(V,) one less the roughness of the materials around each vertex."""
    data = mesh.data
    of_slot = [_PLAIN_GLOSS]
    for slot in mesh.material_slots:
        nodes = slot.material.node_tree.nodes if slot.material and slot.material.use_nodes else ()
        shader = next((node for node in nodes if node.type == "BSDF_PRINCIPLED"), None)
        rough = None if shader is None else shader.inputs["Roughness"]
        of_slot.append(_PLAIN_GLOSS if rough is None or rough.is_linked else 1.0 - rough.default_value)
    slots = np.zeros(len(data.polygons), np.int32)
    data.polygons.foreach_get("material_index", slots)
    sizes = np.zeros(len(data.polygons), np.int32)
    data.polygons.foreach_get("loop_total", sizes)
    vertex = np.zeros(len(data.loops), np.int32)
    data.loops.foreach_get("vertex_index", vertex)
    values = np.repeat(np.array(of_slot)[np.minimum(slots + 1, len(of_slot) - 1)], sizes)
    count = np.bincount(vertex, minlength=len(data.vertices))
    total = np.bincount(vertex, values, minlength=len(data.vertices))
    return (total / np.maximum(count, 1)).astype(np.float32)


def _skin(mesh: bpy.types.Object, number: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bones (V, 8), the strongest; a vertex that no bone moves follows the first one."""
    bone_of_group = {group.index: number[group.name] for group in mesh.vertex_groups if group.name in number}
    count = len(mesh.data.vertices)
    weights, indices = np.zeros((count, INFLUENCES), np.float32), np.zeros((count, INFLUENCES), np.int32)
    for vertex in mesh.data.vertices:
        pairs = [(g.weight, bone_of_group[g.group]) for g in vertex.groups if g.group in bone_of_group]
        for slot, (weight, bone) in enumerate(sorted(pairs, reverse=True)[:INFLUENCES]):
            weights[vertex.index, slot], indices[vertex.index, slot] = weight, bone
    total = weights.sum(axis=1, keepdims=True)
    weights[total[:, 0] <= 0, 0] = 1.0
    return weights / np.where(total > 0, total, 1.0), indices
