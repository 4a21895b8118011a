from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon import compat  # noqa: E402
from blender_addon.scene import takes  # noqa: E402
from blender_addon.scene.armature import build_armature, build_body_mesh  # noqa: E402
from blender_addon.scene.performance import Placement, place_performance  # noqa: E402
from kinematics.armature import bone_rest, to_armature_space  # noqa: E402
from kinematics.body import Body, load_default_body  # noqa: E402
from kinematics.errors import A2PError  # noqa: E402
from kinematics.skinning import skin  # noqa: E402
from kinematics.stage import place_on_stage  # noqa: E402
from tests.blender.performances import (  # noqa: E402
    FACE_NAMES,
    action_curves,
    bone_matrices,
    counts,
    expected_bone_matrices,
    random_performance,
)

pytestmark = [pytest.mark.bpy, pytest.mark.usefixtures("addon")]

FRAMES = 12
PLACEMENT = Placement(first_frame=11, face_names=FACE_NAMES)


@pytest.fixture(params=[False, True], ids=["plain", "scaled"])
def body(request: pytest.FixtureRequest) -> Body:
    default = load_default_body()
    scales = (
        np.linspace(-0.3, 0.2, default.transform.scale_count) if request.param else default.scale_parameters
    )
    return replace(default, scale_parameters=scales)


def test_rest_bones_are_the_joints(body: Body) -> None:
    rest = bone_rest(body)
    rig = build_armature(rest, "rig")
    bones = [rig.data.bones[name] for name in rest.names]
    got = np.array([bone.matrix_local for bone in bones])
    np.testing.assert_allclose(got[:, :3, 3], rest.matrices[:, :3, 3], atol=1e-6)
    np.testing.assert_allclose(got[:, :3, :3], rest.matrices[:, :3, :3], atol=2e-5)
    np.testing.assert_allclose([bone.length for bone in bones], rest.lengths, rtol=1e-5)
    assert not any(bone.use_connect for bone in bones)


def test_keys_give_the_poses_of_forward_kinematics(body: Body, clip: Path) -> None:
    performance = random_performance(FRAMES)
    rig = place_performance(bpy.context.scene, body, performance, clip, PLACEMENT)
    names = tuple(name for name in body.skeleton.names if name != "b_jaw")
    joints = [body.skeleton.index(name) for name in names]
    expected = expected_bone_matrices(body, performance)[:, joints]
    for frame in (0, 1, FRAMES - 1):
        bpy.context.scene.frame_set(PLACEMENT.first_frame + frame)
        got = bone_matrices(rig, names)
        np.testing.assert_allclose(got[:, :3, 3], expected[frame, :, :3, 3], atol=1e-5)
        np.testing.assert_allclose(got[:, :3, :3], expected[frame, :, :3, :3], atol=5e-5)


def test_body_mesh_follows_as_skinning_says(clip: Path) -> None:
    body = load_default_body()
    performance = random_performance(2)
    rig = place_performance(bpy.context.scene, body, performance, clip, PLACEMENT)
    (mesh,) = rig.children
    bpy.context.scene.frame_set(PLACEMENT.first_frame + 1)
    posed = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    got = np.empty(3 * len(body.mesh.vertices), np.float32)
    posed.data.vertices.foreach_get("co", got)
    states = body.global_states(place_on_stage(body, performance.pose)[1])
    expected = to_armature_space(skin(body.mesh, states, body.bind_states()))
    moved_by_jaw = np.any(
        (body.mesh.indices == body.skeleton.index("b_jaw")) & (body.mesh.weights > 0), axis=1
    )
    np.testing.assert_allclose(got.reshape(-1, 3)[~moved_by_jaw], expected[~moved_by_jaw], atol=1e-4)


