"""Trains the face's denoiser."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from a2p_backend.motion.film_transformer import FiLMConfig
from a2p_backend.training.corpus import Corpus
from a2p_backend.training.denoising import DenoiserTrainer, Lengths
from a2p_backend.training.loop import LoopConfig, Progress, fit
from a2p_backend.training.scenes import Signal
from a2p_backend.training.workshop import WORKSPACE, add_network


@dataclass(frozen=True)
class FaceTraining:
    """velocity_weight is 0 in the released trainer."""

    network: FiLMConfig
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=20_000))
    lengths: Lengths = field(default_factory=Lengths)
    velocity_weight: float = 0.0
    drop: float = 0.2


def train_face(corpus: Corpus, config: FaceTraining, out: Path, on_progress: Progress | None = None) -> None:
    """Trains the face's denoiser into the actor folder `out`; repeated after a stop, it goes on."""
    torch.manual_seed(config.loop.seed)
    trainer = DenoiserTrainer(
        corpus, Signal.FACE, config.network, config.lengths, config.velocity_weight, config.drop
    )
    network = fit(trainer, config.loop, out / WORKSPACE, "face", on_progress)
    add_network(out, corpus, "face", network, config.network)
