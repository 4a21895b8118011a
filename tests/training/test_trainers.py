"""Each trainer at toy size: it learns, it can be stopped and go on, and what it leaves is an actor."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from a2p_backend.actors.actor import load_actor
from a2p_backend.motion.film_transformer import FiLMConfig
from a2p_backend.motion.guide_transformer import GuideConfig
from a2p_backend.motion.vq_codec import CodecConfig
from a2p_backend.training.body import FOOT_JOINTS, BodyTraining, feet_jacobian, train_body
from a2p_backend.training.codec import CodecTraining, train_codec
from a2p_backend.training.corpus import Corpus
from a2p_backend.training.denoising import Lengths
from a2p_backend.training.face import FaceTraining, train_face
from a2p_backend.training.guide import GuideTraining, train_guide
from a2p_backend.training.loop import LoopConfig, TrainingError
from a2p_backend.training.scenes import Signal
from kinematics.body import load_default_body

LOOP = LoopConfig(steps=24, learning_rate=3e-3, warm_up=4, log_every=4, validate_every=12, save_every=8)
FILM = FiLMConfig(
    104, width=16, layers=1, heads=2, feed_forward=32, audio_width=82, max_audio_steps=600, dropout=0.0
)
LENGTHS = Lengths(shortest=60, longest=120, frames=480)
CODEC = CodecTraining(CodecConfig(codes=16, width=16, depth=2), LOOP, batch=8, seconds=12)
GUIDE = GuideTraining(
    GuideConfig(
        codes=16,
        depth=2,
        width=16,
        layers=1,
        heads=2,
        feed_forward=32,
        audio_width=82,
        audio_channels=16,
        audio_layers=1,
        max_audio_steps=600,
    ),
    LOOP,
    batch=4,
    longest=8,
)
BODY = BodyTraining(dataclasses.replace(FILM, guide_features=104), LOOP, LENGTHS)
FACE = FaceTraining(dataclasses.replace(FILM, features=256), LOOP, LENGTHS)


@pytest.fixture(scope="module")
def corpus(synthetic_dataset: Path) -> Corpus:
    return Corpus.load(synthetic_dataset)


@pytest.fixture(scope="module")
def actor_folder(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    train_codec(corpus, CODEC, folder)
    train_guide(corpus, GUIDE, folder)
    train_body(corpus, BODY, folder)
    train_face(corpus, FACE, folder)
    return folder


def logged(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "training" / f"{name}.log.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["codec", "guide", "body", "face"])
def test_the_loss_falls(actor_folder: Path, name: str) -> None:
    rows = logged(actor_folder, name)
    assert [int(row["step"]) for row in rows] == [4, 8, 12, 16, 20, 24]
    assert float(rows[-1]["total"]) < 0.97 * float(rows[0]["total"])
    assert float(rows[-1]["validation"]) > 0


def test_what_was_trained_is_an_actor(actor_folder: Path) -> None:
    actor = load_actor(actor_folder, torch.device("cpu"))
    assert actor.performs_body
    assert actor.performs_face


def test_codes_that_never_move_stay_at_rest(actor_folder: Path) -> None:
    actor = load_actor(actor_folder, torch.device("cpu"))
    conditions = actor.face.conditions(torch.randn(1, 60, 82))
    motion = actor.face(torch.randn(1, 60, 256), torch.tensor([10]), conditions)
    assert not motion[..., 6:].any()


class _StopError(Exception):
    pass


def test_a_stopped_training_goes_on_as_if_it_had_not_been(
    corpus: Corpus, actor_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "toy"

    def stop(done: int, total: int, line: str) -> None:
        if done == 12:
            raise _StopError

    with pytest.raises(_StopError):
        train_face(corpus, FACE, folder, stop)
    train_face(corpus, FACE, folder)
    unbroken, resumed = (load_actor(path, torch.device("cpu")).face for path in (actor_folder, folder))
    for first, second in zip(unbroken.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_a_checkpoint_of_another_network_is_refused(corpus: Corpus, actor_folder: Path) -> None:
    other = dataclasses.replace(FACE, network=dataclasses.replace(FACE.network, width=32))
    with pytest.raises(TrainingError, match=r"face\.checkpoint\.pt does not fit"):
        train_face(corpus, other, actor_folder)


@pytest.mark.parametrize("train", [train_guide, train_body])
def test_the_codec_comes_first(corpus: Corpus, tmp_path: Path, train: Callable[..., None]) -> None:
    train_face(corpus, dataclasses.replace(FACE, loop=dataclasses.replace(LOOP, steps=1)), tmp_path / "toy")
    with pytest.raises(TrainingError, match="train the codec first"):
        train(corpus, GUIDE if train is train_guide else BODY, tmp_path / "toy")


def test_the_feet_of_the_loss_are_the_bodys(corpus: Corpus) -> None:
    body = load_default_body()
    joints = [body.skeleton.index(name) for name in FOOT_JOINTS]
    scene = corpus.splits.train[0]
    pose = corpus.statistics.normalise_pose(scene.motion(Signal.POSE, 0, scene.frames))
    rng = np.random.default_rng(0)
    moved = pose[:50] + 0.1 * rng.standard_normal((50, 104))
    places = [
        body.global_states(corpus.statistics.denormalise_pose(each)).translation[:, joints].reshape(50, -1)
        for each in (pose[:50], moved)
    ]
    linear = (moved - pose[:50]) @ feet_jacobian(body, corpus.statistics)
    np.testing.assert_allclose(places[1] - places[0], linear, atol=0.3)  # cm
