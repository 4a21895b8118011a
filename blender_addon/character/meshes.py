"""A character's meshes made alike, whatever way they were built: before they are shown or measured.

What hangs on a single bone gets weights on it; what modifiers build is built; and where a mesh has no texture
coordinates, or several parts share a place of the texture, all are unfolded anew side by side.
"""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np
import numpy.typing as npt

from kinematics.errors import A2PError

KEPT_MODIFIERS = ("ARMATURE", "CORRECTIVE_SMOOTH")
"""Those that leave the rest pose as it is and every vertex its number."""
ATLAS = "a2p atlas"
"""The layer of texture coordinates that are made here."""
_MOST_VERTICES = 200_000
_TEXELS = 256
"""Along a side of the grid on which places of the texture are compared."""
_COARSEST = 6
"""Steps along a side of the smallest triangles at which they are looked at."""
_SHARED = 0.15
"""Of the places of a part, how many may be another's too: neighbours meet along borders."""
_LEAST_SHARE = 0.1
"""Of the texture, that the character has to cover: on a palette no light can be told apart."""


class CharacterMeshError(A2PError):
    """A mesh that cannot be made to follow its bones."""


def bone_that_holds(item: bpy.types.Object) -> tuple[bpy.types.Object, str] | None:
    """Armature and bone that an object hangs on, through other objects perhaps; None where it is on none."""
    held: bpy.types.Object | None = item
    while held is not None:
        if held.parent_type == "BONE" and held.parent is not None and held.parent.type == "ARMATURE":
            return held.parent, held.parent_bone
        held = held.parent
    return None


def hang_by_weights(item: bpy.types.Object, armature: bpy.types.Object, bone: str) -> None:
    """An object that hangs on a bone follows it by weights instead, as skin does. The armature is at rest."""
    place = item.matrix_world.copy()
    item.parent = None
    item.matrix_world = place
    if item.data.users > 1:  # weights are the mesh's, and another object may hang elsewhere
        item.data = item.data.copy()
    item.vertex_groups.clear()
    count = len(item.data.vertices)
    item.vertex_groups.new(name=bone).add(range(count), 1.0, "REPLACE")
    item.modifiers.new("a2p held", "ARMATURE").object = armature


def build(meshes: Sequence[bpy.types.Object]) -> None:
    """Has modifiers that build a mesh (mirror, subdivision and the like) done once and for all.

    Raises CharacterMeshError where a shape key changes what they build, or it is too much.
    """
    for item in meshes:
        building = [
            modifier
            for modifier in item.modifiers
            if modifier.type not in KEPT_MODIFIERS and modifier.show_viewport and modifier.show_render
        ]
        if building:
            _build(item, building)
    count = sum(len(item.data.vertices) for item in meshes)
    if count > _MOST_VERTICES:
        raise CharacterMeshError(
            f"The character has {count} vertices, more than {_MOST_VERTICES}: lower its subdivision."
        )


def _build(item: bpy.types.Object, building: Sequence[bpy.types.Modifier]) -> None:
    kept = [modifier for modifier in item.modifiers if modifier.type in KEPT_MODIFIERS]
    shown = [modifier.show_viewport for modifier in kept]
    for modifier in kept:
        modifier.show_viewport = False
    keys = list(item.data.shape_keys.key_blocks[1:]) if item.data.shape_keys else []
    if keys:
        item.data.shape_keys.animation_data_clear()
    item.show_only_shape_key = False
    names, shapes = [key.name for key in keys], []
    for key in keys:
        key.mute, key.value = False, 0.0
    built = _evaluated(item)
    for key in keys:
        key.value = 1.0
        shape = _evaluated(item)
        key.value = 0.0
        shapes.append(coordinates(shape))
        if len(shapes[-1]) != len(built.vertices):
            raise CharacterMeshError(
                f"The modifiers of {item.name} build another mesh when its shape key {key.name} is on:"
                " apply them first."
            )
        bpy.data.meshes.remove(shape)
    if keys:
        item.shape_key_clear()
    item.data = built
    for modifier in building:
        item.modifiers.remove(modifier)
    for modifier, was_shown in zip(kept, shown, strict=True):
        modifier.show_viewport = was_shown
    if names:
        item.shape_key_add(name="Basis")
        for name, shape_points in zip(names, shapes, strict=True):
            key = item.shape_key_add(name=name, from_mix=False)
            key.value = 0.0  # a new one is wholly on from Blender 5.0
            key.data.foreach_set("co", shape_points.ravel())


