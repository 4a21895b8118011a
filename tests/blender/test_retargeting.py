"""A take on a character's own rig, through the operators."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon.scene import rig as rigs  # noqa: E402
from blender_addon.scene.performance import Placement, place_performance  # noqa: E402
from blender_addon.scene.retargeting import measure_onto, retarget_onto  # noqa: E402
from kinematics.body import load_default_body  # noqa: E402
from kinematics.retarget.maps import read_map  # noqa: E402
from kinematics.retarget.options import RetargetOptions  # noqa: E402
from kinematics.retarget.rig import Rig  # noqa: E402
from tests.blender.armatures import add_action, add_armature, snapshot  # noqa: E402
from tests.blender.performances import action_curves, counts, random_performance  # noqa: E402
from tests.retarget.figures import Build, figure, talk  # noqa: E402

pytestmark = [pytest.mark.bpy, pytest.mark.usefixtures("addon")]

FRAMES = 8


def named(rig: Rig) -> Rig:
    """The made-up figure under names that are known: Rigify's."""
    words = {"upper_arm": "upper_arm", "hand": "hand", "shin": "shin", "foot": "foot", "toe": "toe"}
    words |= {"thigh": "thigh", "forearm": "forearm", "clavicle": "shoulder", "root": "root", "head": "head"}
    names = []
    for name in rig.names:
        slot, *side, number = name.split(".")
        ending = f".{side[0]}" if side else ""
        if slot in ("index", "middle", "ring", "pinky"):
            names.append(f"f_{slot}.0{int(number) + 1}{ending}")
        elif slot == "thumb":
            names.append(f"thumb.0{int(number) + 1}{ending}")
        else:
            names.append(
                words.get(slot, {"hips": "hips", "neck": "neck"}.get(slot, f"{slot}{number}")) + ending
            )
    return Rig(tuple(names), rig.parents, rig.rest, rig.to_world)


@pytest.fixture
def target() -> bpy.types.Object:
    to_world = np.eye(4)
    to_world[:3, :3] = 0.5 * np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    to_world[:3, 3] = (3.0, 1.0, 0.2)
    rig, _ = figure(Build(arms_down=40, rolled=True, to_world=to_world))
    return add_armature(named(rig), "Hero")


@pytest.fixture
def take(clip: Path) -> bpy.types.Object:
    return place_performance(
        bpy.context.scene, load_default_body(), random_performance(FRAMES), clip, Placement(first_frame=5)
    )


def curves_by_path(armature: bpy.types.Object) -> dict[str, list]:
    found: dict[str, list] = {}
    for curve in action_curves(armature):
        found.setdefault(curve.data_path, []).append(curve)
    return found


def test_a_take_becomes_a_new_action_and_can_be_taken_back(take, target):
    target.pose.bones["head"].rotation_mode = "YZX"
    target.pose.bones["hand.L"].rotation_mode = "AXIS_ANGLE"
    target.pose.bones["toe.L"].rotation_quaternion = (0.8, 0.6, 0.0, 0.0)
    target.pose.bones["root"].location = (0.3, 0.0, 0.0)
    former = add_action(target, "Walk", "hips", np.zeros((3, 3)))
    keys = [tuple(point.co) for curve in action_curves(target) for point in curve.keyframe_points]
    bpy.context.view_layer.update()
    before = snapshot(target)

    assert bpy.ops.a2p.retarget(target="Hero", plant_feet=False, reach_hands=False) == {"FINISHED"}

    action = target.animation_data.action
    assert action != former
    assert tuple(action.frame_range) == (5, 4 + FRAMES)
    paths = curves_by_path(target)
    assert len(paths['pose.bones["head"].rotation_euler']) == 3
    assert len(paths['pose.bones["hand.L"].rotation_axis_angle']) == 4
    after = snapshot(target)
    for part in ("object", "rest", "modes", "constraints", "position"):
        assert after[part] == before[part]

    assert bpy.ops.a2p.restore_rig(target="Hero") == {"FINISHED"}
    assert target.animation_data.action == former
    assert keys == [tuple(point.co) for curve in action_curves(target) for point in curve.keyframe_points]
    assert snapshot(target) == before
    assert action.name in bpy.data.actions


