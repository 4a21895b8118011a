"""A take's face on other characters' meshes and jaw bones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon.scene.armature import build_armature  # noqa: E402
from blender_addon.scene.performance import Placement, place_performance  # noqa: E402
from kinematics.armature import bone_rest  # noqa: E402
from kinematics.body import load_default_body  # noqa: E402
from kinematics.face.shapes import ARKIT_SHAPES  # noqa: E402
from kinematics.face_codes import FACE_CODE_NAMES  # noqa: E402
from tests.blender.performances import action_curves, bone_matrices, random_performance  # noqa: E402
from tests.server.fakes import FakeService, serving  # noqa: E402

pytestmark = [pytest.mark.bpy, pytest.mark.usefixtures("addon")]

FRAMES = 40
JAW, SMILE = FACE_CODE_NAMES.index("jaw_open"), FACE_CODE_NAMES.index("smile")


@pytest.fixture
def take(clip: Path) -> bpy.types.Object:
    """The mouth opens at frame 20 of the scene and the face smiles at its end."""
    performance = random_performance(FRAMES)
    face = np.zeros((FRAMES, 256), np.float32)
    face[:, JAW] = np.exp(-(((np.arange(FRAMES) - 10) / 4.0) ** 2))
    face[-10:, SMILE] = 1.0
    rig = place_performance(
        bpy.context.scene,
        load_default_body(),
        replace(performance, face=face),
        clip,
        Placement(first_frame=10, face_names=FACE_CODE_NAMES, with_mesh=False),
    )
    bpy.context.view_layer.objects.active = rig
    return rig


@pytest.fixture
def server(endpoint: Path) -> Iterator[FakeService]:
    """A backend in a thread, found by its endpoint file."""
    service = FakeService()
    with serving(service, endpoint):
        yield service


def head(name: str, shapes: tuple[str, ...]) -> bpy.types.Object:
    """A mesh with a shape key of each name."""
    data = bpy.data.meshes.new(name)
    data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    mesh = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(mesh)
    for shape in ("Basis", *shapes):
        mesh.shape_key_add(name=shape)
    return mesh


def values(mesh: bpy.types.Object, name: str) -> np.ndarray:
    """(T,) what Blender evaluates the shape key to."""
    found = []
    for frame in range(10, 10 + FRAMES):
        bpy.context.scene.frame_set(frame)
        keys = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get()).data.shape_keys
        found.append((keys or mesh.data.shape_keys).key_blocks[name].value)
    return np.array(found)


@pytest.mark.parametrize("spelling", ["{}", "Face_{}", "blendShape1.{}"])
def test_arkit_shape_keys_play_the_take(take, spelling):
    mesh = head("head", tuple(spelling.format(name) for name in ARKIT_SHAPES))
    body_action = take.animation_data.action
    assert bpy.ops.a2p.apply_face(target="head") == {"FINISHED"}
    jaw, smile = values(mesh, spelling.format("jawOpen")), values(mesh, spelling.format("mouthSmileLeft"))
    assert jaw.argmax() == 10
    assert 0.7 < jaw.max() < 0.85, "speech opens the mouth less wide than jawOpen does"
    assert smile[:20].max() < 0.05
    assert smile[-3:].min() > 0.9
    assert len(list(action_curves(mesh.data.shape_keys))) == 52
    assert take.animation_data.action == body_action


def test_what_the_shape_keys_played_before_is_kept(take):
    mesh = head("head", ("jawOpen",))
    mesh.data.shape_keys.key_blocks["jawOpen"].keyframe_insert("value", frame=1)
    before = mesh.data.shape_keys.animation_data.action
    bpy.ops.a2p.apply_face(target="head")
    assert mesh.data.shape_keys.animation_data.action != before
    assert before.use_fake_user


def test_all_meshes_with_known_shapes_by_default_each_with_its_own(take):
    vrm, oculus, other = (
        head("vrm", tuple("AIUEO")),
        head("oculus", ("viseme_aa", "viseme_U")),
        head("x", ("fat",)),
    )
    bpy.ops.a2p.apply_face()
    assert values(vrm, "A").argmax() == values(oculus, "viseme_aa").argmax() == 10
    assert other.data.shape_keys.animation_data is None


def test_shape_keys_may_be_left_alone_for_bones(take):
    rig = build_armature(bone_rest(load_default_body()), "bones")
    bpy.context.scene.collection.objects.link(rig)
    mesh = head("head", ("jawOpen",))
    mesh.parent = rig
    assert bpy.ops.a2p.apply_face(target="bones", shape_keys=False) == {"FINISHED"}
    assert mesh.data.shape_keys.animation_data is None
    assert rig.animation_data.action is not None
    bpy.ops.a2p.apply_face(target="bones")
    assert mesh.data.shape_keys.animation_data.action is not None


def test_the_jaw_bone_opens_where_no_shape_does(take):
    rig = build_armature(bone_rest(load_default_body()), "bones")
    bpy.context.scene.collection.objects.link(rig)
    rig.pose.bones["b_head"].keyframe_insert("location", frame=10)
    before = rig.animation_data.action
    assert bpy.ops.a2p.apply_face(target="bones") == {"FINISHED"}
    chin = []
    for frame in (10, 20):
        bpy.context.scene.frame_set(frame)
        chin.append(bone_matrices(rig, ("b_jaw",))[0][:3, 2])
    assert chin[1][2] < chin[0][2] - 0.2
    action = rig.animation_data.action
    assert action != before
    assert any("b_head" in curve.data_path for curve in action_curves(rig)), "the body goes on moving"
    rig.animation_data.action = before
    assert not any("b_jaw" in curve.data_path for curve in action_curves(rig))


def test_nothing_to_move_changes_nothing(take):
    head("x", ("fat",))
    actions = set(bpy.data.actions)
    with pytest.raises(RuntimeError, match="No mesh here has shape keys"):
        bpy.ops.a2p.apply_face()
    with pytest.raises(RuntimeError, match="no object called nobody"):
        bpy.ops.a2p.apply_face(target="nobody")
    assert set(bpy.data.actions) == actions


@pytest.mark.usefixtures("server")
def test_codes_without_names_are_read_by_the_backend(take):
    mesh = head("head", ("jawOpen",))
    for name in FACE_CODE_NAMES:
        del take[name]
    assert bpy.ops.a2p.apply_face(target="head") == {"FINISHED"}
    np.testing.assert_allclose(values(mesh, "jawOpen"), 0.5, atol=0.05)  # as the stand-in says


def test_without_a_backend_such_codes_change_nothing(take, tmp_path, monkeypatch):
    head("head", ("jawOpen",))
    for name in FACE_CODE_NAMES:
        del take[name]
    monkeypatch.setenv("A2P_ENDPOINT", str(tmp_path / "none.json"))
    actions = set(bpy.data.actions)
    with pytest.raises(RuntimeError, match="backend"):
        bpy.ops.a2p.apply_face()
    with pytest.raises(RuntimeError, match="no object called nobody"):
        bpy.ops.a2p.apply_face(target="nobody")
    assert set(bpy.data.actions) == actions
