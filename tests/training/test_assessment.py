"""The figures of the model card, on motion whose figures are known."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from a2p_backend.actors.actor import Actor, load_actor
from a2p_backend.actors.registry import find_actor
from a2p_backend.training import assessment
from a2p_backend.training.assessment import assess
from a2p_backend.training.scenes import Scene, Signal, read_scenes
from a2p_backend.wire.settings import GenerateSettings


@pytest.fixture(scope="module")
def scene(synthetic_dataset) -> Scene:
    return read_scenes(synthetic_dataset)[0]


@pytest.fixture(scope="module")
def actor() -> Actor:
    return load_actor(find_actor("default"))


def figures(monkeypatch: pytest.MonkeyPatch, actor: Actor, scene: Scene, farther: float):
    """Of an actor that moves as was captured, but so much farther from the mean pose."""
    frames = 30 * (scene.frames // 30)
    pose, face = (scene.motion(signal, 0, frames) for signal in (Signal.POSE, Signal.FACE))
    mean = pose.mean(axis=0)
    moved = SimpleNamespace(pose=mean + farther * (pose - mean), face=face)
    monkeypatch.setattr(assessment, "perform", lambda *inputs: moved)
    return assess(actor, [scene], GenerateSettings(), seconds=frames // 30, clips=1, takes=2)


def test_the_captured_motion_is_as_captured(monkeypatch, actor, scene):
    found = figures(monkeypatch, actor, scene, 1.0)
    assert found["jerk"] == pytest.approx(1)
    assert found["spread"] == pytest.approx(1)
    assert found["beyond_range"] == 0
    for name in ("hands_speaking", "hands_listening", "hands_correlation", "jaw_correlation"):
        assert found[name] == pytest.approx(found[f"{name}_captured"])


def test_motion_that_goes_too_far_is_beyond_the_captured(monkeypatch, actor, scene):
    found = figures(monkeypatch, actor, scene, 2.0)
    assert found["spread"] == pytest.approx(2)
    assert found["beyond_range"] > 0.01
    assert found["hands_speaking"] > found["hands_speaking_captured"]
