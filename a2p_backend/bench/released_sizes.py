"""An actor of the released sizes with made-up weights: its motion means nothing, what it costs does."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import torch
from torch import nn

from a2p_backend.actors.actor import Actor
from a2p_backend.actors.manifest import ActorManifest
from a2p_backend.actors.statistics import Statistics
from a2p_backend.audio.wav2vec import LipAudioEncoder, VQWav2Vec
from a2p_backend.bench.seeding import seed_weights
from a2p_backend.motion.film_transformer import FiLMConfig, FiLMTransformer
from a2p_backend.motion.guide_transformer import GuideTransformer
from a2p_backend.motion.lip_regressor import LipRegressor
from a2p_backend.motion.vq_codec import VQCodec
from a2p_backend.wire.performance import FACE_SIZE, POSE_SIZE
from kinematics.body import load_default_body

NAME = "released-sizes"

Network = TypeVar("Network", bound=nn.Module)


def released_sizes_actor(device: torch.device) -> Actor:
    """Builds the actor in memory."""

    def seeded(network: Network, prefix: str = "") -> Network:
        seed_weights(network, prefix)
        return network.requires_grad_(False).to(device)

    features = VQWav2Vec()
    seed_weights(features.wav2vec, "audio_model.")
    return Actor(
        manifest=ActorManifest(name=NAME, features={"kind": VQWav2Vec.kind}, networks={}),
        statistics=Statistics(
            np.zeros(POSE_SIZE),
            np.ones(POSE_SIZE),
            np.zeros(FACE_SIZE),
            np.ones(FACE_SIZE),
            np.zeros(2),
            np.array(0.1),
        ),
        features=features.eval().requires_grad_(False).to(device),
        face=seeded(FiLMTransformer(FiLMConfig.released_face())),
        lip=seeded(LipRegressor(LipAudioEncoder()), "lip_model."),
        guide=seeded(GuideTransformer()),
        codec=seeded(VQCodec()),
        denoiser=seeded(FiLMTransformer(FiLMConfig.released_body())),
        body=load_default_body(),
        device=device,
    )
