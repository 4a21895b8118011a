"""A take stands at the origin, on the floor, facing forward."""

from __future__ import annotations

import numpy as np
import pytest

from kinematics import stage
from kinematics.armature import to_armature_space
from kinematics.body import load_default_body
from kinematics.stage import place_on_stage, stage_for


@pytest.fixture(scope="module")
def body():
    return load_default_body()


def sway(frames=40):
    """A pose in the capture dome's coordinates that moves and turns a little."""
    phase = np.linspace(0, 2 * np.pi, frames)
    pose = np.zeros((frames, 104), np.float32)
    pose[:, 0] = 0.8 + 0.3 * np.sin(phase)
    pose[:, 1] = -12.0
    pose[:, 2] = -28.0 + 0.2 * np.cos(phase)
    pose[:, 3] = 0.2 * np.sin(phase)
    pose[:, 5] = 0.2
    pose[:, 24] = pose[:, 36] = 1.0
    return pose


def test_the_take_is_moved_as_a_whole(body):
    pose = sway()
    placed = place_on_stage(body, pose)
    root = body.global_states(placed).translation[:, 1]
    np.testing.assert_allclose(root.mean(axis=0)[[0, 2]], 0, atol=1e-3)
    # Only the translation has changed, and by the same amount in every frame.
    np.testing.assert_array_equal(placed[:, 3:], pose[:, 3:])
    np.testing.assert_allclose(np.ptp(placed[:, :3] - pose[:, :3], axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(place_on_stage(body, placed), placed, atol=1e-4)


def test_soles_touch_the_floor(body):
    pose = sway()
    pose[:, 5] = 0.0  # no lean, which would tilt the feet of this simple pose
    lowest = body.skin(place_on_stage(body, pose))[..., 1].min(axis=1)
    np.testing.assert_allclose(np.median(lowest), 0, atol=1.0)


def test_a_take_seen_from_behind_turns_round(body):
    pose = sway()
    expected = body.global_states(place_on_stage(body, pose)).translation
    behind = pose.copy()
    # The same motion, turned by pi about the vertical, at either end of the angle's range.
    behind[:, 3] = np.where(np.arange(len(pose)) % 2, pose[:, 3] + np.pi, pose[:, 3] - np.pi)
    behind[:, 4:6] *= -1
    behind[:, [0, 2]] *= -1
    turned = place_on_stage(body, behind)
    np.testing.assert_allclose(body.global_states(turned).translation, expected, atol=2e-3)
    assert np.abs(np.diff(turned[:, 3])).max() < 0.1


def test_blender_axes():
    up, forward, left = np.eye(3)[[1, 2, 0]] * 100
    np.testing.assert_allclose(
        to_armature_space(np.stack([up, forward, left])), [[0, 0, 1], [0, -1, 0], [1, 0, 0]]
    )


@pytest.mark.parametrize("yaw", [0.0, np.pi])
def test_other_poses_of_a_take_go_to_the_stage_and_back(body, yaw):
    pose = sway()
    pose[:, 3] += yaw
    stage = stage_for(body, pose)
    np.testing.assert_allclose(stage.apply(pose[::10]), place_on_stage(body, pose)[::10], atol=1e-5)
    back = stage.undo(stage.apply(pose[::10]))
    back[:, 3] += 2 * np.pi * np.round((pose[::10, 3] - back[:, 3]) / (2 * np.pi))
    np.testing.assert_allclose(back, pose[::10], atol=1e-5)


def test_a_long_take_is_placed_as_at_once(body, monkeypatch):
    pose = sway(50)
    at_once = place_on_stage(body, pose)
    monkeypatch.setattr(stage, "_FRAMES_AT_ONCE", 7)
    np.testing.assert_array_equal(place_on_stage(body, pose), at_once)
