"""Stretches of guide poses, one a second, for the codec and the guide.

A `MotionDataset` reads and normalises every frame of an item, of which these two would throw away 29 in 30.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from a2p_backend.actors.statistics import Statistics
from a2p_backend.training.scenes import GUIDE_INTERVAL, DatasetError, Scene, Signal


@dataclass(frozen=True, eq=False)
class Stretches:
    """poses (B, K, 104), normalised; scenes (B,): which scene each is of; starts (B,): its first frame."""

    poses: Tensor
    scenes: Tensor
    starts: Tensor


@dataclass(frozen=True, eq=False)
class GuidePoses:
    """The guide poses of some scenes, whichever frame the first one falls on."""

    scenes: Sequence[Scene]
    statistics: Statistics

    def batch(self, size: int, seconds: int, rng: np.random.Generator) -> Stretches:
        """`size` stretches of `seconds` poses, scenes drawn in proportion to their length.

        Raises DatasetError where a scene is too short.
        """
        frames = seconds * GUIDE_INTERVAL
        lengths = np.array([scene.frames for scene in self.scenes])
        if lengths.min() < frames:
            short = self.scenes[int(lengths.argmin())]
            raise DatasetError(
                f"{short.name} has {short.frames} frames, too few to draw {frames} from; leave it out."
            )
        scenes = rng.choice(len(lengths), size, p=lengths / lengths.sum())
        starts = rng.integers(0, lengths[scenes] - frames + 1)
        poses = [
            self.scenes[scene].motion(Signal.POSE, start, start + frames, GUIDE_INTERVAL)
            for scene, start in zip(scenes, starts, strict=True)
        ]
        normalised = self.statistics.normalise_pose(np.stack(poses))
        return Stretches(torch.from_numpy(normalised), torch.from_numpy(scenes), torch.from_numpy(starts))
