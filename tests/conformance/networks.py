"""The networks of the goldens: released sizes, weights by name, and what they hear of the stored clips.

Everything is kept between tests: filling a network's weights costs more than running it.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from a2p_backend.audio.wav2vec import LipAudioEncoder, VQWav2Vec, Wav2VecConfig
from a2p_backend.bench.seeding import seed_weights
from a2p_backend.motion.film_transformer import Conditions, FiLMConfig, FiLMTransformer
from a2p_backend.motion.guide_transformer import GuideConfig, GuideTransformer
from a2p_backend.motion.lip_regressor import LipRegressor
from a2p_backend.motion.vq_codec import VQCodec

from .goldens import read_npz


@functools.cache
def body_denoiser() -> FiLMTransformer:
    return _seeded(FiLMTransformer(FiLMConfig.released_body()))


@functools.cache
def face_denoiser() -> FiLMTransformer:
    return _seeded(FiLMTransformer(FiLMConfig.released_face()))


@functools.cache
def guide(audio_layers: int) -> GuideTransformer:
    return _seeded(GuideTransformer(GuideConfig(audio_layers=audio_layers)))


@functools.cache
def codec() -> VQCodec:
    return _seeded(VQCodec())


@functools.cache
def audio_network(log_compression: bool = True) -> VQWav2Vec:
    network = VQWav2Vec(Wav2VecConfig.vq_wav2vec(log_compression))
    _seeded(network.wav2vec, "audio_model.")
    return network


@functools.cache
def lip_regressor() -> LipRegressor:
    return _seeded(LipRegressor(LipAudioEncoder()), "lip_model.")


def _seeded(network: nn.Module, prefix: str = "") -> nn.Module:
    return seed_weights(network, prefix).requires_grad_(False)


def audio(inputs: Path, batch: int) -> Tensor:
    """Normalised audio (batch, S, 2) at 48 kHz of the first clips in a file of inputs."""
    return torch.from_numpy(read_npz(inputs)["audio_i16"][:batch].astype(np.float32) / 8192)


def motion(array: np.ndarray) -> Tensor:
    """Motion as it is stored (B, C, 1, T) in our order (B, T, C)."""
    return torch.from_numpy(array)[:, :, 0].transpose(1, 2)


@functools.cache
def audio_features(inputs: Path, batch: int) -> Tensor:
    """What body and guide hear of the first clips: (batch, L, 1024)."""
    return audio_network()(audio(inputs, batch))


@functools.cache
def face_features(inputs: Path, batch: int) -> Tensor:
    """What the face hears of the first clips: (batch, L, 2038)."""
    features = audio_features(inputs, batch)
    return torch.cat(
        [features, lip_regressor().conditions(audio(inputs, batch)[..., 0], features.shape[1])], -1
    )


@functools.cache
def face_conditions(inputs: Path, batch: int) -> Conditions:
    return face_denoiser().conditions(face_features(inputs, batch))


@functools.cache
def body_conditions(inputs: Path, batch: int, padded: bool = False) -> Conditions:
    """With `padded`, the clips end where the file's `mask_pad` says."""
    arrays = read_npz(inputs)
    within_clip = torch.from_numpy(arrays["mask_pad"][:batch, 0, 0]) if padded else None
    keyframes = torch.from_numpy(arrays["keyframes"][:batch])
    return body_denoiser().conditions(audio_features(inputs, batch), keyframes, within_clip=within_clip)
