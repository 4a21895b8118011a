"""Bones against forward kinematics, without Blender: matrices are composed as an armature composes them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kinematics.armature import (
    BoneMotion,
    BoneRest,
    bone_axes,
    bone_motion,
    bone_rest,
    pose_from_bones,
    posed_bone_matrices,
)
from kinematics.body import Body, load_default_body
from kinematics.rotations import matrix_from_quaternion


def armature_matrices(rest: BoneRest, motion: BoneMotion) -> np.ndarray:
    """(T, J, 4, 4): each bone's basis on its rest matrix on its parent, scales inherited in full."""
    bases = np.zeros((*motion.rotation.shape[:2], 4, 4))
    bases[..., :3, :3] = (
        matrix_from_quaternion(motion.rotation[..., [1, 2, 3, 0]]) * motion.scale[..., None, :]
    )
    bases[..., :3, 3] = motion.location
    bases[..., 3, 3] = 1.0
    posed = np.empty_like(bases)
    for joint, parent in enumerate(rest.parents):
        local, above = rest.matrices[joint], np.eye(4)
        if parent >= 0:
            local, above = np.linalg.inv(rest.matrices[parent]) @ local, posed[:, parent]
        posed[:, joint] = above @ local @ bases[:, joint]
    return posed


@pytest.fixture(params=["plain", "scaled", "scale driven by a pose parameter"])
def body(request: pytest.FixtureRequest) -> Body:
    default = load_default_body()
    if request.param == "plain":
        return default
    scaled = replace(default, scale_parameters=np.linspace(-0.4, 0.3, len(default.scale_parameters)))
    if request.param == "scaled":
        return scaled
    matrix = scaled.transform.matrix.copy()
    matrix[7 * scaled.skeleton.index("b_l_forearm") + 6, 50] = 0.5
    return replace(scaled, transform=replace(scaled.transform, matrix=matrix))


def test_bone_channels_rebuild_forward_kinematics(body: Body) -> None:
    pose = np.random.default_rng(2).normal(0.0, 0.8, (20, 104))
    motion = bone_motion(body, pose)
    expected = posed_bone_matrices(body, body.global_states(pose))
    np.testing.assert_allclose(
        armature_matrices(bone_rest(body), motion), expected, atol=1e-6
    )  # rests are stored as float32
    assert (motion.rotation[1:] * motion.rotation[:-1]).sum(axis=-1).min() >= 0.0


def test_only_what_parameters_drive_is_marked(body: Body) -> None:
    motion = bone_motion(body, np.random.default_rng(3).normal(0.0, 0.5, (3, 104)))
    for moving, values, rest in (
        (motion.rotates, motion.rotation, [1.0, 0.0, 0.0, 0.0]),
        (motion.moves, motion.location, 0.0),
        (motion.scales, motion.scale, 1.0),
    ):
        still = np.abs(values - rest).max(axis=(0, 2)) < 1e-6
        np.testing.assert_array_equal(moving, ~still)


def test_bones_run_along_their_limbs() -> None:
    body = load_default_body()
    rest = bone_rest(body)
    for bone, end in (("b_l_arm", "b_l_arm_twist"), ("b_r_arm", "b_r_arm_twist"), ("b_r_upleg", "b_r_leg")):
        matrix = rest.matrices[rest.names.index(bone)]
        tail = matrix[:3, 3] + matrix[:3, 1] * rest.lengths[rest.names.index(bone)]
        np.testing.assert_allclose(tail, rest.matrices[rest.names.index(end), :3, 3], atol=1e-6)
    assert rest.lengths.min() >= 0.005
    np.testing.assert_allclose(np.linalg.det(bone_axes(rest.names)), 1.0)
    left, up = (
        rest.matrices[rest.names.index("b_l_wrist"), :3, 3],
        rest.matrices[rest.names.index("b_head"), :3, 3],
    )
    assert left[0] > 0.3
    assert up[2] > 1.5


@pytest.mark.parametrize("scaled", [False, True])
def test_bones_give_their_pose_back(scaled: bool) -> None:
    body = load_default_body()
    if scaled:
        body = replace(body, scale_parameters=np.linspace(-0.3, 0.2, body.transform.scale_count))
    pose = np.random.default_rng(3).normal(0.0, 0.3, (4, 104))
    motion = bone_motion(body, pose)
    np.testing.assert_allclose(pose_from_bones(body, motion.rotation, motion.location), pose, atol=1e-6)
