"""The lip regressor of the released faces: lip vertices from the actor's own speech.

Ng et al., "From Audio to Photoreal Embodiment" (2024): a pre-norm transformer that reads speech features and
writes the lips of every frame. Attribute names are the keys of the released checkpoint.

It hears blocks of four seconds, each on its own: only in its last block do a clip's vertices depend on its
length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from a2p_backend.motion.film_decoder import Attention
from a2p_backend.wire.performance import SAMPLES_PER_FRAME


@dataclass(frozen=True)
class LipConfig:
    """Sizes of the regressor; the defaults are the released ones."""

    width: int = 512
    """Also of the speech features."""
    encoder_layers: int = 2
    decoder_layers: int = 4
    heads: int = 4
    feed_forward: int = 1024
    vertices: int = 338
    block: int = 120
    """Frames that are regressed together."""
    max_positions: int = 1024


class PositionCode(nn.Module):
    """Adds a fixed sinusoidal code to x (B, N, width): sines in even columns, cosines in odd ones."""

    def __init__(self, width: int, positions: int) -> None:
        super().__init__()
        rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
        angles = torch.arange(positions)[:, None] * rates
        code = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
        self.register_buffer("pe", code, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.pe[: x.shape[1]]


class SelfAttention(nn.Module):
    def __init__(self, config: LipConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config.width, config.heads, dropout=0.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.self_attn(x, self.self_attn.project(x, x))


class CrossAttention(nn.Module):
    def __init__(self, config: LipConfig) -> None:
        super().__init__()
        self.cross_attn = Attention(config.width, config.heads, dropout=0.0)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        return self.cross_attn(x, self.cross_attn.project(memory, memory))


class FeedForward(nn.Module):
    def __init__(self, config: LipConfig) -> None:
        super().__init__()
        self.ff = nn.Sequential(
            nn.Linear(config.width, config.feed_forward),
            nn.ReLU(),
            nn.Identity(),  # dropout in training; it keeps the place of the second layer's key
            nn.Linear(config.feed_forward, config.width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.ff(x)


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward over the speech."""

    def __init__(self, config: LipConfig) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.self_attn = SelfAttention(config)
        self.feedforward = FeedForward(config)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.norm1(x))
        return x + self.feedforward(self.norm2(x))


class DecoderLayer(nn.Module):
    """Self-attention over the frames, attention to the speech, feed-forward."""

    def __init__(self, config: LipConfig) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(config.width) for _ in range(3))
        self.self_attn = SelfAttention(config)
        self.cross_attn = CrossAttention(config)
        self.feedforward = FeedForward(config)

    def forward(self, x: Tensor, speech: Tensor) -> Tensor:
        x = x + self.self_attn(self.norm1(x))
        x = x + self.cross_attn(self.norm2(x), speech)
        return x + self.feedforward(self.norm3(x))


class SpeechToFrames(nn.Module):
    """Speech features (B, N, width) to a vector for each of T frames (B, T, width)."""

    def __init__(self, config: LipConfig) -> None:
        super().__init__()
        self.cond_positional_encoding = PositionCode(config.width, config.max_positions)
        self.target_positional_encoding = PositionCode(config.width, config.max_positions)
        self.transformer_encoder = nn.ModuleList(EncoderLayer(config) for _ in range(config.encoder_layers))
        self.transformer_decoder = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_layers))

    def forward(self, speech: Tensor, frames: int) -> Tensor:
        speech = self.cond_positional_encoding(speech)
        for layer in self.transformer_encoder:
            speech = layer(speech)
        x = self.target_positional_encoding(speech.new_zeros(len(speech), frames, speech.shape[-1]))
        for layer in self.transformer_decoder:
            x = layer(x, speech)
        return x


def stretch(frames: Tensor, steps: int) -> Tensor:
    """Frames (B, T, C) at the rate of the audio features (B, steps, C): each step has its nearest frame."""
    return functional.interpolate(frames.transpose(1, 2), size=steps, mode="nearest-exact").transpose(1, 2)


class LipRegressor(nn.Module):
    """The actor's channel (B, 1600 T) at 48 kHz, normalised, to lip vertices (B, T, vertices, 3).

    `audio_encoder` turns audio (B, S) at 48 kHz into speech features (B, N, width), 100 a second. Most of the
    work is its convolutions, which may be computed in lower precision (`products`) while the rest is not.
    """

    def __init__(self, audio_encoder: nn.Module, config: LipConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or LipConfig()
        self.audio_encoder = audio_encoder
        self.regression_model = SpeechToFrames(config)
        self.project_output = nn.Linear(config.width, 3 * config.vertices)

    def forward(self, audio: Tensor, products: torch.dtype = torch.float32) -> Tensor:
        samples = audio.shape[1]
        if samples % SAMPLES_PER_FRAME:
            raise ValueError(f"{samples} samples are not a whole number of frames ({SAMPLES_PER_FRAME} each)")
        block = self.config.block * SAMPLES_PER_FRAME
        in_blocks = samples // block * block
        vertices = []
        if in_blocks:
            blocks = audio[:, :in_blocks].unflatten(1, (-1, block)).flatten(0, 1)
            vertices.append(self._regress(blocks, products).unflatten(0, (len(audio), -1)).flatten(1, 2))
        if in_blocks < samples:
            vertices.append(self._regress(audio[:, in_blocks:], products))
        return torch.cat(vertices, dim=1)

    def conditions(self, audio: Tensor, steps: int, products: torch.dtype = torch.float32) -> Tensor:
        """The vertices as further audio features (B, steps, 3 * vertices)."""
        return stretch(self(audio, products).flatten(2), steps)

    def _regress(self, audio: Tensor, products: torch.dtype) -> Tensor:
        frames = audio.shape[1] // SAMPLES_PER_FRAME
        hidden = self.regression_model(self.audio_encoder(audio, products), frames)
        return self.project_output(hidden).unflatten(-1, (self.config.vertices, 3))
