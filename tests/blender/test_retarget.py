"""Real rigs as Blender imports them: found, driven, and where Blender says that their bones then are."""

from __future__ import annotations

import shutil
from pathlib import Path

import bpy
import numpy as np
import pytest

from kinematics.bvh import read_bvh
from kinematics.retarget.detection import detect
from kinematics.retarget.fidelity import Fidelity, measure
from kinematics.retarget.maps import BoneMap
from kinematics.retarget.options import RetargetOptions
from kinematics.retarget.rig import Rig, pose_matrices
from kinematics.retarget.solver import retarget
from kinematics.retarget.source import SourceMotion, rig_from_bvh, source_from_bvh, source_from_rig
from tests.retarget.figures import talk, talking
from tests.retarget.reachable import least_hand_error

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the shared test data is not at {DATA}")

RIGS = {
    "m2m_human-male.glb": "unreal",
    "m2m_human-zombie.glb": "unreal",
    "mpfb_mixamo_female.glb": "mixamo",
    "mpfb_game_engine_ue_names.fbx": "mpfb_game_engine",
    "geneva_v2_tpose_final.fbx": "talking_with_hands",
    "robot_expressive.glb": "generic",
    "vrm0_example.vrm": "unity_humanoid",
    "rigify_human_metarig.blend": "rigify_metarig",
}

HAND_LIMIT = 0.05
"""Of arm length, where a rig's build allows it together with the arms' directions, which go first."""
OUT_OF_REACH = {
    # Where no pose can, whose arms point within 6 degrees of the source's and whose shoulders turn by no more
    # than 20: the robot's forearms are twice its upper arms, the VRM's shoulders are narrow, and forearms of
    # GENEA's and the game engine's figures are long beside that of the man who was captured jumping.
    "robot_expressive.glb": {"talking": 0.24, "cmu_01_01": 0.42, "cmu_91_48": 0.17},
    "vrm0_example.vrm": {"cmu_01_01": 0.12},
    "geneva_v2_tpose_final.fbx": {"cmu_01_01": 0.06},
    "mpfb_game_engine_ue_names.fbx": {"cmu_01_01": 0.06},
}
SHRUGGING = {"vrm0_example.vrm": {"talking": 0.08}}
"""Where shoulders would have to be raised all the time."""


def load(path: Path, folder: Path) -> bpy.types.Object | None:
    """The armature of a file, in rest and without its motion."""
    before = set(bpy.data.objects)
    if path.suffix == ".vrm":
        path = Path(shutil.copy(path, folder / "vrm.glb"))
    if path.suffix == ".glb":
        bpy.ops.import_scene.gltf(filepath=str(path))
    elif path.suffix == ".fbx":
        bpy.ops.import_scene.fbx(filepath=str(path))
    else:
        with bpy.data.libraries.load(str(path)) as (there, here):
            here.objects = there.objects
        for appended in here.objects:
            bpy.context.scene.collection.objects.link(appended)
    added = set(bpy.data.objects) - before
    return next((added_one for added_one in added if added_one.type == "ARMATURE"), None)


def described(armature: bpy.types.Object) -> Rig:
    bones = list(armature.data.bones)
    number = {bone.name: position for position, bone in enumerate(bones)}
    return Rig(
        names=tuple(number),
        parents=np.array([number[bone.parent.name] if bone.parent else -1 for bone in bones]),
        rest=np.array([bone.matrix_local for bone in bones]),
        to_world=np.array(armature.matrix_world),
        tails=np.array([bone.tail_local for bone in bones]),
        deforms=np.array([bone.use_deform for bone in bones]),
        unturned=frozenset(number[bone.name] for bone in bones if not bone.use_inherit_rotation),
        joined=frozenset(number[bone.name] for bone in bones if bone.use_connect),
    )


def rest(armature: bpy.types.Object) -> None:
    if armature.animation_data:
        armature.animation_data_clear()
    for bone in armature.pose.bones:
        bone.matrix_basis.identity()


def matrices(armature: bpy.types.Object) -> np.ndarray:
    """(J, 4, 4) in armature space, copied: Blender's own change with the pose."""
    return np.array([bone.matrix for bone in armature.pose.bones])


def blender_matrices(armature: bpy.types.Object, motion, frames) -> np.ndarray:
    found = []
    for frame in frames:
        for column, name in enumerate(motion.names):
            bone = armature.pose.bones[name]
            bone.rotation_mode = "QUATERNION"
            bone.rotation_quaternion = motion.rotation[frame, column]
        for name, values in motion.locations.items():
            armature.pose.bones[name].location = values[frame]
        bpy.context.view_layer.update()
        found.append(matrices(armature))
    return np.array(found)


