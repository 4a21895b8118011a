"""Trains the codec of guide poses: residual vector quantisation of one pose a second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from a2p_backend.motion.vq_codec import CodecConfig, VQCodec, perplexity
from a2p_backend.training.corpus import Corpus
from a2p_backend.training.loop import LoopConfig, Progress, Trainable, fit
from a2p_backend.training.scenes import Signal
from a2p_backend.training.workshop import WORKSPACE, add_network


@dataclass(frozen=True)
class CodecTraining:
    """Released settings but for the sizes: smooth-L1 reconstruction, commitment, and velocities along time.

    (The released trainer takes those differences along the features, which is a slip.)
    """

    network: CodecConfig = field(default_factory=CodecConfig)
    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(steps=6000, learning_rate=1e-3, average_decay=0.99)
    )
    batch: int = 64
    seconds: int = 20
    commitment_weight: float = 0.02
    velocity_weight: float = 0.5


def train_codec(
    corpus: Corpus, config: CodecTraining, out: Path, on_progress: Progress | None = None
) -> None:
    """Trains the codec into the actor folder `out`; repeated after a stop, it goes on."""
    torch.manual_seed(config.loop.seed)
    trainer = _Codec(corpus, config)
    network = fit(trainer, config.loop, out / WORKSPACE, "codec", on_progress)
    add_network(out, corpus, "codec", network, config.network)


class _Codec(Trainable):
    def __init__(self, corpus: Corpus, config: CodecTraining) -> None:
        self.config = config
        self.network: VQCodec = VQCodec(config.network)
        frames = config.seconds * Signal.POSE.keyframe_interval
        self.data = corpus.dataset(Signal.POSE, frames)
        self.held_out = corpus.dataset(Signal.POSE, frames, validation=True)

    def losses(self, rng: np.random.Generator) -> Mapping[str, Tensor]:
        poses = self.data.batch(self.config.batch, rng).keyframes
        output = self.network(poses, torch.Generator().manual_seed(int(rng.integers(2**31))))
        reconstruction = functional.smooth_l1_loss(output.reconstruction, poses)
        velocity = functional.smooth_l1_loss(output.reconstruction.diff(dim=1), poses.diff(dim=1))
        total = (
            reconstruction
            + self.config.commitment_weight * output.commitment
            + self.config.velocity_weight * velocity
        )
        return {
            "total": total,
            "reconstruction": reconstruction,
            "velocity": velocity,
            "commitment": output.commitment,
            "perplexity": perplexity(output.codes, self.config.network.codes),
        }

    @torch.no_grad()
    def validate(self, network: nn.Module) -> Mapping[str, float]:
        poses = self.held_out.batch(64, np.random.default_rng(0)).keyframes
        return {"validation": float((network(poses).reconstruction - poses).square().mean())}
