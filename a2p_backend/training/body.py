"""Trains the body's denoiser, with a term that keeps the feet where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from a2p_backend.actors.statistics import Statistics
from a2p_backend.motion.film_transformer import FiLMConfig
from a2p_backend.motion.vq_codec import VQCodec
from a2p_backend.training.alignment import align
from a2p_backend.training.corpus import Corpus
from a2p_backend.training.dataset import Batch
from a2p_backend.training.denoising import DenoiserTrainer, Lengths
from a2p_backend.training.loop import LoopConfig, Progress, fit
from a2p_backend.training.scenes import GUIDE_INTERVAL, Signal
from a2p_backend.training.workshop import WORKSPACE, add_network, trained_codec
from kinematics.body import Body, load_default_body

FOOT_JOINTS = ("b_r_subtalar", "b_r_ball", "b_l_subtalar", "b_l_ball")
FINGERS = slice(58, 104)
_STEP = 1e-3


@dataclass(frozen=True)
class BodyTraining:
    """velocity_weight is the released one; the released trainer has no term for the feet."""

    network: FiLMConfig
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=20_000))
    lengths: Lengths = field(default_factory=Lengths)
    velocity_weight: float = 2.0
    feet_weight: float = 0.1
    """Of the feet's mean squared error: of their places in cm, and a tenth of that of their speeds in cm/s.
    """
    drop: float = 0.2
    finger_weight: float = 1.0
    """Of the fingers' parameters, which are nearly half of all, in positions and velocities."""
    coded_guides: float = 0.6
    """Share of the items whose guide poses went through the codec, as they do when the actor performs."""


def train_body(
    corpus: Corpus,
    config: BodyTraining,
    out: Path,
    on_progress: Progress | None = None,
    body: Body | None = None,
) -> None:
    """Trains the body's denoiser into the actor folder `out`, which must hold the codec; repeated after a
    stop, it goes on. `body` is the actor's own where that is not the default one.
    """
    torch.manual_seed(config.loop.seed)
    trainer = _BodyTrainer(corpus, config, trained_codec(out), body or load_default_body())
    network = fit(trainer, config.loop, out / WORKSPACE, "body", on_progress)
    add_network(out, corpus, "body", network, config.network)


def feet_jacobian(body: Body, statistics: Statistics) -> np.ndarray:
    """(104, 12): how far (cm) the four foot joints move for each normalised parameter, about the mean pose.

    Standing feet never leave that neighbourhood, so the linear map is as good as forward kinematics there.
    """
    joints = [body.skeleton.index(name) for name in FOOT_JOINTS]
    nudges = _STEP * np.diag(statistics.pose_std)
    around = np.concatenate([statistics.pose_mean + nudges, statistics.pose_mean - nudges])
    places = body.global_states(around).translation[:, joints].reshape(2, len(nudges), -1)
    return (places[0] - places[1]) / (2 * _STEP)


class _BodyTrainer(DenoiserTrainer):
    def __init__(self, corpus: Corpus, config: BodyTraining, codec: VQCodec, body: Body) -> None:
        super().__init__(
            corpus, Signal.POSE, config.network, config.lengths, config.velocity_weight, config.drop
        )
        self.config = config
        self.codec = codec
        for layer in self.network.seqTransDecoder.stack:
            align(layer.multihead_attn, layer.norm2, self.network.norm_cond, 1.0)
            align(layer.multihead_attn2, layer.norm2a, self.network.frame_norm_cond, 1.0 / GUIDE_INTERVAL)
        self.emphasis[FINGERS] = config.finger_weight
        self.feet = torch.from_numpy(feet_jacobian(body, corpus.statistics)).float()

    def guide(self, batch: Batch, rng: np.random.Generator) -> Tensor:
        with torch.no_grad():
            decoded = self.codec.decode(self.codec.encode(batch.keyframes))
        coded = torch.from_numpy(rng.random(len(decoded)) < self.config.coded_guides)
        return torch.where(coded[:, None, None], decoded, batch.keyframes)

    def more_losses(self, prediction: Tensor, target: Tensor) -> Mapping[str, Tensor]:
        astray = (prediction - target) @ self.feet
        slide = 30.0 * astray.diff(dim=1)
        return {"feet": self.config.feet_weight * (astray.square().mean() + 0.1 * slide.square().mean())}