@pytest.mark.parametrize(("file", "family"), RIGS.items(), ids=RIGS)
def test_a_real_rig_is_found_and_driven(file, family, captures, tmp_path):
    armature = load(DATA / "rigs" / file, tmp_path)
    rest(armature)
    rig, source = described(armature), talk(30)
    found = detect(rig)
    assert (found.family, found.humanoid) == (family, True)
    assert found.confidence >= 0.8

    motion = retarget(source, rig, found.bone_map)
    expected = pose_matrices(rig, *motion.channels(rig))
    frames = [0, 13, 29]
    mapped = [rig.index(name) for name in motion.names]
    size = np.ptp(rig.heads, axis=0).max()
    places = blender_matrices(armature, motion, frames)[:, mapped, :3, 3]
    np.testing.assert_allclose(places, expected[frames][:, mapped, :3, 3], atol=1e-5 * size)

    fidelity = measure(source, rig, found.bone_map, expected)
    assert fidelity.limb_direction_mean_deg < 2
    assert fidelity.limb_direction_p99_deg < 6
    assert fidelity.max_step_deg < 60

    sources = {"talking": talking(), **captures}
    figures = {
        name: measured_with_feet_and_hands(source, rig, found.bone_map) for name, source in sources.items()
    }
    for fidelity in figures.values():
        assert fidelity.limb_direction_mean_deg < 2
        assert fidelity.limb_direction_p99_deg < 6
        assert fidelity.foot_slide_cm < 1
        assert fidelity.max_step_deg < 60
    out_of_reach = OUT_OF_REACH.get(file, {})
    limits = dict.fromkeys(sources, HAND_LIMIT) | out_of_reach | SHRUGGING.get(file, {})
    beyond = {
        name: fidelity.hand_error_arm_fraction
        for name, fidelity in figures.items()
        if fidelity.hand_error_arm_fraction >= limits[name]
    }
    assert not beyond
    for name in out_of_reach:
        assert least_hand_error(sources[name], rig, found.bone_map) > HAND_LIMIT


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SourceMotion]:
    """Two captures of people who jump and turn, at 30 frames a second."""
    motion = read_bvh(DATA / "motion" / "cmu_01_01.bvh")
    whole = source_from_bvh(motion, detect(rig_from_bvh(motion)).bone_map)
    part = slice(300, 900, 4)
    jumps = SourceMotion(whole.rig, whole.bone_map, whole.rotation[part], whole.position[part], 30.0)
    armature = load(DATA / "motion" / "cmu_91_48.fbx", tmp_path_factory.mktemp("capture"))
    rig = described(armature)
    first, last = map(int, armature.animation_data.action.frame_range)
    posed = []
    for frame in range(first, last + 1):
        bpy.context.scene.frame_set(frame)
        posed.append(matrices(armature))
    return {
        "cmu_01_01": jumps,
        "cmu_91_48": source_from_rig(rig, detect(rig).bone_map, np.array(posed), 30.0),
    }


def measured_with_feet_and_hands(source: SourceMotion, rig: Rig, bone_map: BoneMap) -> Fidelity:
    motion = retarget(source, rig, bone_map, RetargetOptions(plant_feet=True, reach_hands=True))
    return measure(source, rig, bone_map, pose_matrices(rig, *motion.channels(rig)))


def test_a_fox_is_no_humanoid(tmp_path):
    found = detect(described(load(DATA / "rigs" / "m2m_fox-fox.glb", tmp_path)))
    assert not found.humanoid
    assert found.confidence < 0.2
    assert any("by hand" in reason for reason in found.reasons)


def test_a_captured_fbx_goes_to_another_rig(tmp_path):
    capture = load(DATA / "motion" / "cmu_91_48.fbx", tmp_path)
    first, last = map(int, capture.animation_data.action.frame_range)
    posed = []
    for frame in range(first, last + 1, 4):
        bpy.context.scene.frame_set(frame)
        posed.append(matrices(capture))
    recorded = described(capture)
    found = detect(recorded)
    assert found.family == "daz_poser"
    source = source_from_rig(recorded, found.bone_map, np.array(posed), 30 / 4)

    armature = load(DATA / "rigs" / "mpfb_mixamo_female.glb", tmp_path)
    rig = described(armature)
    bone_map = detect(rig).bone_map
    motion = retarget(source, rig, bone_map, RetargetOptions(start_at_rest=True))
    fidelity = measure(source, rig, bone_map, pose_matrices(rig, *motion.channels(rig)))
    assert fidelity.limb_direction_mean_deg < 2
    assert fidelity.limb_direction_p99_deg < 6
