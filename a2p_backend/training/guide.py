"""Trains the guide: which code comes next, given the audio and the codes so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from a2p_backend.motion.guide_transformer import GuideConfig, GuideTransformer
from a2p_backend.motion.vq_codec import VQCodec
from a2p_backend.training.alignment import align
from a2p_backend.training.corpus import Corpus, Heard
from a2p_backend.training.guide_poses import Stretches
from a2p_backend.training.loop import LoopConfig, Progress, Trainable, fit
from a2p_backend.training.scenes import GUIDE_INTERVAL
from a2p_backend.training.workshop import WORKSPACE, add_network, trained_codec

_LOST_STEPS = 24
"""Audio steps that each group of the guide's convolutions takes from a clip, half at either end."""


@dataclass(frozen=True)
class GuideTraining:
    """Released settings but for the sizes: label smoothing 0.1, conditions dropped for one clip in five."""

    network: GuideConfig = field(default_factory=GuideConfig)
    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(steps=8000, learning_rate=1e-3, weight_decay=0.1)
    )
    batch: int = 16
    shortest: int = 4
    longest: int = 20
    """Seconds of an item: one length a batch."""
    drop: float = 0.2
    label_smoothing: float = 0.1


def train_guide(
    corpus: Corpus, config: GuideTraining, out: Path, on_progress: Progress | None = None
) -> None:
    """Trains the guide into the actor folder `out`, which must hold its codec; repeated after a stop, it
    goes on.
    """
    torch.manual_seed(config.loop.seed)
    trainer = _Guide(corpus, config, trained_codec(out))
    network = fit(trainer, config.loop, out / WORKSPACE, "guide", on_progress)
    add_network(out, corpus, "guide", network, config.network)


class _Guide(Trainable):
    def __init__(self, corpus: Corpus, config: GuideTraining, codec: VQCodec) -> None:
        self.corpus = corpus
        self.config = config
        self.codec = codec
        self.network: GuideTransformer = GuideTransformer(config.network)
        rate = GUIDE_INTERVAL / config.network.depth
        for layer in self.network.seqTransDecoder.stack:
            align(
                layer.multihead_attn,
                layer.norm2,
                self.network.norm_cond,
                rate,
                shift=-_LOST_STEPS / 2 * config.network.audio_layers,
            )

    def losses(self, rng: np.random.Generator) -> Mapping[str, Tensor]:
        seconds = int(rng.integers(self.config.shortest, self.config.longest + 1))
        size = max(1, self.config.batch * self.config.longest // seconds)
        batch = self.corpus.guide_poses().batch(size, seconds, rng)
        dropped = torch.from_numpy(rng.random(size) < self.config.drop)
        logits, codes = self._predict(self.network, batch, self.corpus.train, dropped)
        loss = functional.cross_entropy(
            logits.flatten(0, 1), codes.flatten(), label_smoothing=self.config.label_smoothing
        )
        return {"total": loss, "accuracy": (logits.detach().argmax(dim=-1) == codes).float().mean()}

    @torch.no_grad()
    def validate(self, network: nn.Module) -> Mapping[str, float]:
        poses = self.corpus.guide_poses(validation=True)
        batch = poses.batch(24, self.config.longest, np.random.default_rng(0))
        logits, codes = self._predict(network, batch, self.corpus.validation, None)
        return {"validation": float(functional.cross_entropy(logits.flatten(0, 1), codes.flatten()))}

    def _predict(
        self, network: nn.Module, batch: Stretches, heard: Heard, dropped: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Logits (B, N, codes) and the codes (B, N) that they should foretell."""
        with torch.no_grad():
            codes = self.codec.encode(batch.poses).flatten(1)
        start = torch.full_like(codes[:, :1], self.config.network.start)
        prefix = torch.cat([start, codes[:, :-1]], dim=1)
        features = heard.stretches(batch.scenes, batch.starts, batch.poses.shape[1] * GUIDE_INTERVAL)
        return network.logits(prefix, features, dropped), codes
