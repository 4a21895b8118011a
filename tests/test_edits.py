"""Performances made around what stays of earlier ones, mostly on networks small enough to be instant."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import soundfile

import a2p_backend
from a2p_backend.actors.actor import Actor, load_actor
from a2p_backend.audio.clip import Clip, load_clip
from a2p_backend.performer import perform
from a2p_backend.wire.edit import Edit, EditError
from a2p_backend.wire.settings import GenerateSettings
from kinematics.body_parts import BODY_PARTS
from tests.tiny_actor import write_tiny_actor, write_tone

CONVERSATION = Path(a2p_backend.__file__).parent / "assets" / "conversation.flac"

SETTINGS = GenerateSettings(steps=4, seed=3)
OTHER_SEED = GenerateSettings(steps=4, seed=4)


@pytest.fixture(scope="module")
def actor(tmp_path_factory: pytest.TempPathFactory) -> Actor:
    return load_actor(write_tiny_actor(tmp_path_factory.mktemp("actors") / "tiny"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return load_clip(write_tone(tmp_path_factory.mktemp("clips") / "tone.wav", seconds=3))


@pytest.fixture(scope="module")
def trained() -> Actor:
    return load_actor("default")


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    path = tmp_path_factory.mktemp("clips") / "speech.wav"
    samples, rate = soundfile.read(CONVERSATION, frames=5 * 24_000)
    soundfile.write(path, samples, rate)
    return load_clip(path)


def test_locked_frames_stay_and_guide_the_rest(actor: Actor, clip: Clip) -> None:
    start = perform(clip, actor, SETTINGS)
    edit = Edit(start=start, locked_pose=((45, 70),), locked_face=((0, 30), (60, 80)))
    again = perform(clip, actor, OTHER_SEED, edit)
    np.testing.assert_allclose(again.pose[45:70], start.pose[45:70], atol=1e-3)
    np.testing.assert_allclose(again.face[60:80], start.face[60:80], atol=1e-3)
    np.testing.assert_allclose(again.guide[2], start.pose[60], atol=1e-3)
    assert np.abs(again.pose[:20] - start.pose[:20]).max() > 0.1
    assert np.abs(again.face[35:55] - start.face[35:55]).max() > 0.1
    assert again.edit["locked_face"] == [[0, 30], [60, 80]]


def test_what_is_made_anew_joins_a_lock_without_a_jump(trained: Actor, speech: Clip) -> None:
    start = perform(speech, trained, GenerateSettings(seed=3))
    edit = Edit(start=start, locked_pose=((60, 100),), locked_face=((60, 100),))
    again = perform(speech, trained, GenerateSettings(seed=4), edit)
    codes = len(trained.manifest.face_codes)
    for motion in (
        trained.statistics.normalise_pose(again.pose),
        trained.statistics.normalise_face(again.face)[:, :codes],
    ):
        for order in (1, 2):  # velocity, acceleration
            change = np.linalg.norm(np.diff(motion, n=order, axis=0), axis=1)
            at_edges = [change[edge - 2 : edge + 1].max() for edge in (60, 100)]
            assert max(at_edges) <= np.percentile(change, 99)


def test_kept_parts_stay_throughout(actor: Actor, clip: Clip) -> None:
    start = perform(clip, actor, SETTINGS)
    again = perform(clip, actor, OTHER_SEED, Edit(start=start, kept=("legs", "face")))
    legs, arm = list(BODY_PARTS["legs"]), list(BODY_PARTS["left_arm"])
    np.testing.assert_allclose(again.pose[:, legs], start.pose[:, legs], atol=1e-3)
    np.testing.assert_allclose(again.face, start.face, atol=1e-3)
    assert np.abs(again.pose[:, arm] - start.pose[:, arm]).max() > 0.1


def test_a_strength_decides_how_far_a_variation_strays(trained: Actor, speech: Clip) -> None:
    start = perform(speech, trained, GenerateSettings(seed=3))

    def change(strength: float) -> tuple[float, float]:
        again = perform(speech, trained, GenerateSettings(seed=4), Edit(start=start, strength=strength))
        return float(np.abs(again.pose - start.pose).mean()), float(np.abs(again.face - start.face).mean())

    for none, some, much in zip(change(0.0), change(0.4), change(0.8), strict=True):
        assert none < some < much


def test_given_guide_poses_are_kept_and_heeded(actor: Actor, clip: Clip) -> None:
    free = perform(clip, actor, SETTINGS)
    guide = np.full((3, 104), np.nan, np.float32)
    guide[1] = 2.0
    steered = perform(clip, actor, SETTINGS, Edit(guide=guide))
    np.testing.assert_allclose(steered.guide[1], 2.0, atol=1e-5)
    np.testing.assert_array_equal(steered.guide[0], free.guide[0])
    assert np.abs(steered.guide[2:] - free.guide[2:]).max() > 0.01
    assert np.abs(steered.pose - free.pose).max() > 0.01
    assert steered.edit["guide_given"] == [1]


def test_the_same_edit_gives_the_same_bytes(actor: Actor, clip: Clip) -> None:
    start = perform(clip, actor, SETTINGS)
    edit = Edit(start=start, strength=0.6, locked_pose=((30, 50),), kept=("head",))
    first, again = (perform(clip, actor, OTHER_SEED, edit) for _ in range(2))
    assert first.pose.tobytes() == again.pose.tobytes()
    assert first.face.tobytes() == again.face.tobytes()


def test_edits_that_do_not_fit_are_refused(actor: Actor, clip: Clip) -> None:
    start = perform(clip, actor, SETTINGS)
    shorter = dataclasses.replace(start, pose=start.pose[:60], face=start.face[:60], guide=start.guide[:2])
    for edit, sentence in (
        (Edit(start=start, locked_pose=((80, 91),)), "lock from frame 80 to 91 reaches past the clip"),
        (Edit(guide=np.zeros((4, 104), np.float32)), "guide has 4 poses: the clip needs 3"),
        (Edit(start=shorter), "has 60 frames but the clip 90"),
        (Edit(start=dataclasses.replace(start, actor="PXB184")), "is PXB184's"),
    ):
        with pytest.raises(EditError, match=sentence):
            perform(clip, actor, SETTINGS, edit)
