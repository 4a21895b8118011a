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
from a2p_backend.training.codec_start import (
    emphasis_of,
    reach_of_parameters,
    start_as_principal_components,
)
from a2p_backend.training.corpus import Corpus
from a2p_backend.training.loop import LoopConfig, Progress, Trainable, fit
from a2p_backend.training.workshop import WORKSPACE, add_network
from kinematics.body import Body, load_default_body

_STARTING_BATCH = 256


@dataclass(frozen=True)
class CodecTraining:
    """Released settings but for the sizes, the start and the emphasis: smooth-L1 reconstruction, commitment,
    and velocities along time.

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
    noise_share: float = 0.5
    """Share of the items whose latents get noise as large as the quantiser's error instead of that error."""
    least_emphasis: float = 0.35
    """A parameter's errors weigh as far as it moves the body's joints, at least this times the usual."""


def train_codec(
    corpus: Corpus,
    config: CodecTraining,
    out: Path,
    on_progress: Progress | None = None,
    body: Body | None = None,
) -> None:
    """Trains the codec into the actor folder `out`; repeated after a stop, it goes on. `body` is the actor's
    own where that is not the default one.
    """
    torch.manual_seed(config.loop.seed)
    trainer = _Codec(corpus, config, body or load_default_body())
    network = fit(trainer, config.loop, out / WORKSPACE, "codec", on_progress)
    add_network(out, corpus, "codec", network, config.network)


class _Codec(Trainable):
    def __init__(self, corpus: Corpus, config: CodecTraining, body: Body) -> None:
        self.config = config
        self.network: VQCodec = VQCodec(config.network)
        self.data, self.held_out = corpus.guide_poses(), corpus.guide_poses(validation=True)
        self.emphasis = emphasis_of(reach_of_parameters(body, corpus.statistics), config.least_emphasis)
        some = self.data.batch(_STARTING_BATCH, config.seconds, np.random.default_rng(config.loop.seed))
        start_as_principal_components(self.network, some.poses, self.emphasis)

    def losses(self, rng: np.random.Generator) -> Mapping[str, Tensor]:
        poses = self.data.batch(self.config.batch, self.config.seconds, rng).poses
        latents = self.network.latents(poses)
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        quantised, codes, commitment = self.network.quantizer(latents, generator)
        noisy = torch.from_numpy(rng.random(len(poses)) < self.config.noise_share)
        coarse = torch.where(noisy[:, None, None], _with_noise_for(latents, quantised), quantised)
        decoded = self.network.decoder(coarse.transpose(1, 2)).transpose(1, 2)
        astray = self.emphasis * (decoded - poses)
        reconstruction, velocity = (_smooth_l1(error) for error in (astray, astray.diff(dim=1)))
        total = (
            reconstruction
            + self.config.commitment_weight * commitment
            + self.config.velocity_weight * velocity
        )
        return {
            "total": total,
            "reconstruction": reconstruction,
            "velocity": velocity,
            "commitment": commitment,
            "perplexity": perplexity(codes, self.config.network.codes),
        }

    @torch.no_grad()
    def validate(self, network: nn.Module) -> Mapping[str, float]:
        poses = self.held_out.batch(64, self.config.seconds, np.random.default_rng(0)).poses
        return {
            "validation": float((self.emphasis * (network(poses).reconstruction - poses)).square().mean())
        }


def _smooth_l1(error: Tensor) -> Tensor:
    return functional.smooth_l1_loss(error, torch.zeros_like(error))


def _with_noise_for(latents: Tensor, quantised: Tensor) -> Tensor:
    """Latents (B, K, width) moved at random as far as quantising moves them: noise, unlike the quantiser,
    lets a gradient reach every direction (Vali and Backstrom, "NSVQ: Noise Substitution in Vector
    Quantization", 2022).
    """
    noise = torch.randn_like(latents)
    error = (quantised - latents).detach().norm(dim=-1, keepdim=True)
    return latents + error / noise.norm(dim=-1, keepdim=True) * noise
