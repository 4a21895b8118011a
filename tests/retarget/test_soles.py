"""Feet of captures whose rest pose does not show their soles flat."""

from __future__ import annotations

import numpy as np
import pytest

from kinematics.retarget.rig import Rig, pose_matrices
from kinematics.retarget.solver import retarget
from kinematics.retarget.source import SourceMotion
from kinematics.rotations import quaternion_from_euler_xyz, quaternion_multiply, rotate
from tests.retarget.figures import Build, figure

RAISED = np.radians(9)


def standing(pitch):
    """A figure that rests with its toes raised by 9 degrees, and stands with its feet lowered by `pitch`."""
    rig, bone_map = figure(Build())
    rest = rig.rest.copy()
    turn = quaternion_from_euler_xyz([-RAISED, 0, 0])  # the figure faces -Y
    feet = {side: rig.index(bone_map[f"foot.{side}"][0]) for side in "LR"}
    for side, ankle in feet.items():
        toe = rig.index(bone_map[f"toe.{side}"][0])
        rest[toe, :3, 3] = rig.heads[ankle] + rotate(turn, rig.heads[toe] - rig.heads[ankle])
    raised = Rig(rig.names, rig.parents, rest)
    rotation = np.tile(raised.rest_rotations, (30, 1, 1))
    position = np.tile(raised.heads, (30, 1, 1))
    down = quaternion_from_euler_xyz([pitch, 0, 0])
    for side, ankle in feet.items():
        toe = rig.index(bone_map[f"toe.{side}"][0])
        rotation[:, [ankle, toe]] = quaternion_multiply(down, rotation[:, [ankle, toe]])
        position[:, toe] = raised.heads[ankle] + rotate(down, raised.heads[toe] - raised.heads[ankle])
    return SourceMotion(raised, bone_map, rotation, position, 30.0)


def foot_turned(source, rig, bone_map):
    """Degrees by which the target's left foot is turned from its rest, positive downward."""
    matrices = pose_matrices(rig, *retarget(source, rig, bone_map).channels(rig))
    forward = matrices[15, rig.index(bone_map["foot.L"][0]), :3, :3] @ np.array([0.0, -1, 0])
    return np.degrees(np.arctan2(-forward[2], -forward[1]))


@pytest.mark.parametrize(
    ("pitch", "expected"),
    [(RAISED, 0), (np.radians(5), 0), (np.radians(30), 21), (np.radians(-10), -10)],
    ids=["flat", "nearly flat", "on tiptoe", "on the heels"],
)
def test_soles_lie_flat_as_far_as_the_rest_poses_differ(pitch, expected):
    rig, bone_map = figure(Build())
    np.testing.assert_allclose(foot_turned(standing(pitch), rig, bone_map), expected, atol=0.1)


def test_the_same_skeleton_gets_the_same_feet():
    source = standing(RAISED)
    np.testing.assert_allclose(foot_turned(source, source.rig, source.bone_map), np.degrees(RAISED), atol=0.1)


def test_soles_of_rigs_without_toes_lie_flat_too():
    rig, bone_map = figure(Build({"toe": 0}))
    np.testing.assert_allclose(foot_turned(standing(RAISED), rig, bone_map), 0, atol=0.1)
