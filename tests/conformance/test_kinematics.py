"""Parameters to joints to skin, against pymomentum (default actor) and the original's skinning (any actor).

Gates: 1e-4 cm, 1e-6 in quaternions up to sign, 1e-3 cm for vertices in float32 (default actor); 5e-4 in
states and matrices, 5e-3 in posed and 2e-2 in unposed vertices (other actors, whose outputs are float32).
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from kinematics.body import load_default_body
from kinematics.parameters import transform_from_text
from kinematics.pose import channels_from_local, forward_kinematics, local_from_global, local_states
from kinematics.rotations import quaternion_from_euler_xyz, quaternion_inverse, quaternion_multiply, rotate
from kinematics.skeleton import skeleton_from_legacy
from kinematics.skinning import joint_matrices, skin, unskin

from .goldens import ArrayName, Golden, cut
from .lbs_actor import description_of, load_lbs_actor


def channels_of(golden: Golden, body):
    parameters = golden.require("parameters")
    pose_count = body.transform.pose_count
    scales = parameters[:, pose_count:]
    return body.transform.channels(parameters[:, :pose_count], scales if scales.shape[1] else None)


def check_states(golden: Golden, ours: np.ndarray, *, length: float, quaternion: float):
    """States (N, J, 8): lengths and scales within `length`, quaternions within `quaternion` up to sign."""
    stored = golden.values
    ours = cut(ours, ArrayName.parse(golden.array).cuts, 0, len(stored))
    assert ours.shape == stored.shape
    same_side = np.sum(ours[..., 3:7] * stored[..., 3:7], axis=-1, keepdims=True) >= 0
    turned = np.where(same_side, ours[..., 3:7], -ours[..., 3:7])
    assert np.abs(ours[..., :3] - stored[..., :3]).max() <= length
    assert np.abs(ours[..., 7] - stored[..., 7]).max() <= length
    assert np.abs(turned - stored[..., 3:7]).max() <= quaternion


def length_gate(stored: np.ndarray) -> float:
    return 1e-4 if stored.dtype == np.float64 else 1e-3


@pytest.mark.golden(r".*", r"joint_parameters")
def test_channels(golden):
    golden.check(channels_of(golden, load_default_body()), atol=1e-5, time_axis=0)


@pytest.mark.golden(r".*", r"(?P<space>local|global)_states?")
def test_joint_states(golden):
    body = load_default_body()
    channels = channels_of(golden, body)
    kinematics = local_states if golden.groups["space"] == "local" else forward_kinematics
    ours = kinematics(body.skeleton, channels).to_array()
    check_states(golden, ours, length=length_gate(golden.values), quaternion=1e-6)


@pytest.mark.golden(r".*", r"global_states?")
def test_inverse(golden):
    """The way back from stored states to channels leads to the same states again."""
    skeleton = load_default_body().skeleton
    channels = channels_of(golden, load_default_body())
    recovered = channels_from_local(
        skeleton, local_from_global(skeleton, forward_kinematics(skeleton, channels))
    )
    ours = forward_kinematics(skeleton, recovered).to_array()
    check_states(golden, ours, length=length_gate(golden.values), quaternion=1e-6)


@pytest.mark.golden(r".*", r"vertices")
def test_skinned_vertices(golden):
    body = load_default_body()
    states = forward_kinematics(body.skeleton, channels_of(golden, body))
    vertices = skin(body.mesh, states, body.bind_states())
    golden.check(vertices[:, golden.arrays.get("vertex_index", slice(None))], atol=1e-3, time_axis=0)


@pytest.mark.golden(r"quaternion.*", r"q_from_euler|mul_q_q2|rot_q2_v|inv_q2")
def test_quaternions(golden):
    """q2 is not a unit quaternion: even so the formulas have to agree."""
    q, q2 = (golden.require(name).astype(np.float64) for name in ("q_from_euler", "q2"))
    ours = {
        "q_from_euler": lambda: quaternion_from_euler_xyz(golden.require("euler").astype(np.float64)),
        "mul_q_q2": lambda: quaternion_multiply(q, q2),
        "rot_q2_v": lambda: rotate(q2, golden.require("v").astype(np.float64)),
        "inv_q2": lambda: quaternion_inverse(q2),
    }[golden.array]()
    golden.check(ours, atol=1e-6, rtol=1e-5)


@pytest.mark.golden(r"momentum_cfg.*", r"transform|transform_offsets")
def test_parameter_text(golden):
    """The text holds lines on purpose that the format's own reader passes over."""
    description = description_of(golden)
    skeleton = skeleton_from_legacy({"Bones": description["bones"]})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        transform = transform_from_text(
            description["momentum_cfg"], skeleton, "momentum_cfg", skip_unknown=True
        )
    assert transform.names == tuple(description["model_param_names"])
    assert transform.pose_count == description["nr_position_params"]
    assert [limit.target for limit in transform.limits] == [limit["str"] for limit in description["limits"]]
    assert "line" in str(caught[0].message)
    ours = {"transform": transform.matrix, "transform_offsets": transform.offsets[None]}[golden.array]
    golden.check(ours, atol=1e-6)


