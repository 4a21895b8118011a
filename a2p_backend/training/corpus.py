"""A dataset folder made ready for the trainers: its splits, statistics and audio features."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from a2p_backend.actors.statistics import Statistics
from a2p_backend.audio.features import AudioFeatures, build_features
from a2p_backend.audio.log_mel import LogMel
from a2p_backend.training.dataset import Batch, MotionDataset
from a2p_backend.training.guide_poses import GuidePoses
from a2p_backend.training.scenes import (
    SAMPLES_PER_FRAME,
    Scene,
    Signal,
    Splits,
    measure_range,
    measure_statistics,
    read_scenes,
    split_scenes,
)

_BLOCK = 1800  # frames whose features are computed at once


@dataclass(frozen=True, eq=False)
class Heard:
    """Scenes whose audio features are known frame by frame: each (T, width) float32."""

    features: tuple[Tensor, ...]

    def of(self, batch: Batch) -> Tensor:
        """Features (B, T, width) of a batch's items, all of which must fill their T frames."""
        return self.stretches(batch.scenes, batch.starts, batch.motion.shape[1])

    def stretches(self, scenes: Tensor, starts: Tensor, frames: int) -> Tensor:
        """Features (B, frames, width) from the frames `starts` (B,) of the scenes (B,) on."""
        places = zip(scenes.tolist(), starts.tolist(), strict=True)
        return torch.stack([self.features[scene][start : start + frames] for scene, start in places])


@dataclass(frozen=True, eq=False)
class Corpus:
    """One person's recordings, ready to train on."""

    splits: Splits
    statistics: Statistics
    features: AudioFeatures
    features_config: Mapping[str, Any]
    train: Heard
    validation: Heard

    @classmethod
    def load(
        cls,
        folder: Path,
        features: Mapping[str, Any] | None = None,
        statistics: Statistics | None = None,
    ) -> Corpus:
        """Reads a dataset folder, measures the training split and listens to all but the test scenes.

        features: the audio front end's configuration; it must give one step a frame, as log-mel does.
        statistics: those of the actor whose other networks are trained already, on whatever recordings.
        """
        config = dict(features or {"kind": LogMel.kind})
        front_end = build_features(config)
        splits = split_scenes(read_scenes(folder))
        if statistics is None:
            statistics = measure_statistics(splits.train)
            # Log-mel measures decibels of full scale, not of the dataset's loudness.
            if config["kind"] == LogMel.kind:
                statistics = dataclasses.replace(statistics, audio_mean=np.zeros(2), audio_std=np.ones(()))
        train, validation = (
            _listen(scenes, front_end, statistics) for scenes in (splits.train, splits.validation)
        )
        return cls(splits, statistics, front_end, config, train, validation)

    def dataset(self, signal: Signal, frames: int, *, validation: bool = False) -> MotionDataset:
        """Items of exactly `frames` frames, without their audio: `train` and `validation` hold the
        features.
        """
        scenes = self.splits.validation if validation else self.splits.train
        return MotionDataset(scenes, signal, self.statistics, longest=frames, shortest=None, with_audio=False)

    def guide_poses(self, *, validation: bool = False) -> GuidePoses:
        """Stretches of guide poses."""
        return GuidePoses(self.splits.validation if validation else self.splits.train, self.statistics)

    def moving(self, signal: Signal) -> Tensor:
        """(C,) booleans: which numbers of a frame ever change in the training scenes."""
        low, high = measure_range(self.splits.train, signal)
        return torch.from_numpy(high - low > 1e-6)


@torch.no_grad()
def _listen(scenes: Sequence[Scene], features: AudioFeatures, statistics: Statistics) -> Heard:
    heard = []
    for scene in scenes:
        blocks = []
        for start in range(0, scene.frames, _BLOCK):
            audio = statistics.normalise_audio(scene.audio(start, min(start + _BLOCK, scene.frames)))
            steps = features(torch.from_numpy(audio)[None])[0]
            if len(steps) * SAMPLES_PER_FRAME != len(audio):
                raise ValueError("the trainers need audio features of one step a frame")
            blocks.append(steps)
        heard.append(torch.cat(blocks))
    return Heard(tuple(heard))