def test_blender_shows_what_was_solved(target):
    for bone, mode in (("head", "YZX"), ("hand.L", "AXIS_ANGLE"), ("upper_arm.R", "ZXY")):
        target.pose.bones[bone].rotation_mode = mode
    target.pose.bones["root"].location = (0.3, 0.0, 0.0)
    target.pose.bones["spine1"].scale = (2.0, 2.0, 2.0)
    scene = bpy.context.scene
    scene.render.fps = 24
    done = retarget_onto(target, talk(31), "Talk", scene)
    assert len(done.source) == 25
    assert done.frames == range(1, 26)
    fidelity = measure_onto(target, done)
    # Between frames the source's several joints in a limb do not turn quite as its one bone does.
    assert fidelity.limb_direction_p99_deg < 0.3
    assert fidelity.max_step_deg < 60
    # The Euler angles of a bone do not jump by turns.
    values = [
        [point.co[1] for point in curve.keyframe_points]
        for curve in action_curves(target)
        if curve.data_path.endswith("rotation_euler")
    ]
    assert np.abs(np.diff(values, axis=1)).max() < math.pi / 2


@pytest.mark.parametrize(("travel", "moving"), [("hips", "hips"), ("root", "root"), ("none", None)])
def test_what_travels_is_chosen(target, travel, moving):
    scene = bpy.context.scene
    scene.render.fps = 30
    done = retarget_onto(target, talk(30), "Talk", scene, RetargetOptions(root_motion=travel))
    matrices = rigs.sample(target, done.frames)
    rest = done.rig
    for name in ("root", "hips"):
        path = matrices[:, rest.index(name), :2, 3] - rest.heads[rest.index(name), :2]
        if name == "hips" and moving is not None:
            assert np.ptp(path, axis=0).max() > 0.02
        elif name != moving:
            np.testing.assert_allclose(path, 0.0, atol=1e-5)
    assert measure_onto(target, done).limb_direction_p99_deg < 0.1


def test_what_constraints_lead_is_described(target):
    bone = target.pose.bones["f_index.01.L"]
    follower = bone.constraints.new("COPY_TRANSFORMS")
    follower.target, follower.subtarget = target, "hand.R"
    target.pose.bones["hand.R"]["IK_FK"] = 0.0
    driver = follower.driver_add("influence").driver
    driver.type = "AVERAGE"
    variable = driver.variables.new()
    variable.targets[0].id = target
    variable.targets[0].data_path = 'pose.bones["hand.R"]["IK_FK"]'
    bpy.context.view_layer.update()
    before = snapshot(target)

    rig = rigs.describe(target)

    assert rig.follows == {rig.index("f_index.01.L"): rig.index("hand.R")}
    assert snapshot(target) == before
    done = retarget_onto(target, talk(4), "Talk", bpy.context.scene)
    (switch,) = (curve for curve in action_curves(target) if "IK_FK" in curve.data_path)
    assert switch.evaluate(1) == 1.0
    assert any("f_index.01.L" in note for note in done.notes) == ("f_index.01.L" in done.bone_map["index.L"])


def test_a_map_is_saved_edited_and_used(take, target, tmp_path):
    path = tmp_path / "hero.json"
    assert bpy.ops.a2p.save_map(target="Hero", filepath=str(path)) == {"FINISHED"}
    assert read_map(path).slots["hand.L"] == (("hand.L",),)
    path.write_text(
        '{"bones": {"hips": "hips", "head": "head", "upper_arm": "upper_arm.{side}", "spine": ["spine0"]}}'
    )
    bpy.ops.a2p.retarget(target="Hero", map_file=str(path))
    paths = curves_by_path(target)
    assert 'pose.bones["head"].rotation_quaternion' in paths
    assert 'pose.bones["hand.L"].rotation_quaternion' not in paths


def dog() -> Rig:
    names = tuple(f"thing{number}" for number in range(6))
    return Rig(names, np.arange(6) - 1, np.tile(np.eye(4), (6, 1, 1)))


def test_what_cannot_be_done_is_said_and_nothing_is_written(take, target):
    twin = add_armature(rigs.describe(target), "Twin")
    add_armature(dog(), "Dog")
    broken = add_armature(rigs.describe(target), "Broken")
    add_action(broken, "NaN", "hips", np.full((3, 3), np.nan))
    before = counts()
    for settings, said in (
        ({}, "Hero, Twin, Dog, Broken"),
        ({"target": "Nobody"}, "no armature called Nobody"),
        ({"target": "Dog"}, "Dog cannot receive or give a person's motion: [^.]*slots by hand[^.]*[.]$"),
        ({"target": "Twin", "source": "Hero"}, "plays no Action"),
        ({"target": "Twin", "source": "Broken"}, "not a finite number"),
        ({"target": "Twin", "map_file": "/nowhere/map.json"}, "cannot be opened"),
    ):
        with pytest.raises(RuntimeError, match=said):
            bpy.ops.a2p.retarget(**settings)
        assert counts() == before
    with pytest.raises(RuntimeError, match="nothing to restore"):
        bpy.ops.a2p.restore_rig(target=twin.name)
