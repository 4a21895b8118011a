"""Stretches of one pose a second are those of the recordings, with the sound that belongs to them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from a2p_backend.actors.manifest import MANIFEST_NAME
from a2p_backend.training.corpus import Corpus
from a2p_backend.training.face import FaceTraining, train_face
from a2p_backend.training.guide_poses import GuidePoses
from a2p_backend.training.scenes import DatasetError
from a2p_backend.training.workshop import settled_statistics
from tests.training.test_trainers import FACE


@pytest.fixture(scope="module")
def corpus(synthetic_dataset: Path) -> Corpus:
    return Corpus.load(synthetic_dataset)


def test_one_pose_a_second_from_anywhere_in_a_scene(corpus: Corpus) -> None:
    batch = corpus.guide_poses().batch(12, 8, np.random.default_rng(0))
    assert batch.poses.shape == (12, 8, 104)
    assert batch.poses.dtype == torch.float32
    assert len(set(batch.starts.tolist())) > 6
    for poses, scene, start in zip(batch.poses, batch.scenes, batch.starts, strict=True):
        captured = corpus.splits.train[scene].pose[start + 30 * np.arange(8)]
        np.testing.assert_allclose(poses, corpus.statistics.normalise_pose(captured), atol=1e-6)
    heard = corpus.train.stretches(batch.scenes, batch.starts, 240)
    assert heard[3].equal(corpus.train.features[batch.scenes[3]][batch.starts[3] : batch.starts[3] + 240])


def test_a_scene_of_exactly_one_stretch_is_used(corpus: Corpus) -> None:
    scene = corpus.splits.train[0]
    seconds = scene.frames // 30
    assert scene.frames == 30 * seconds
    poses = GuidePoses([scene], corpus.statistics)
    assert poses.batch(2, seconds, np.random.default_rng(0)).starts.tolist() == [0, 0]
    with pytest.raises(DatasetError, match=f"scene00 has {scene.frames} frames"):
        poses.batch(2, seconds + 1, np.random.default_rng(0))


def test_further_networks_are_trained_with_the_statistics_of_the_first(
    corpus: Corpus, synthetic_dataset: Path, tmp_path: Path
) -> None:
    assert settled_statistics(tmp_path) is None
    once: FaceTraining = dataclasses.replace(FACE, loop=dataclasses.replace(FACE.loop, steps=1))
    other = dataclasses.replace(corpus.statistics, pose_mean=corpus.statistics.pose_mean + 1.0)
    train_face(dataclasses.replace(corpus, statistics=other), once, tmp_path)
    assert (tmp_path / MANIFEST_NAME).exists()
    settled = settled_statistics(tmp_path)
    assert settled is not None
    np.testing.assert_allclose(settled.pose_mean, other.pose_mean)
    assert Corpus.load(synthetic_dataset, statistics=settled).statistics is settled
