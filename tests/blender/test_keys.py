"""Simplified and smoothed Actions, measured as Blender evaluates them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon import compat  # noqa: E402
from blender_addon.scene import keys, retargeting, takes  # noqa: E402
from blender_addon.scene import rig as rigs  # noqa: E402
from blender_addon.scene.performance import Placement, place_performance  # noqa: E402
from kinematics.body import load_default_body  # noqa: E402
from kinematics.curves.error_bound import ErrorBound  # noqa: E402
from tests.blender.performances import FACE_NAMES, action_curves, random_performance  # noqa: E402
from tests.blender.test_retarget import DATA, load  # noqa: E402
from tests.retarget.figures import talk  # noqa: E402

pytestmark = [pytest.mark.bpy, pytest.mark.usefixtures("addon")]

FRAMES = 60
HANDS = ("b_l_wrist", "b_r_wrist")


@pytest.fixture
def rig(clip: Path) -> bpy.types.Object:
    """The default actor, swaying."""
    performance = random_performance(FRAMES)
    random = np.random.default_rng(2)
    time = np.arange(FRAMES)[:, None] / 30.0
    pose = sum(
        random.normal(0.0, size, 104) * np.sin(2 * np.pi * rate * time + random.uniform(0, 6, 104))
        for size, rate in ((0.2, 0.4), (0.06, 1.1))
    )
    face = np.clip(np.sin(5 * time + np.arange(256)), 0.0, 1.0)
    performance = replace(performance, pose=pose.astype(np.float32), face=face.astype(np.float32))
    rig = place_performance(
        bpy.context.scene,
        load_default_body(),
        performance,
        clip,
        Placement(first_frame=11, face_names=FACE_NAMES),
    )
    bpy.context.view_layer.objects.active = rig
    return rig


def posed(rig: bpy.types.Object) -> np.ndarray:
    """(T, J, 4, 4) in the world, as Blender evaluates the Action."""
    scene, found = bpy.context.scene, []
    for frame in range(11, 11 + FRAMES):
        scene.frame_set(frame)
        there = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
        found.append([there.matrix_world @ bone.matrix for bone in there.pose.bones])
    return np.array(found)


def keyed(action: bpy.types.Action, rig: bpy.types.Object) -> dict[tuple[str, int], np.ndarray]:
    playing = rig.animation_data.action
    rig.animation_data.action = action
    found = {
        (curve.data_path, curve.array_index): np.array([tuple(key.co) for key in curve.keyframe_points])
        for curve in action_curves(rig)
    }
    rig.animation_data.action = playing
    return found


def apart(rig: bpy.types.Object, before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """The largest turn of a bone in degrees, and way of a hand in metres."""
    chord = np.linalg.norm((after - before)[..., :3, :3], axis=(-2, -1)) / np.sqrt(8.0)
    hands = [rig.pose.bones.find(name) for name in HANDS]
    moved = np.linalg.norm((after - before)[:, hands, :3, 3], axis=-1)
    return float(np.rad2deg(2 * np.arcsin(chord)).max()), float(moved.max())


def test_blender_poses_what_the_bound_says(rig):
    take = rig.animation_data.action
    dense, before = keyed(take, rig), posed(rig)
    assert bpy.ops.a2p.simplify(rotation_error=0.5, hand_error=2.0) == {"FINISHED"}
    simple = rig.animation_data.action
    assert simple != take
    turned, moved = apart(rig, before, posed(rig))
    assert 0.05 < turned <= 0.5
    assert moved <= 0.002

    fewer = keyed(simple, rig)
    assert fewer.keys() == dense.keys()
    assert sum(map(len, fewer.values())) < 0.4 * sum(map(len, dense.values()))
    unaltered = keyed(take, rig)
    assert all(np.array_equal(unaltered[path], dense[path]) for path in dense)
    assert take.use_fake_user
    assert takes.attached_performance(simple).header() == takes.attached_performance(take).header()
    assert tuple(simple.frame_range) == tuple(take.frame_range)
    for curve in action_curves(rig):
        face = curve.data_path.startswith("[")
        path = (curve.data_path, curve.array_index)
        if face:
            got = [curve.evaluate(frame) for frame in range(11, 11 + FRAMES)]
            assert np.abs(np.interp(range(11, 11 + FRAMES), *dense[path].T) - got).max() <= 0.005 + 1e-6


def test_counts_are_those_of_the_curves(rig):
    before = sum(map(len, keyed(rig.animation_data.action, rig).values()))
    done = keys.simplify(rig, ErrorBound(hand=0.01))
    assert (done.before, done.after) == (before, sum(map(len, keyed(done.action, rig).values())))
    assert f"{before} keys became {done.after}" in done.summary


def test_euler_rigs_have_no_wraps(rig):
    arm = 'pose.bones["b_l_arm"].'
    rig.pose.bones["b_l_arm"].rotation_mode = "XYZ"
    time = np.arange(11, 11 + FRAMES)
    bag = compat.curves_played(*compat.playing(rig))
    for index in range(3):
        curve = bag.new(arm + "rotation_euler", index=index)
        angle = 0.12 * (time - 11) * (index == 0) + 3.0 * (index == 0)
        for frame, value in zip(time, (angle + np.pi) % (2 * np.pi) - np.pi, strict=True):
            curve.keyframe_points.insert(frame, value).interpolation = "LINEAR"
    before = posed(rig)
    bpy.ops.a2p.simplify()
    turned, moved = apart(rig, before, posed(rig))
    assert turned <= 0.5
    assert moved <= 0.002
    curve = next(curve for curve in action_curves(rig) if curve.data_path == arm + "rotation_euler")
    assert np.abs(np.diff([curve.evaluate(frame) for frame in time])).max() < 0.2
    assert len(curve.keyframe_points) < 10


def test_what_is_simple_stays_as_it_is(rig):
    bpy.ops.a2p.simplify()
    once = rig.animation_data.action
    assert " keys became " in once.a2p.cleaned
    done = keys.simplify(rig)
    assert done.after <= done.before
    assert apart(rig, posed(rig), posed(rig)) == (0.0, 0.0)
    assert done.action != once


def test_stepped_and_modified_curves_are_left_alone(rig):
    paths = ['["jaw_open"]', '["lips_wide"]']
    stepped, modified = (
        next(curve for curve in action_curves(rig) if curve.data_path == path) for path in paths
    )
    stepped.keyframe_points[5].interpolation = "CONSTANT"
    modified.modifiers.new("NOISE")
    before = {path: len(keyed(rig.animation_data.action, rig)[path, 0]) for path in paths}
    done = keys.simplify(rig)
    assert {path: len(keyed(done.action, rig)[path, 0]) for path in paths} == before


def test_smoothing_takes_shake_out_of_the_chosen_bones(rig):
    take = rig.animation_data.action
    path = ('pose.bones["b_head"].rotation_quaternion', 1)
    for curve in action_curves(rig):
        if "b_head" in curve.data_path:
            for key in curve.keyframe_points:
                key.co[1] += 0.02 * (-1) ** int(key.co[0])
    dense = keyed(take, rig)
    for bone in rig.pose.bones:
        (bone if hasattr(bone, "select") else bone.bone).select = bone.name == "b_head"
    assert bpy.ops.a2p.smooth(cutoff=4.0, selected_only=True) == {"FINISHED"}
    assert rig.animation_data.action.a2p.cleaned == "Smoothed to 4 Hz"
    smooth = keyed(rig.animation_data.action, rig)
    assert np.abs(np.diff(smooth[path][:, 1], 2)).max() < 0.3 * np.abs(np.diff(dense[path][:, 1], 2)).max()
    others = [path for path in dense if "b_head" not in path[0]]
    assert all(np.array_equal(smooth[path], dense[path]) for path in others)
    again = keyed(take, rig)
    assert all(np.array_equal(again[path], dense[path]) for path in dense)


def test_smoothing_a_range_leaves_the_rest(rig):
    dense = keyed(rig.animation_data.action, rig)
    bpy.ops.a2p.smooth(cutoff=1.0, use_range=True, frame_start=30, frame_end=50)
    smooth = keyed(rig.animation_data.action, rig)
    path = ('pose.bones["b_head"].rotation_quaternion', 1)
    changed = np.flatnonzero(np.abs(smooth[path][:, 1] - dense[path][:, 1]) > 1e-6) + 11
    assert changed.min() > 30
    assert changed.max() < 50


def test_the_newest_takes_rig_serves_while_something_else_is_active(rig):
    before = rig.animation_data.action
    bpy.context.view_layer.objects.active = bpy.data.objects["Cube"]
    assert bpy.ops.a2p.smooth() == {"FINISHED"}
    assert rig.animation_data.action != before


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bpy.ops.a2p.simplify(armature="nobody"), "nobody is no armature"),
        (lambda: bpy.ops.a2p.smooth(use_range=True, frame_start=9, frame_end=4), "comes after the last"),
        (lambda: bpy.ops.a2p.smooth(use_range=True, frame_start=200, frame_end=300), "between 11 and 70"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(rig, call, message):
    actions = set(bpy.data.actions)
    with pytest.raises(RuntimeError, match=message):
        call()
    assert set(bpy.data.actions) == actions


def test_a_curve_with_nan_is_named(rig):
    curve = next(iter(action_curves(rig)))
    curve.keyframe_points[3].co[1] = float("nan")
    actions = set(bpy.data.actions)
    with pytest.raises(RuntimeError, match="no number"):
        bpy.ops.a2p.simplify()
    assert set(bpy.data.actions) == actions


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the shared test data is not at {DATA}")
def test_a_real_rig_of_another_unit_with_euler_arms(tmp_path):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    armature = load(DATA / "rigs" / "geneva_v2_tpose_final.fbx", tmp_path)
    for bone in armature.pose.bones:
        bone.rotation_mode = "YZX" if "arm" in bone.name else bone.rotation_mode
    done = retargeting.retarget_onto(armature, talk(60), "talk", bpy.context.scene)
    before = rigs.sample(armature, done.frames)
    simple = keys.simplify(armature)
    turned = rigs.sample(armature, done.frames) - before
    hands = [armature.data.bones.find(done.bone_map.bones[slot][0]) for slot in ("hand.L", "hand.R")]
    moved = turned[:, hands, :3, 3] @ np.array(armature.matrix_world)[:3, :3].T
    chord = np.linalg.norm(turned[..., :3, :3], axis=(-2, -1)) / np.sqrt(8.0)
    assert np.rad2deg(2 * np.arcsin(chord)).max() <= 0.5
    assert np.linalg.norm(moved, axis=-1).max() <= 0.002
    assert simple.error.hand > 0.0
    assert simple.after < 0.25 * simple.before
