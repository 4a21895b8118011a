"""The synthetic conversation dataset: its form, and that a person could move like that."""

from __future__ import annotations

import filecmp
from pathlib import Path

import numpy as np
import pytest
import soundfile

from a2p_backend.training.scenes import Scene, Signal, read_scenes
from a2p_backend.training.synthetic.demo_clip import ASSET, SECONDS
from a2p_backend.training.synthetic.prosody import analyse
from a2p_backend.training.synthetic.speech import SpeechError, Voice, espeak_installed, speak
from a2p_backend.training.synthetic.statistics import actor_statistics
from kinematics.body import load_default_body
from kinematics.face_codes import FACE_CODE_NAMES
from tests.training.synthetic_scenes import write_dataset


@pytest.fixture(scope="module")
def scenes(synthetic_dataset: Path) -> list[Scene]:
    return read_scenes(synthetic_dataset)


@pytest.fixture(scope="module")
def poses(scenes: list[Scene]) -> np.ndarray:
    """(scenes, T, 104)"""
    return np.stack([scene.motion(Signal.POSE, 0, scene.frames) for scene in scenes]).astype(float)


def talking(scene: Scene) -> np.ndarray:
    """(T,) whether the actor's voice was heard within half a second."""
    loudness = analyse(scene.audio(0, scene.frames)[:, 0]).loudness
    return np.convolve(loudness > 0.5, np.ones(31), mode="same") > 0


def test_the_same_seed_writes_the_same_files(synthetic_dataset: Path, tmp_path: Path) -> None:
    again = write_dataset(tmp_path / "again", scenes=1)
    names = sorted(path.name for path in again.iterdir())
    assert len(names) == 4
    same, _, _ = filecmp.cmpfiles(synthetic_dataset, again, names, shallow=False)
    assert sorted(same) == names


def test_a_folder_with_scenes_is_left_alone(synthetic_dataset: Path) -> None:
    with pytest.raises(Exception, match="already holds scenes"):
        write_dataset(synthetic_dataset)


def test_feet_stay_where_they_stand(poses: np.ndarray) -> None:
    body = load_default_body()
    for joint in ("b_l_ball", "b_r_ball", "b_l_subtalar", "b_r_subtalar"):
        places = body.global_states(poses[:2]).translation[..., body.skeleton.index(joint), :]
        assert np.ptp(places, axis=(0, 1)).max() < 0.1  # cm


def test_postures_are_as_varied_as_real_ones(poses: np.ndarray) -> None:
    _, means, spreads = actor_statistics()
    frames = poses.reshape(-1, 104)
    ratio = frames.std(axis=0) / spreads.mean(axis=1)
    for part in (slice(6, 16), slice(16, 40), slice(58, 104)):  # trunk and head, arms, hands
        assert 0.4 < np.median(ratio[part]) < 1.3
    away = np.abs(frames.mean(axis=0) - means.mean(axis=1)) / spreads.mean(axis=1)
    assert np.median(away[6:]) < 0.5
    knees, elbows = frames[:, [43, 52]], frames[:, [24, 36]]
    assert knees.min() > 0.05
    assert elbows.min() > -0.45  # straight


def test_nothing_pops(poses: np.ndarray) -> None:
    assert np.abs(np.diff(poses, axis=1)).max() < 0.5  # radians in a thirtieth of a second
    assert np.abs(np.diff(poses, n=2, axis=1)).max() < 0.2


def test_hands_talk_while_the_actor_does(scenes: list[Scene], poses: np.ndarray) -> None:
    speed = np.abs(np.diff(poses[..., [22, 23, 24, 34, 35, 36]], axis=1)).mean(axis=-1)
    spoken = np.stack([talking(scene)[1:] for scene in scenes])
    assert speed[spoken].mean() > 2.0 * speed[~spoken].mean()


def test_the_mouth_follows_the_voice(scenes: list[Scene]) -> None:
    for scene in scenes[:3]:
        face = scene.motion(Signal.FACE, 0, scene.frames)
        loudness = analyse(scene.audio(0, scene.frames)[:, 0]).loudness
        assert np.corrcoef(face[:, FACE_CODE_NAMES.index("jaw_open")], loudness)[0, 1] > 0.6
        assert face.min() >= 0.0
        assert face.max() <= 1.0
        assert not face[:, len(FACE_CODE_NAMES) :].any()
        assert (face[:, FACE_CODE_NAMES.index("blink")] > 0.9).sum() >= 3


def test_espeak_speaks_without_silence_around_it() -> None:
    if not espeak_installed():
        pytest.skip("espeak-ng is not installed")
    samples = speak("Good morning.", Voice("en-us+m3", 40, 160))
    assert 0.3 * 48_000 < len(samples) < 2.0 * 48_000
    assert np.abs(samples).max() == pytest.approx(0.7, abs=0.01)


def test_a_missing_espeak_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SpeechError, match="install it"):
        speak("Good morning.", Voice("en-us", 40, 160))


def test_the_demonstration_clip_has_two_voices() -> None:
    samples, rate = soundfile.read(ASSET)
    assert len(samples) == SECONDS * rate
    assert (np.sqrt((samples**2).mean(axis=0)) > 0.01).all()
