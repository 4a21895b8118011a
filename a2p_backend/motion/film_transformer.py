"""The denoiser of face and body: a transformer that reads the clean motion out of a noisy one.

Ng et al., "From Audio to Photoreal Embodiment" (2024). The conditions reach it in three ways: audio and time
tokens by cross-attention, their pooled summary by feature-wise modulation, and the guide poses (body only) by
a cross-attention of their own. Attribute names are the keys of the released checkpoints.

Nothing but the time code changes from one denoising step to the next. `conditions` therefore computes all the
rest once a clip, down to each layer's keys and values.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from a2p_backend.motion.film_decoder import Attention, Decoder, KeyValue, RotaryCode, Rotation
from kinematics.errors import A2PError

GUIDE_SPACING = 30
"""Frames from one guide pose to the next."""

_TIME_TOKENS = 2
_OUTPUT_DILATIONS = (1, 2, 3, 1, 2, 3)
_OUTPUT_DROPOUT = 0.2


class ClipTooLongError(A2PError):
    """A clip is longer than the network's null condition, so that it has to be performed in windows."""


@dataclass(frozen=True)
class FiLMConfig:
    """Sizes of a denoiser. The defaults are the released ones where face and body agree."""

    features: int
    """Numbers in a frame of motion: 104 for the body, 256 for the face."""
    width: int
    layers: int
    heads: int = 8
    feed_forward: int = 1024
    audio_width: int = 1024
    """Features in a step of audio; the released face has the 1014 lip coordinates appended: 2038."""
    audio_layers: int = 0
    """Encoder layers over the audio tokens: 2 in the released face."""
    guide_features: int = 0
    """Numbers in a guide pose; 0 for a network that takes none."""
    output_width: int = 0
    """Inner channels of the causal convolutions on the output (256 in the released body); 0 for none."""
    max_audio_steps: int = 1998
    max_guides: int = 20
    dropout: float = 0.1

    @classmethod
    def released_face(cls, layers: int = 8, heads: int = 8) -> FiLMConfig:
        """Sizes of the released face denoisers; `layers` and `heads` are in their args.json."""
        return cls(256, width=512, layers=layers, heads=heads, audio_width=2038, audio_layers=2)

    @classmethod
    def released_body(cls, layers: int = 6, heads: int = 8) -> FiLMConfig:
        """Sizes of the released body denoisers; `layers` and `heads` are in their args.json."""
        return cls(104, width=256, layers=layers, heads=heads, guide_features=104, output_width=256)


@dataclass(frozen=True)
class Conditions:
    """All that the denoiser knows of B clips apart from the noisy motion and the step.

    Each step writes its time tokens into the memory: one denoising at a time may use it.
    """

    hidden: Tensor
    """Pooled audio (B, width)."""
    audio: tuple[KeyValue, ...]
    """Keys and values of the audio tokens, for each layer, with room for the time tokens at the end."""
    guide: tuple[KeyValue, ...] | None
    """Keys and values of the guide tokens, for each layer."""
    null: Conditions | None = None
    """What a denoiser without conditions is told: one row for all clips. Guidance needs it."""

    @property
    def audio_steps(self) -> int:
        return self.audio[0].key.shape[2] - _TIME_TOKENS


def within_clip_only(guide: Tensor, within_clip: Tensor) -> Tensor:
    """Guide poses (B, K, C) with zeros for those on frames where within_clip (B, T) is false."""
    return guide * within_clip[:, ::GUIDE_SPACING, None]


