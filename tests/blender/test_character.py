"""What `a2p train avatar` asks Blender of a character."""

from __future__ import annotations

import json
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon.character.arrays import mesh_arrays, posed
from blender_addon.character.figure import Character
from blender_addon.character.meshes import texels_of
from blender_addon.character.opening import find_character, prepared
from kinematics.errors import A2PError
from kinematics.retarget.rig import Rig
from tests.blender.armatures import add_armature


@pytest.fixture
def character(new_blender: None) -> Character:
    """An upright strip of three squares on two bones, with a shape key and two materials."""
    rest = np.tile(np.eye(4), (2, 1, 1))
    rest[1, 2, 3] = 1.0
    armature = add_armature(Rig(("low", "high"), np.array([-1, 0]), rest, np.eye(4)), "rig")
    heights = np.repeat(np.arange(4.0) / 1.5, 2)
    points = np.stack([np.tile([0.0, 1.0], 4), np.zeros(8), heights], axis=1)
    faces = [(2 * row, 2 * row + 1, 2 * row + 3, 2 * row + 2) for row in range(3)]
    data = bpy.data.meshes.new("strip")
    data.from_pydata(points.tolist(), [], faces)
    for roughness in (0.2, 0.9):
        material = bpy.data.materials.new(f"rough {roughness}")
        material.use_nodes = True
        material.node_tree.nodes["Principled BSDF"].inputs["Roughness"].default_value = roughness
        data.materials.append(material)
    data.polygons.foreach_set("material_index", [0, 0, 1])
    data.uv_layers.new(name="UVMap")
    strip = bpy.data.objects.new("strip", data)
    bpy.context.scene.collection.objects.link(strip)
    strip.shape_key_add(name="Basis")
    strip.shape_key_add(name="jawOpen").data[0].co = (0.0, -0.5, 0.0)
    strip.vertex_groups.new(name="low").add(range(4), 1.0, "REPLACE")
    strip.vertex_groups.new(name="high").add(range(4, 8), 1.0, "REPLACE")
    strip.modifiers.new("skin", "ARMATURE").object = armature
    return find_character([armature, strip], Path("strip.blend"))


def test_its_arrays(character: Character) -> None:
    arrays = mesh_arrays(character)
    header = json.loads(bytes(arrays["header"]))
    assert header["bones"] == ["low", "high"]
    assert header["shapes"] == ["jawOpen"]
    np.testing.assert_allclose(arrays["gloss"][[0, 1]], 0.8, atol=1e-6)
    np.testing.assert_allclose(arrays["gloss"][[6, 7]], 0.1, atol=1e-6)
    np.testing.assert_allclose(arrays["gloss"][[4, 5]], 0.45, atol=1e-6)  # between both materials
    np.testing.assert_allclose(arrays["shape_moves"][0, 0], (0.0, -0.5, 0.0))


def test_poses_are_told_with_shape_keys_and_what_modifiers_do(character: Character) -> None:
    rotation = np.tile((1.0, 0.0, 0.0, 0.0), (2, 2, 1))
    quarter = np.sqrt(0.5)
    rotation[1, 1] = (quarter, 0.0, 0.0, quarter)  # about the bone's own z axis, which is the world's
    codes = np.array([[0.0], [1.0]])
    rest, turned = posed(character, rotation, np.zeros((2, 2, 3)), codes)["posed"]
    np.testing.assert_allclose(rest, mesh_arrays(character)["vertices"], atol=1e-6)
    np.testing.assert_allclose(turned[0], (0.0, -0.5, 0.0), atol=1e-6)
    np.testing.assert_allclose(turned[5], (0.0, 1.0, rest[5, 2]), atol=1e-5)
    bpy.data.objects["strip"].modifiers.new("soft", "CORRECTIVE_SMOOTH").factor = 1.0
    still, softened = posed(character, rotation, np.zeros((2, 2, 3)), 0 * codes)["posed"]
    np.testing.assert_allclose(still, rest, atol=1e-5)
    assert np.abs(softened - turned)[2:].max() > 0.02


