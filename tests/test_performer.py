"""The generation stack as a whole, on networks small enough to be instant."""

from __future__ import annotations

import numpy as np
import pytest

from a2p_backend.actors.actor import Actor, load_actor
from a2p_backend.audio.clip import Clip, load_clip
from a2p_backend.motion.windows import lay_windows
from a2p_backend.performer import perform
from a2p_backend.wire.progress import Cancelled, Progress
from a2p_backend.wire.settings import GenerateSettings
from tests.tiny_actor import write_tiny_actor, write_tone

SETTINGS = GenerateSettings(steps=4, seed=3)


@pytest.fixture(scope="module")
def actor(tmp_path_factory: pytest.TempPathFactory) -> Actor:
    return load_actor(write_tiny_actor(tmp_path_factory.mktemp("actors") / "tiny"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return load_clip(write_tone(tmp_path_factory.mktemp("clips") / "tone.wav", seconds=3))


def test_a_clip_becomes_a_performance_of_its_length(actor: Actor, clip: Clip) -> None:
    performance = perform(clip, actor, SETTINGS)
    assert performance.pose.shape == (90, 104)
    assert performance.face.shape == (90, 256)
    assert performance.guide.shape == (3, 104)
    assert performance.clip_sha256 == clip.sha256
    assert performance.settings["body_guidance"] == actor.manifest.defaults.body_guidance


def test_the_seed_decides_the_motion(actor: Actor, clip: Clip) -> None:
    first, again = perform(clip, actor, SETTINGS), perform(clip, actor, SETTINGS)
    other = perform(clip, actor, GenerateSettings(steps=4, seed=4))
    assert first.pose.tobytes() == again.pose.tobytes()
    assert first.face.tobytes() == again.face.tobytes()
    assert np.abs(first.pose - other.pose).max() > 0.1


def test_a_clip_shorter_than_the_networks_need_keeps_its_length(actor: Actor, tmp_path) -> None:
    performance = perform(load_clip(write_tone(tmp_path / "short.wav", seconds=1)), actor, SETTINGS)
    assert performance.pose.shape == (30, 104)
    assert performance.guide.shape == (1, 104)


def test_a_long_clip_has_no_seam(actor: Actor, tmp_path) -> None:
    performance = perform(load_clip(write_tone(tmp_path / "long.wav", seconds=45)), actor, SETTINGS)
    assert performance.pose.shape == (1350, 104)
    assert performance.guide.shape == (45, 104)
    speed = np.linalg.norm(np.diff(performance.pose, axis=0), axis=1)
    borders = [
        edge for window in lay_windows(1350) for edge in (window.start, window.stop) if 0 < edge < 1350
    ]
    assert len(borders) == 4
    assert speed.min() > 0
    assert max(speed[edge - 3 : edge + 3].max() for edge in borders) <= np.percentile(speed, 99)


def test_cancelling_acts_within_a_step(actor: Actor, clip: Clip) -> None:
    heard: list[Progress] = []
    with pytest.raises(Cancelled):
        perform(
            clip,
            actor,
            SETTINGS,
            on_progress=heard.append,
            cancelled=lambda: any(progress.stage == "body" for progress in heard),
        )
    assert [progress.done for progress in heard if progress.stage == "body"] == [1]


@pytest.mark.parametrize("missing", ["face", "guide"])
def test_what_an_actor_lacks_stays_at_rest_and_is_said(missing: str, clip: Clip, tmp_path) -> None:
    kept = tuple(name for name in ("face", "guide", "codec", "body") if name != missing)
    performance = perform(clip, load_actor(write_tiny_actor(tmp_path / "partial", kept)), SETTINGS)
    resting, moving = (
        (performance.face, performance.pose) if missing == "face" else (performance.pose, performance.face)
    )
    assert not resting.any()
    assert moving.any()
    assert any("stays at rest" in warning or "mean pose" in warning for warning in performance.warnings)
