"""The head as a mesh with shape keys, and as an Alembic file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon.scene import face_mesh  # noqa: E402
from blender_addon.scene.performance import Placement, place_performance  # noqa: E402
from kinematics.armature import to_armature_space  # noqa: E402
from kinematics.body import load_default_body  # noqa: E402
from kinematics.face.shapes import ARKIT_SHAPES  # noqa: E402
from kinematics.face_codes import FACE_CODE_NAMES  # noqa: E402
from kinematics.face_mesh import load_default_face_mesh  # noqa: E402
from kinematics.stage import place_on_stage  # noqa: E402
from tests.blender.performances import random_performance  # noqa: E402

pytestmark = pytest.mark.bpy


def coordinates(head):
    evaluated = head.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    points = np.empty(len(evaluated.vertices) * 3, np.float32)
    evaluated.vertices.foreach_get("co", points)
    return points.reshape(-1, 3)


def test_shape_keys_give_the_codes_shapes():
    mesh = load_default_face_mesh()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    head = face_mesh.build_face_mesh(mesh, "head", face_mesh.ShapeKeys.of_codes(mesh))
    bpy.context.scene.collection.objects.link(head)
    np.testing.assert_allclose(coordinates(head), to_armature_space(mesh.vertices), atol=1e-4)
    face = np.zeros((3, 256), np.float32)
    face[:, 0], face[:, 5] = (0.0, 0.5, 1.0), 0.4
    face_mesh.key_shapes(head, mesh.codes(face), 1, "face")
    for frame in (1, 3):
        bpy.context.scene.frame_set(frame)
        expected = to_armature_space(mesh.shaped(face[frame - 1 : frame])[0])
        np.testing.assert_allclose(coordinates(head), expected, atol=1e-4)


def test_the_operator_puts_the_head_on_the_takes_rig(addon, clip):
    show, body = random_performance(3), load_default_body()
    placement = Placement(first_frame=1, face_names=FACE_CODE_NAMES, with_mesh=False)
    place_performance(bpy.context.scene, body, show, clip, placement)
    assert bpy.ops.a2p.head_mesh() == {"FINISHED"}
    (head,) = [member for member in bpy.context.scene.objects if member.name.endswith(" head")]
    bpy.context.scene.frame_set(1)
    mesh = load_default_face_mesh()
    pose = place_on_stage(body, show.pose)[:1]
    expected = to_armature_space(mesh.posed(body, pose, show.face[:1])[0])
    points = coordinates(head) @ np.array(head.matrix_world)[:3, :3].T + np.array(head.matrix_world)[:3, 3]
    np.testing.assert_allclose(points, expected, atol=2e-3)


def talking(frames=12):
    """Everything that the codes say, one after another, and the jaw all along."""
    face = np.zeros((frames, 256), np.float32)
    face[:, 0] = np.linspace(0, 0.9, frames)
    for code in range(1, len(FACE_CODE_NAMES)):
        face[2 * code - 1 : 2 * code + 1, code] = 0.8
    return replace(random_performance(frames), face=face)


def test_a_head_with_arkits_shapes_and_apply_face_on_it_move_as_the_actors_does(addon, clip):
    """A real mesh with ARKit's shape keys, twice: as it is added, and keyed anew as any user's mesh is."""
    show, body = talking(), load_default_body()
    placement = Placement(first_frame=1, face_names=FACE_CODE_NAMES, with_mesh=False)
    rig = place_performance(bpy.context.scene, body, show, clip, placement)
    bpy.context.view_layer.objects.active = rig
    assert bpy.ops.a2p.head_mesh(arkit=True) == {"FINISHED"}
    (head,) = [member for member in bpy.context.scene.objects if member.name.endswith(" head")]
    assert {block.name for block in head.data.shape_keys.key_blocks[1:]} == set(ARKIT_SHAPES)
    added = head.data.shape_keys.animation_data.action
    assert bpy.ops.a2p.apply_face(target=head.name) == {"FINISHED"}
    assert head.data.shape_keys.animation_data.action != added

    head.modifiers.clear()  # the face alone
    mesh = load_default_face_mesh()
    for frame in (1, 4, 8, 12):
        bpy.context.scene.frame_set(frame)
        expected = mesh.shaped(show.face[frame - 1 : frame])[0]
        apart = np.linalg.norm(coordinates(head) - to_armature_space(expected), axis=1)[: mesh.skin_vertices]
        moved = np.linalg.norm(expected - mesh.vertices, axis=1)[: mesh.skin_vertices] > 0.05
        if moved.any():
            assert np.sqrt((apart[moved] ** 2).mean()) < 0.0025, "2.5 mm"