def test_meshes_that_nothing_moves(new_blender: None) -> None:
    with pytest.raises(A2PError, match="rig the character first"):
        find_character([], Path("statue.blend"))


def _square(name: str, at: tuple[float, float, float]) -> bpy.types.Object:
    data = bpy.data.meshes.new(name)
    data.from_pydata([(0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 1)], [], [(0, 1, 2, 3)])
    data.uv_layers.new(name="UVMap")
    item = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(item)
    item.location = at
    return item


def test_what_hangs_on_a_bone_follows_it_and_shares_no_texels(character: Character) -> None:
    hat, feather = _square("hat", (0.0, 0.0, 0.0)), _square("feather", (0.0, 0.0, 1.0))
    hat.parent, hat.parent_type, hat.parent_bone = character.armature, "BONE", "high"
    feather.parent = hat
    bpy.context.view_layer.update()
    place = hat.matrix_world.translation.copy()
    found = prepared(find_character(list(bpy.context.scene.objects), Path("hat.blend")))
    assert {mesh.name for mesh in found.meshes} == {"strip", "hat", "feather"}
    arrays = mesh_arrays(found)
    counts = [len(mesh.data.vertices) for mesh in found.meshes]
    of_vertex = np.repeat([mesh.name for mesh in found.meshes], counts)
    hats = np.flatnonzero(of_vertex != "strip")
    assert set(arrays["indices"][hats, 0].tolist()) == {1}
    np.testing.assert_allclose(arrays["weights"][hats, 0], 1.0)
    np.testing.assert_allclose(arrays["vertices"][hats].min(axis=0), place, atol=1e-6)
    rotation = np.tile((1.0, 0.0, 0.0, 0.0), (2, 2, 1))
    rotation[1, 1] = (0.0, 0.0, 0.0, 1.0)  # half a turn about the world's z axis, through the bone
    rest, turned = posed(found, rotation, np.zeros((2, 2, 3)), np.zeros((2, 1)))["posed"]
    np.testing.assert_allclose(turned[hats, :2], -rest[hats, :2], atol=1e-5)
    owner = of_vertex[arrays["faces"][:, 0]]
    strip, hat_texels, feather_texels = (
        texels_of(arrays["uvs"][owner == name]) for name in ("strip", "hat", "feather")
    )
    assert min(map(len, (strip, hat_texels, feather_texels))) > 500
    assert not strip & (hat_texels | feather_texels)
    assert not hat_texels & feather_texels


def test_modifiers_that_build_a_mesh_are_built_with_its_shape_keys(character: Character) -> None:
    strip = bpy.data.objects["strip"]
    mirror = strip.modifiers.new("mirror", "MIRROR")
    mirror.use_axis = (True, False, False)
    mirror.use_mirror_merge = False
    strip.modifiers.move(1, 0)
    arrays = mesh_arrays(prepared(find_character([character.armature, strip], Path("strip.blend"))))
    assert len(arrays["vertices"]) == 16
    moved = np.flatnonzero(np.abs(arrays["shape_moves"][0]).max(axis=1) > 1e-6)
    np.testing.assert_allclose(np.sort(arrays["vertices"][moved, 0]), (0.0, 0.0), atol=1e-6)
    np.testing.assert_allclose(arrays["shape_moves"][0, moved], [(0.0, -0.5, 0.0)] * 2, atol=1e-6)
    np.testing.assert_allclose(arrays["weights"].sum(axis=1), 1.0)
    assert sorted(np.unique(arrays["indices"][:, 0])) == [0, 1]


def test_a_shape_key_that_changes_what_is_built(character: Character) -> None:
    strip = bpy.data.objects["strip"]
    strip.data.shape_keys.key_blocks["jawOpen"].data[0].co = strip.data.vertices[1].co
    strip.modifiers.new("weld", "WELD")
    with pytest.raises(A2PError, match="shape key jawOpen is on: apply them first"):
        prepared(character)