@pytest.mark.golden(r"skin_table.*", r"skin_indices|skin_weights|joint_parents")
def test_skin_table(golden):
    body = load_lbs_actor(golden).body
    ours = {
        "skin_indices": body.mesh.indices,
        "skin_weights": body.mesh.weights,
        "joint_parents": body.skeleton.parents,
    }[golden.array]
    golden.check(ours.reshape(golden.values.shape), atol=1e-7)


@pytest.mark.golden(r"lbs.*", r"joint_params")
def test_channels_of_any_actor(golden):
    body = load_lbs_actor(golden).body
    channels = body.channels(golden.require("motion"))
    golden.check(channels.reshape(len(channels), -1), atol=1e-5, rtol=1e-6, time_axis=0)


@pytest.mark.golden(r"lbs.*", r"states|bind_state")
def test_states_of_any_actor(golden):
    body = load_lbs_actor(golden).body
    if golden.array == "bind_state":
        ours = body.bind_states().to_array()[None]
    else:
        ours = body.global_states(golden.require("motion")).to_array()
    check_states(golden, ours, length=5e-4, quaternion=5e-4)


@pytest.mark.golden(r"lbs.*", r"matrices")
def test_matrices_of_any_actor(golden):
    body = load_lbs_actor(golden).body
    matrices = joint_matrices(body.global_states(golden.require("motion")), body.bind_states())
    golden.check(matrices, atol=5e-4, time_axis=0)


@pytest.mark.golden(r"lbs.*", r"rest_mesh_zero_scale")
def test_unscaled_mesh_of_any_actor(golden):
    body = load_lbs_actor(golden).body
    states = forward_kinematics(body.skeleton, body.transform.channels(golden.require("motion")))
    golden.check(skin(body.mesh, states, body.bind_states()), atol=5e-4, time_axis=0)


@pytest.mark.golden(r"lbs.*", r"template_pose|posed_from_rounded_delta")
def test_posed_vertices_of_any_actor(golden):
    actor = load_lbs_actor(golden)
    offsets = golden.require("delta").astype(np.float64) if golden.array == "posed_from_rounded_delta" else 0
    posed = actor.body.skin(golden.require("motion"), actor.template + offsets)
    golden.check(posed * actor.global_scaling, atol=5e-3, time_axis=0)


@pytest.mark.golden(r"lbs.*", r"unposed_from_that|unpose_of_template_pose_absmax")
def test_unposed_vertices_of_any_actor(golden):
    actor = load_lbs_actor(golden)
    body = actor.body
    of_delta = golden.array == "unposed_from_that"
    posed = golden.require("posed_from_rounded_delta" if of_delta else "template_pose").astype(np.float64)
    states = body.global_states(golden.require("motion"))
    rest = unskin(body.mesh, states, body.bind_states(), posed / actor.global_scaling, np.float64)
    offsets = rest - actor.template
    golden.check(offsets if of_delta else np.abs(offsets).max(axis=(1, 2)), atol=2e-2, time_axis=0)