class StepCode(nn.Module):
    """Sinusoidal code (B, width) of integer diffusion steps (B,): sines, then cosines."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        # In single precision, as the networks were trained: step x frequency is rounded before the sine.
        rates = torch.exp(torch.arange(half) * -(math.log(10000) / (half - 1)))
        self.register_buffer("rates", rates, persistent=False)

    def forward(self, steps: Tensor) -> Tensor:
        angles = steps[:, None].to(self.rates.dtype) * self.rates
        return torch.cat([angles.sin(), angles.cos()], dim=-1)


class AudioEncoderLayer(nn.Module):
    """Pre-norm self-attention and feed-forward over the audio tokens."""

    def __init__(self, width: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = Attention(width, heads, dropout)
        self.linear1 = nn.Linear(width, feed_forward)
        self.linear2 = nn.Linear(feed_forward, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, rotation: Rotation) -> Tensor:
        normed = self.norm1(x)
        rotated = rotation(normed)
        x = x + self.dropout(self.self_attn(rotated, self.self_attn.project(rotated, normed)))
        expanded = self.dropout(functional.gelu(self.linear1(self.norm2(x))))
        return x + self.dropout(self.linear2(expanded))


class FiLMTransformer(nn.Module):
    """Predicts the clean motion x0 (B, T, features) from a noisy one."""

    def __init__(self, config: FiLMConfig) -> None:
        super().__init__()
        self.config = config
        self.arithmetic = torch.float32
        """What the decoder's products are computed in; norms and residuals stay in single precision."""
        width = config.width
        self.rotary = RotaryCode(width)

        self.input_projection = nn.Linear(config.features, width)
        self.time_mlp = nn.Sequential(StepCode(width), nn.Linear(width, 4 * width), nn.Mish())
        self.to_time_cond = nn.Sequential(nn.Linear(4 * width, width))
        self.to_time_tokens = nn.Sequential(
            nn.Linear(4 * width, _TIME_TOKENS * width), nn.Unflatten(-1, (_TIME_TOKENS, width))
        )

        self.cond_projection = nn.Linear(config.audio_width, width)
        self.cond_encoder = nn.ModuleList(
            AudioEncoderLayer(width, config.heads, config.feed_forward, config.dropout)
            for _ in range(config.audio_layers)
        )
        self.norm_cond = nn.LayerNorm(width)
        self.non_attn_cond_projection = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width)
        )
        self.null_cond_embed = nn.Parameter(torch.randn(1, config.max_audio_steps, width))
        self.null_cond_hidden = nn.Parameter(torch.randn(1, width))
        if config.guide_features:
            self.frame_cond_projection = nn.Linear(config.guide_features, width)
            self.frame_norm_cond = nn.LayerNorm(width)
            self.null_pose_embed = nn.Parameter(torch.randn(1, config.max_guides, width))

        self.seqTransDecoder = Decoder(
            width,
            config.layers,
            config.heads,
            config.feed_forward,
            config.dropout,
            guided=config.guide_features > 0,
        )
        self.final_layer = nn.Linear(width, config.features)
        if config.output_width:
            channels = [config.features, config.output_width, *[config.features] * 5]
            self.post_pose_layers = nn.ModuleList(
                nn.Conv1d(narrow, wide, kernel_size=3, dilation=dilation)
                for narrow, wide, dilation in zip(channels[:-1], channels[1:], _OUTPUT_DILATIONS, strict=True)
            )
            self.final_conv = nn.Conv1d(config.features, config.features, kernel_size=1)

    def conditions(
        self,
        audio_features: Tensor,
        guide: Tensor | None = None,
        *,
        within_clip: Tensor | None = None,
        drop_audio: Tensor | None = None,
        drop_guide: Tensor | None = None,
        null: Conditions | None = None,
    ) -> Conditions:
        """Everything that does not depend on the step, for audio features (B, L, audio_width).

        Args:
            guide: normalised guide poses (B, K, guide_features), for a network that takes them.
            within_clip: (B, T) booleans; guide poses on frames past the end of the clip count as zeros.
            drop_audio, drop_guide: (B,) booleans, true for samples that do without; for training. Where
                neither is given, the null conditions that `guided` needs come along.
            null: those of another call for clips of this length, to be shared rather than computed again.

        Raises:
            ClipTooLongError: L or K is more than the network was built for.
        """
        self._check_lengths(audio_features, guide)
        clips = audio_features.shape[0]
        for_guidance = drop_audio is None and drop_guide is None
        undropped = audio_features.new_zeros(clips, dtype=torch.bool)
        drop_audio = undropped if drop_audio is None else drop_audio
        drop_guide = undropped if drop_guide is None else drop_guide

        tokens = self.audio_tokens(audio_features)
        tokens = torch.where(drop_audio[:, None, None], self.null_cond_embed[:, : tokens.shape[1]], tokens)
        hidden = self.non_attn_cond_projection(tokens.mean(dim=1))
        hidden = torch.where(drop_audio[:, None], self.null_cond_hidden, hidden)
        guide_tokens = None
        if guide is not None:
            if within_clip is not None:
                guide = within_clip_only(guide, within_clip)
            guide_tokens = self.guide_tokens(guide)
            null_guide = self.null_pose_embed[:, : guide_tokens.shape[1]]
            guide_tokens = torch.where(drop_guide[:, None, None], null_guide, guide_tokens)
        if for_guidance and null is None:
            null = self.null_conditions(tokens.shape[1], 0 if guide is None else guide.shape[1])
        return self._memories(hidden, tokens, guide_tokens, null)

    def conditions_of_tokens(self, tokens: Tensor, guide: Tensor | None, null: Conditions) -> Conditions:
        """`conditions` of clips whose `audio_tokens` are there already, which take far less room."""
        self._check_lengths(tokens, guide)
        hidden = self.non_attn_cond_projection(tokens.mean(dim=1))
        return self._memories(hidden, tokens, None if guide is None else self.guide_tokens(guide), null)

    def null_conditions(self, audio_steps: int, guides: int) -> Conditions:
        """What is left of the conditions of a clip of these lengths when they are dropped: one row."""
        guide_tokens = self.null_pose_embed[:, :guides] if guides else None
        return self._memories(self.null_cond_hidden, self.null_cond_embed[:, :audio_steps], guide_tokens)

    def forward(self, x: Tensor, steps: Tensor, conditions: Conditions) -> Tensor:
        """The clean motion (B, T, features) under the conditions, of noisy x at integer steps (B,)."""
        return self._denoise(x, steps, (conditions,))

    def guided(self, x: Tensor, steps: Tensor, conditions: Conditions, scale: float) -> Tensor:
        """Classifier-free guidance in one batched call: null + scale (conditioned - null).

        Ho and Salimans, "Classifier-Free Diffusion Guidance" (2022); both conditions are dropped together.
        """
        assert conditions.null is not None, "guidance needs conditions that were computed without drop masks"
        conditioned, null = self._denoise(x, steps, (conditions, conditions.null)).chunk(2)
        return null + scale * (conditioned - null)

    def audio_tokens(self, audio_features: Tensor) -> Tensor:
        """Audio features (B, L, audio_width) as tokens (B, L, width)."""
        tokens = self.cond_projection(audio_features)
        if self.cond_encoder:
            rotation = self.rotary(tokens.shape[1])
            for layer in self.cond_encoder:
                tokens = layer(tokens, rotation)
        return tokens

    def guide_tokens(self, guide: Tensor) -> Tensor:
        """Guide poses (B, K, guide_features) as tokens (B, K, width)."""
        return self.frame_norm_cond(self.frame_cond_projection(guide))

    def _memories(
        self, hidden: Tensor, tokens: Tensor, guide_tokens: Tensor | None, null: Conditions | None = None
    ) -> Conditions:
        """Conditions of pooled audio (B, width), audio tokens (B, L, width), guide tokens (B, K, width)."""
        decoder = self.seqTransDecoder
        guide = None
        with self._in_arithmetic(tokens.device):
            audio = decoder.memories(self.norm_cond(tokens), self.rotary(tokens.shape[1]))
            if guide_tokens is not None:
                guide = decoder.guide_memories(guide_tokens, self.rotary(guide_tokens.shape[1]))
        return Conditions(hidden, tuple(memory.with_room(_TIME_TOKENS) for memory in audio), guide, null)

    def _denoise(self, x: Tensor, steps: Tensor, branches: tuple[Conditions, ...]) -> Tensor:
        """The clean motion (branches * B, T, features) of noisy x under each of several conditions.

        steps: (B,), or (1,) for all clips alike.
        """
        if len(steps) > 1 and (steps == steps[0]).all():
            steps = steps[:1]  # one row of time tokens for all clips, and for a null row that they share
        time = self.time_mlp(steps)
        time_cond = self.to_time_cond(time).expand(len(x), -1)
        style = torch.cat([time_cond + branch.hidden for branch in branches])
        # norm_cond works on each token alone, so the time tokens may be normalised apart from the audio's,
        # whose positions they follow.
        time_tokens = self.norm_cond(self.to_time_tokens(time))
        last_rotation = self.rotary(_TIME_TOKENS, start=branches[0].audio_steps)
        hidden = self.input_projection(x)
        rotation = self.rotary(x.shape[1])
        with self._in_arithmetic(x.device):
            time_memories = self.seqTransDecoder.memories(time_tokens, last_rotation)
            for i, (layer, last) in enumerate(zip(self.seqTransDecoder.stack, time_memories, strict=True)):
                memories = [branch.audio[i].ending_in(last) for branch in branches]
                guides = [branch.guide[i] for branch in branches if branch.guide is not None]
                hidden, _ = layer(hidden, style, rotation, memories, guides)
        output = self.final_layer(hidden)
        return self._smooth(output) if self.config.output_width else output

    def _in_arithmetic(self, device: torch.device) -> AbstractContextManager[Any]:
        if self.arithmetic == torch.float32:
            return nullcontext()
        return torch.autocast(device.type, self.arithmetic)

    def _smooth(self, motion: Tensor) -> Tensor:
        """The causal convolutions on the body's output (B, T, features)."""
        lost = sum(2 * dilation for dilation in _OUTPUT_DILATIONS)
        x = functional.pad(motion.transpose(1, 2), (lost, 0))
        for convolution in self.post_pose_layers:
            y = functional.leaky_relu(convolution(x), 0.2)
            y = functional.dropout(y, _OUTPUT_DROPOUT, self.training)
            x = (x[..., -y.shape[-1] :] + y) / 2 if y.shape[1] == x.shape[1] else y
        return self.final_conv(x).transpose(1, 2)

    def _check_lengths(self, audio_features: Tensor, guide: Tensor | None) -> None:
        config = self.config
        assert (guide is not None) == (config.guide_features > 0), "guide poses where the network takes them"
        if audio_features.shape[1] > config.max_audio_steps:
            raise ClipTooLongError(
                f"The clip has {audio_features.shape[1]} audio steps but the network takes at most "
                f"{config.max_audio_steps}; perform it in shorter windows."
            )
        if guide is not None and guide.shape[1] > config.max_guides:
            raise ClipTooLongError(
                f"The clip has {guide.shape[1]} guide poses but the network takes at most "
                f"{config.max_guides}; perform it in shorter windows."
            )
