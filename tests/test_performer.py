"""The generation stack as a whole, on networks small enough to be instant."""

from __future__ import annotations

from unittest.mock import Mock

import numpy as np
import pytest
import torch

from a2p_backend.actors.actor import Actor, load_actor
from a2p_backend.audio.clip import Clip, load_clip
from a2p_backend.motion.windowed import windowed_denoiser
from a2p_backend.motion.windows import edges, lay_in_pauses, lay_windows
from a2p_backend.performer import loudness_of, perform
from a2p_backend.pieces import perform_conversation
from a2p_backend.wire.progress import Cancelled, Progress
from a2p_backend.wire.settings import GenerateSettings
from tests.tiny_actor import write_conversation, write_tiny_actor, write_tone

SETTINGS = GenerateSettings(steps=4, seed=3)
OTHER_SEED = GenerateSettings(steps=4, seed=4)


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
    other = perform(clip, actor, OTHER_SEED)
    assert first.pose.tobytes() == again.pose.tobytes()
    assert first.face.tobytes() == again.face.tobytes()
    assert np.abs(first.pose - other.pose).max() > 0.1


def test_a_wider_nucleus_gives_more_varied_guides(actor: Actor, clip: Clip) -> None:
    def guides(top_p: float) -> set[bytes]:
        return {
            perform(clip, actor, GenerateSettings(steps=2, seed=seed, top_p=top_p)).guide.tobytes()
            for seed in range(3)
        }

    assert len(guides(0.001)) == 1
    assert len(guides(1.0)) == 3


def test_a_clip_shorter_than_the_networks_need_keeps_its_length(actor: Actor, tmp_path) -> None:
    performance = perform(load_clip(write_tone(tmp_path / "short.wav", seconds=1)), actor, SETTINGS)
    assert performance.pose.shape == (30, 104)
    assert performance.guide.shape == (1, 104)


def test_a_long_clip_has_no_seam(actor: Actor, tmp_path) -> None:
    clip = load_clip(write_tone(tmp_path / "long.wav", seconds=45))
    performance = perform(clip, actor, SETTINGS)
    assert performance.pose.shape == (1350, 104)
    assert performance.guide.shape == (45, 104)
    speed = np.linalg.norm(np.diff(performance.pose, axis=0), axis=1)
    borders = edges(lay_in_pauses(1350, loudness_of(clip, 1350)))
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


def test_two_people_hear_each_other(actor: Actor, tmp_path) -> None:
    path = write_conversation(tmp_path / "two.wav")
    clips = load_clip(path), load_clip(path, speaker="right")
    left, right = perform_conversation(clips, (actor, actor), SETTINGS)
    assert (left.settings["speaker"], right.settings["speaker"]) == ("left", "right")
    assert left.clip_sha256 == right.clip_sha256
    assert np.abs(left.pose - right.pose).max() > 0.1
    swapped = clips[1], clips[0]
    alone = perform(swapped[1], actor, SETTINGS)
    assert left.pose.tobytes() == alone.pose.tobytes()


def test_conditions_beyond_the_budget_are_computed_anew_to_the_same_end(
    actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = lay_windows(1350)
    tokens = [torch.randn(1, window.length, 16) for window in windows]
    noise = torch.randn(1, 1350, 256)
    compute = Mock(wraps=actor.face.conditions_of_tokens)
    monkeypatch.setattr(actor.face, "conditions_of_tokens", compute)
    motions, computed = [], []
    for budget in (1 << 30, 0):
        compute.reset_mock()
        denoise = windowed_denoiser(actor.face, windows, tokens, None, 2.0, lambda: False, budget)
        motions.append([denoise(noise, torch.tensor([step])) for step in (900, 500)])
        computed.append(compute.call_count)
    assert computed[1] == 2 * computed[0]
    assert all(torch.equal(kept, anew) for kept, anew in zip(*motions, strict=True))


def test_half_precision_takes_its_last_step_in_single(
    actor: Actor, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = {}
    for part in (actor.denoiser, actor.face):
        assert part is not None
        seen = computed[part] = []

        def guided(*inputs, _part=part, _seen=seen, _guided=part.guided):
            _seen.append(_part.arithmetic)
            return _guided(*inputs)

        monkeypatch.setattr(part, "guided", guided)
    monkeypatch.setattr("a2p_backend.performer.arithmetic", lambda precision, device: torch.bfloat16)
    perform(clip, actor, SETTINGS)
    for seen in computed.values():
        assert seen == [torch.bfloat16] * 3 + [torch.float32]


@pytest.mark.parametrize("missing", ["face", "guide"])
def test_what_an_actor_lacks_stays_at_rest_and_is_said(missing: str, clip: Clip, tmp_path) -> None:
    kept = tuple(name for name in ("face", "guide", "codec", "body") if name != missing)
    performance = perform(clip, load_actor(write_tiny_actor(tmp_path / "partial", kept)), SETTINGS)
    resting, moving = (
        (performance.face, performance.pose) if missing == "face" else (performance.pose, performance.face)
    )
    assert not resting.any()
    assert moving.any()
    assert performance.missing == (("face",) if missing == "face" else ("body",))
    assert any("stays at rest" in warning or "mean pose" in warning for warning in performance.warnings)