def _evaluated(item: bpy.types.Object) -> bpy.types.Mesh:
    graph = bpy.context.evaluated_depsgraph_get()
    graph.update()
    return bpy.data.meshes.new_from_object(
        item.evaluated_get(graph), preserve_all_data_layers=True, depsgraph=graph
    )


def coordinates(holder: bpy.types.Mesh | bpy.types.ShapeKey) -> npt.NDArray[np.float32]:
    """(V, 3) where the vertices are, in the mesh's own axes."""
    points = holder.vertices if isinstance(holder, bpy.types.Mesh) else holder.data
    values = np.empty(len(points) * 3, np.float32)
    points.foreach_get("co", values)
    return values.reshape(-1, 3)


def unfold(meshes: Sequence[bpy.types.Object]) -> None:
    """Gives the meshes an `ATLAS` where their own texture coordinates will not do."""
    if _serve(meshes):
        return
    for item in meshes:
        if item.data.users > 1:
            item.data = item.data.copy()
        item.hide_viewport = False
        item.hide_set(False)
    before = [layer.name if (layer := item.data.uv_layers.active) else "" for item in meshes]
    for item in meshes:
        layer = item.data.uv_layers.new(name=ATLAS, do_init=False)
        if layer is None:
            raise CharacterMeshError(
                f"{item.name} has as many UV maps as Blender allows: remove one that it does not use."
            )
        item.data.uv_layers.active = layer
    bpy.ops.object.select_all(action="DESELECT")
    for item in meshes:
        item.select_set(True)
    bpy.context.view_layer.objects.active = meshes[0]
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.reveal()
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.uv.smart_project(angle_limit=1.15, island_margin=0.004, area_weight=0.0)
    bpy.ops.object.mode_set(mode="OBJECT")
    for item, name in zip(meshes, before, strict=True):
        if name:  # pictures are taken with the coordinates that the materials mean
            item.data.uv_layers.active = item.data.uv_layers[name]


def _serve(meshes: Sequence[bpy.types.Object]) -> bool:
    """Whether the meshes' own coordinates tell every part of the texture from every other."""
    parts: list[set[int]] = []
    for item in meshes:
        data = item.data
        if data.uv_layers.active is None:
            return False
        data.calc_loop_triangles()
        loops = np.empty(len(data.loop_triangles) * 3, np.int32)
        data.loop_triangles.foreach_get("loops", loops)
        material = np.empty(len(data.loop_triangles), np.int32)
        data.loop_triangles.foreach_get("material_index", material)
        uvs = np.empty(len(data.loops) * 2, np.float32)
        data.uv_layers.active.uv.foreach_get("vector", uvs)
        corners = uvs.reshape(-1, 2)[loops].reshape(-1, 3, 2)
        for number in np.unique(material):
            parts.append(texels_of(corners[material == number]))
    if len(set().union(*parts)) < _LEAST_SHARE * _TEXELS**2:
        return False
    return not any(
        len(first & second) > _SHARED * min(len(first), len(second))
        for index, first in enumerate(parts)
        for second in parts[:index]
    )


def texels_of(corners: npt.NDArray[np.float32]) -> set[int]:
    """Numbers of texels that triangles (F, 3, 2) lie on, looked at in places about a texel apart."""
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    finer = np.ceil(np.log2((sides * _TEXELS / _COARSEST).clip(1.0, _TEXELS))).astype(int)
    found: set[int] = set()
    for level in np.unique(finer):
        steps = _COARSEST * 2**level
        first, second = np.mgrid[1:steps, 1:steps].reshape(2, -1)
        inside = first + second < steps
        shares = np.stack([first, second, steps - first - second], axis=1)[inside] / steps
        for triangles in np.array_split(corners[finer == level], max(1, len(shares) // 1000)):
            places = np.einsum("sk,fkc->fsc", shares, triangles).reshape(-1, 2)
            cells = np.floor(np.remainder(places, 1.0) * _TEXELS).astype(np.int64).clip(0, _TEXELS - 1)
            found.update(np.unique(cells[:, 1] * _TEXELS + cells[:, 0]).tolist())
    return found
