"""The motion of .glb files with few keys."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from kinematics.curves.error_bound import ErrorBound
from kinematics.curves.gltf_keys import reduce_motion
from kinematics.gltf import Glb, GltfError
from kinematics.rotations import quaternion_multiply
from tests.curves.gltf_motion import node_matrices

FRAMES, FPS = 120, 30.0
TIMES = np.arange(FRAMES) / FPS


def turning(axis: int, angle: np.ndarray) -> np.ndarray:
    """(T, 4) x y z w."""
    found = np.zeros((len(angle), 4))
    found[:, axis], found[:, 3] = np.sin(angle / 2), np.cos(angle / 2)
    return found


@pytest.fixture
def arm() -> bytes:
    """An upper arm that turns all the way round, an elbow, a hand; a root that walks; scales that stay."""
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [
            {"name": "root", "children": [1]},
            {"name": "arm", "translation": [0.2, 1.4, 0.0], "children": [3]},
            {"name": "hand", "translation": [0.25, 0.0, 0.0]},
            {"name": "elbow", "translation": [0.3, 0, 0], "rotation": [0, 0.6, 0, 0.8], "children": [2]},
        ],
        "animations": [{"name": "wave", "channels": [], "samplers": []}],
    }  # fmt: skip
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    glb = Glb(struct.pack("<4sIIII", b"glTF", 2, 20 + len(text), len(text), 0x4E4F534A) + text)
    times = glb.add(TIMES[:, None])
    swing = np.sin(2 * np.pi * TIMES / 1.7)
    # Signs that jump, as writers leave them: the same turns.
    arm = turning(2, 3.0 * swing) * np.where(np.arange(FRAMES) % 7 < 3, -1.0, 1.0)[:, None]
    elbow = quaternion_multiply(np.array([0.0, 0.6, 0.0, 0.8]), turning(1, 0.8 + 0.6 * np.cos(3 * TIMES)))
    walk = np.stack([0.1 * np.sin(TIMES), 0.02 * swing, 0.5 * TIMES], axis=1)
    for node, path, values in (
        (1, "rotation", arm),
        (3, "rotation", elbow),
        (0, "translation", walk),
        (1, "scale", np.ones((FRAMES, 3))),
    ):
        animation = glb.document["animations"][0]
        animation["samplers"].append({"input": times, "output": glb.add(values), "interpolation": "LINEAR"})
        animation["channels"].append(
            {"sampler": len(animation["samplers"]) - 1, "target": {"node": node, "path": path}}
        )
    return glb.to_bytes()


def test_few_keys_keep_the_bound_in_the_file_that_is_written(arm):
    bound = ErrorBound(rotation=np.deg2rad(0.5), hand=0.002)
    reduced = reduce_motion(arm, bound, ["hand"])
    assert reduced.before == FRAMES * (4 + 4 + 3)
    assert reduced.after < 0.35 * reduced.before
    assert len(reduced.content) < 0.6 * len(arm)
    dense, sparse = (node_matrices(content, TIMES) for content in (arm, reduced.content))
    turned = [
        np.arccos(
            np.clip((np.einsum("tij,tij->t", dense[name][:, :3, :3], sparse[name][:, :3, :3]) - 1) / 2, -1, 1)
        )
        for name in dense
    ]
    assert np.max(turned) <= bound.rotation
    assert np.linalg.norm(dense["hand"][:, :3, 3] - sparse["hand"][:, :3, 3], axis=1).max() <= bound.hand


def test_curves_run_on_between_frames(arm):
    between = TIMES[:-1] + 0.5 / FPS
    dense, sparse = (node_matrices(content, between) for content in (arm, reduce_motion(arm).content))
    assert np.linalg.norm(dense["hand"][:, :3, 3] - sparse["hand"][:, :3, 3], axis=1).max() < 0.02


def test_what_does_not_move_needs_two_keys_and_nothing_unused_stays(arm):
    glb = Glb(reduce_motion(arm).content)
    animation = glb.document["animations"][0]
    scale = next(one for one in animation["channels"] if one["target"]["path"] == "scale")
    assert len(glb.numbers(animation["samplers"][scale["sampler"]]["input"])) == 2
    used = {sampler[key] for sampler in animation["samplers"] for key in ("input", "output")}
    assert used == set(range(len(glb.document["accessors"])))
    assert len(glb.document["bufferViews"]) == len(glb.document["accessors"])


@pytest.fixture
def face(arm: bytes) -> bytes:
    """The arm's file with a head of three shapes: a mouth that moves, an eye that blinks, and nothing."""
    glb = Glb(arm)
    glb.document["nodes"].append({"name": "head"})
    mouth = 0.4 + 0.3 * np.sin(5 * TIMES)
    blink = np.maximum(0.0, 1 - np.abs(TIMES - 2.0) / 0.15)
    weights = np.stack([mouth, blink, np.zeros(FRAMES)], axis=1)
    animation = glb.document["animations"][0]
    sampler = {"input": glb.add(TIMES[:, None]), "output": glb.add(weights.reshape(-1, 1))}
    animation["samplers"].append(sampler)
    animation["channels"].append(
        {"sampler": len(animation["samplers"]) - 1, "target": {"node": 4, "path": "weights"}}
    )
    return glb.to_bytes()


def weights_of(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Times (K,) and weights (K, 3)."""
    glb = Glb(content)
    animation = glb.document["animations"][0]
    (sampler,) = (
        animation["samplers"][channel["sampler"]]
        for channel in animation["channels"]
        if channel["target"]["path"] == "weights"
    )
    assert sampler.get("interpolation", "LINEAR") == "LINEAR"
    times = glb.numbers(sampler["input"])[:, 0]
    return times, glb.numbers(sampler["output"]).reshape(len(times), -1)


def test_shapes_get_lines_that_keep_their_bound(arm, face):
    reduced = reduce_motion(face, ErrorBound(value=0.01), ["hand"])
    times, weights = weights_of(reduced.content)
    assert len(times) < 0.5 * FRAMES
    lines = np.stack([np.interp(TIMES, times, shape) for shape in weights.T], axis=1)
    error = np.abs(lines - weights_of(face)[1]).max()
    assert 0.005 < error <= 0.01
    assert reduced.error.value == pytest.approx(error, abs=1e-6)
    alone = reduce_motion(arm, ErrorBound(value=0.01), ["hand"])
    assert reduced.before == alone.before + 3 * FRAMES
    assert reduced.after == alone.after + 3 * len(times)


def test_shapes_with_keys_of_another_kind_stay_as_they_are(face):
    glb = Glb(face)
    glb.document["animations"][0]["samplers"][-1]["interpolation"] = "STEP"
    reduced = Glb(reduce_motion(glb.to_bytes()).content)
    sampler = reduced.document["animations"][0]["samplers"][-1]
    assert (sampler["interpolation"], len(reduced.numbers(sampler["input"]))) == ("STEP", FRAMES)


def test_a_file_without_motion_stays_as_it_is(arm):
    glb = Glb(arm)
    del glb.document["animations"]
    still = glb.to_bytes()
    assert reduce_motion(still).content == still


def test_files_that_are_none_are_refused(arm):
    for content, message in (
        (b"glTF", "not a binary glTF"),
        (arm[:200], "cut short"),
        (b"x" * 40, "not a binary"),
    ):
        with pytest.raises(GltfError, match=message):
            reduce_motion(content)
