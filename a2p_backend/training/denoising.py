"""What training the body's and the face's denoiser have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from a2p_backend.motion.diffusion import Diffusion, motion_losses
from a2p_backend.motion.film_transformer import FiLMConfig, FiLMTransformer
from a2p_backend.training.corpus import Corpus, Heard
from a2p_backend.training.dataset import Batch
from a2p_backend.training.loop import Trainable
from a2p_backend.training.scenes import Signal

_VALIDATION_FRAMES = 240
_VALIDATION_ITEMS = 16


@dataclass(frozen=True)
class Lengths:
    """Items of one batch are equally long, so that nothing is padded; lengths (frames) are drawn log-
    uniformly between shortest and longest, and a batch holds about `frames` frames in all.
    """

    shortest: int = 64
    longest: int = 600
    frames: int = 2400

    def draw(self, rng: np.random.Generator) -> tuple[int, int]:
        """Items of a batch, and frames of each."""
        length = int(np.exp(rng.uniform(np.log(self.shortest), np.log(self.longest + 1))))
        return max(1, self.frames // length), length


class DenoiserTrainer(Trainable):
    """Denoises random stretches of the training scenes; the loss is that of the paper (masked MSE of
    positions, weighted MSE of velocities), over the numbers that ever change.

    Numbers that never change come out as their mean exactly: their output weights are zero and get no
    gradient.
    """

    def __init__(
        self,
        corpus: Corpus,
        signal: Signal,
        network: FiLMConfig,
        lengths: Lengths,
        velocity_weight: float,
        drop: float,
    ) -> None:
        self.corpus = corpus
        self.signal = signal
        self.lengths = lengths
        self.velocity_weight = velocity_weight
        self.drop = drop
        self.diffusion = Diffusion.create()
        self.moving = corpus.moving(signal)
        self.emphasis = torch.ones(signal.width)
        self.network: FiLMTransformer = FiLMTransformer(network)
        if not network.output_width:
            with torch.no_grad():
                self.network.final_layer.weight[~self.moving] = 0.0
                self.network.final_layer.bias[~self.moving] = 0.0

    def guide(self, batch: Batch, rng: np.random.Generator) -> Tensor | None:
        """Guide poses (B, K, C) of a batch, for a network that takes them."""
        return None

    def more_losses(self, prediction: Tensor, target: Tensor) -> Mapping[str, Tensor]:
        """Terms beside position and velocity, weighted, of predicted and true motion (B, T, C)."""
        return {}

    def losses(self, rng: np.random.Generator) -> Mapping[str, Tensor]:
        size, length = self.lengths.draw(rng)
        batch = self.corpus.dataset(self.signal, length).batch(size, rng)
        index = torch.from_numpy(rng.integers(0, len(self.diffusion), size))
        drops = torch.from_numpy(rng.random((2, size)) < self.drop)
        prediction = self._predict(self.network, batch, self.corpus.train, index, rng, drops)
        return self._losses(prediction, batch)

    @torch.no_grad()
    def validate(self, network: nn.Module) -> Mapping[str, float]:
        rng = np.random.default_rng(0)
        torch.manual_seed(0)
        data = self.corpus.dataset(self.signal, _VALIDATION_FRAMES, validation=True)
        batch = data.batch(_VALIDATION_ITEMS, rng)
        index = torch.linspace(0, len(self.diffusion) - 1, _VALIDATION_ITEMS).long()
        drops = torch.zeros(2, _VALIDATION_ITEMS, dtype=torch.bool)
        losses = self._losses(self._predict(network, batch, self.corpus.validation, index, rng, drops), batch)
        figures = {"validation": float(losses["total"])}
        return figures | ({"validation_feet": float(losses["feet"])} if "feet" in losses else {})

    def _predict(
        self,
        network: nn.Module,
        batch: Batch,
        heard: Heard,
        index: Tensor,
        rng: np.random.Generator,
        drops: Tensor,
    ) -> Tensor:
        noisy = self.diffusion.noised(batch.motion, index, torch.randn_like(batch.motion))
        conditions = network.conditions(
            heard.of(batch), self.guide(batch, rng), drop_audio=drops[0], drop_guide=drops[1]
        )
        return network(noisy, self.diffusion.step_numbers(index), conditions)

    def _losses(self, prediction: Tensor, batch: Batch) -> Mapping[str, Tensor]:
        emphasis = self.emphasis[self.moving].sqrt()
        basic = motion_losses(
            emphasis * prediction[..., self.moving],
            emphasis * batch.motion[..., self.moving],
            batch.mask,
            batch.present,
            self.velocity_weight,
        )
        losses = {"position": basic.position.mean(), "velocity": basic.velocity.mean()}
        more = self.more_losses(prediction, batch.motion)
        total = basic.total.mean() + sum(more.values())
        return {"total": total, **losses, **more}
