"""Real captures, read without Blender, on a made-up rig."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinematics.bvh import read_bvh
from kinematics.retarget.detection import detect
from kinematics.retarget.fidelity import measure
from kinematics.retarget.options import RetargetOptions
from kinematics.retarget.rig import pose_matrices
from kinematics.retarget.solver import retarget
from kinematics.retarget.source import SourceMotion, rig_from_bvh, source_from_bvh
from tests.retarget.figures import Build, figure

MOTION = Path(__file__).parents[3] / "shared" / "data" / "motion"
pytestmark = pytest.mark.skipif(not MOTION.is_dir(), reason=f"the shared captures are not at {MOTION}")


def test_a_jump_lands_on_planted_feet():
    motion = read_bvh(MOTION / "cmu_01_01.bvh")
    found = detect(rig_from_bvh(motion))
    assert found.family == "cmu"
    whole = source_from_bvh(motion, found.bone_map)
    part = slice(300, 900)
    source = SourceMotion(whole.rig, whole.bone_map, whole.rotation[part], whole.position[part], whole.fps)
    rig, bone_map = figure(Build(arms_down=45, rolled=True))
    free, planted = (
        measure(source, rig, bone_map, pose_matrices(rig, *motion.channels(rig)))
        for motion in (
            retarget(source, rig, bone_map, RetargetOptions(plant_feet=plant)) for plant in (False, True)
        )
    )
    assert free.limb_direction_p99_deg < 0.01
    assert planted.foot_slide_cm < 1 < free.foot_slide_cm
    assert planted.max_step_deg < 60


def test_the_skeleton_of_talking_with_hands_is_known():
    found = detect(rig_from_bvh(read_bvh(MOTION / "genea_skeleton_rest.bvh")))
    assert (found.family, found.humanoid) == ("talking_with_hands", True)