def test_a_take_is_a_new_action_with_everything_keyed(clip: Path) -> None:
    body = load_default_body()
    performance = random_performance(FRAMES)
    scene = bpy.context.scene
    rig = place_performance(scene, body, performance, clip, PLACEMENT)
    curves = {(curve.data_path, curve.array_index): curve for curve in action_curves(rig)}

    assert ('pose.bones["b_root"].location', 0) in curves
    assert not any("b_head_null" in path or "_eye" in path for path, _ in curves), "nothing drives these"
    assert not any(path.endswith(".scale") for path, _ in curves), "the actor's scales are in its bones"
    keys = curves['["jaw_open"]', 0].keyframe_points
    np.testing.assert_allclose([key.co[1] for key in keys], performance.face[:, 0], rtol=1e-6)
    assert [keys[0].co[0], keys[-1].co[0]] == [11, 22]
    quaternions = np.array(
        [
            [key.co[1] for key in curves['pose.bones["b_root"].rotation_quaternion', i].keyframe_points]
            for i in range(4)
        ]
    )
    assert (quaternions[:, 1:] * quaternions[:, :-1]).sum(axis=0).min() > 0.0

    assert (scene.frame_start, scene.frame_end, scene.render.fps) == (11, 22, 30)
    action = rig.animation_data.action
    assert action.name == "a clip seed 1"
    kept = takes.attached_performance(action)
    np.testing.assert_array_equal(kept.face, performance.face)
    assert kept.header() == performance.header()


def test_jaw_bone_opens_with_its_code(clip: Path) -> None:
    body = load_default_body()
    rig = place_performance(bpy.context.scene, body, random_performance(2), clip, PLACEMENT)
    rig.animation_data.action = None
    front = {}
    for opening in (0.0, 1.0):
        rig["jaw_open"] = opening
        rig.update_tag()
        bpy.context.view_layer.update()
        front[opening] = bone_matrices(rig, ("b_jaw",))[0][:3, 2]
    assert front[1.0][2] < front[0.0][2] - 0.2, "the chin goes down"


@pytest.mark.usefixtures("sound")
def test_the_clip_is_heard_from_the_first_frame_and_once(clip: Path) -> None:
    scene = bpy.context.scene
    for seed in (1, 2):
        place_performance(scene, load_default_body(), random_performance(3, seed=seed), clip, PLACEMENT)
    (strip,) = compat.sound_strips(scene)
    assert compat.strip_timing(strip).start == 11
    assert Path(bpy.path.abspath(strip.sound.filepath)) == clip


def test_what_was_there_stays_as_it_was(clip: Path) -> None:
    body = load_default_body()
    scene = bpy.context.scene
    first = place_performance(scene, body, random_performance(3), clip, PLACEMENT)
    first.location.x = 2.0
    first_action = first.animation_data.action
    values = [curve.evaluate(12) for curve in action_curves(first)]
    bpy.context.view_layer.objects.active = bpy.data.objects["Cube"]
    bpy.ops.object.mode_set(mode="EDIT")
    selected = list(bpy.context.selected_objects)

    second = place_performance(scene, body, random_performance(3, seed=2), clip, PLACEMENT)

    assert second.animation_data.action != first_action == first.animation_data.action
    assert values == [curve.evaluate(12) for curve in action_curves(first)]
    assert first.location.x == 2.0
    assert bpy.context.view_layer.objects.active.mode == "EDIT"
    assert bpy.context.selected_objects == selected
    assert len(bpy.data.scenes) == 1


def test_a_failure_leaves_nothing_behind(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise A2PError("The last thing that can go wrong.")

    monkeypatch.setattr("blender_addon.scene.performance._set_timing", fail)
    scene = bpy.context.scene
    before, end, editor = counts(), scene.frame_end, scene.sequence_editor is None
    with pytest.raises(A2PError, match="last thing"):
        place_performance(scene, load_default_body(), random_performance(3), clip, PLACEMENT)
    assert counts() == before
    assert scene.frame_end == end
    assert (scene.sequence_editor is None) == editor
    assert editor or not compat.sound_strips(scene)


def test_no_mesh_unless_wanted_or_there(clip: Path) -> None:
    body = load_default_body()
    bare = place_performance(
        bpy.context.scene, body, random_performance(2), clip, replace(PLACEMENT, with_mesh=False)
    )
    assert not bare.children
    assert build_body_mesh(replace(body, mesh=None), bare, "none") is None
