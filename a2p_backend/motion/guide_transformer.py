"""The guide: an autoregressive transformer that writes one coarse pose a second, as the codec's codes.

Ng et al., "From Audio to Photoreal Embodiment" (2024). The codes of a pose follow each other, and the poses
too: second 0 level 0, second 0 level 1, ..., second 1 level 0. Attribute names are the keys of the released
checkpoints.

The audio is encoded once a clip, and the keys and values of the codes written so far are kept, so that a
further code costs one position and not the whole prefix.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from a2p_backend.motion.film_decoder import Decoder, KeyValue, RotaryCode
from a2p_backend.motion.nucleus import sample_nucleus
from kinematics.errors import A2PError

_DILATIONS = (1, 2, 3, 1, 2, 3)
_LOST_STEPS = sum(2 * dilation for dilation in _DILATIONS)
"""Audio steps that each group of convolutions shortens a clip by."""


class GuideAudioError(A2PError):
    """The clip is too short or too long for the guide."""


@dataclass(frozen=True)
class GuideConfig:
    """Sizes of a guide; the defaults are the released ones."""

    codes: int = 1024
    """Entries of each codebook. Code number `codes` starts a sequence."""
    depth: int = 4
    """Codes of a pose."""
    width: int = 64
    layers: int = 6
    heads: int = 4
    feed_forward: int = 1024
    audio_width: int = 1024
    """Features in a step of audio."""
    audio_channels: int = 1024
    """Channels of the convolutions over the audio."""
    audio_layers: int = 2
    """Groups of six convolutions over the audio, each of which shortens it by 24 steps; 0 for none."""
    max_audio_steps: int = 1998
    dropout: float = 0.1

    @property
    def start(self) -> int:
        """The token before the first code."""
        return self.codes

    @staticmethod
    def audio_layers_of(keys: Iterable[str]) -> int:
        """How many groups of convolutions a checkpoint with these keys has: args.json may not say."""
        convolutions = {key.split(".")[1] for key in keys if key.startswith("pre_audio.")}
        return (len(convolutions) - 1) // len(_DILATIONS)


@dataclass(frozen=True)
class GuideConditions:
    """What the guide hears of a clip."""

    hidden: Tensor
    """Pooled audio (B, width)."""
    audio: tuple[KeyValue, ...]
    """Keys and values of the audio tokens, for each layer."""


class GuideTransformer(nn.Module):
    """Predicts the next code of guide poses from the audio and the codes so far."""

    def __init__(self, config: GuideConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or GuideConfig()
        width = config.width
        self.rotary = RotaryCode(width)
        self.token_embedding = nn.Embedding(config.codes + 1, width)

        audio: list[nn.Module] = []
        channels = config.audio_width
        for dilation in _DILATIONS * config.audio_layers:
            audio += [
                nn.Conv1d(channels, config.audio_channels, kernel_size=3, dilation=dilation),
                nn.LeakyReLU(0.2),
                nn.Dropout(config.dropout),
            ]
            channels = config.audio_channels
        self.pre_audio = nn.Sequential(*audio, nn.Conv1d(channels, config.audio_channels, kernel_size=1))
        self.cond_projection = nn.Linear(config.audio_channels, width)
        self.norm_cond = nn.LayerNorm(width)
        self.non_attn_cond_projection = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width)
        )
        self.null_cond_embed = nn.Parameter(torch.randn(1, config.max_audio_steps, width))
        self.null_cond_hidden = nn.Parameter(torch.randn(1, width))

        self.seqTransDecoder = Decoder(
            width, config.layers, config.heads, config.feed_forward, config.dropout
        )
        self.final_layer = nn.Linear(width, config.codes)

    def conditions(self, audio_features: Tensor, dropped: Tensor | None = None) -> GuideConditions:
        """Encode audio features (B, L, audio_width); samples where dropped (B,) is true go without.

        Raises:
            GuideAudioError: L is not within what the convolutions and the null condition allow.
        """
        self._check_length(audio_features.shape[1])
        tokens = self.cond_projection(self.pre_audio(audio_features.transpose(1, 2)).transpose(1, 2))
        if dropped is not None:
            null_tokens = self.null_cond_embed[:, : tokens.shape[1]]
            tokens = torch.where(dropped[:, None, None], null_tokens, tokens)
        hidden = self.non_attn_cond_projection(tokens.mean(dim=1))
        if dropped is not None:
            hidden = torch.where(dropped[:, None], self.null_cond_hidden, hidden)
        rotation = self.rotary(tokens.shape[1])
        return GuideConditions(hidden, self.seqTransDecoder.memories(self.norm_cond(tokens), rotation))

    def logits(self, prefix: Tensor, audio_features: Tensor, dropped: Tensor | None = None) -> Tensor:
        """Logits (B, N, codes) of the code after each of prefix (B, N), which begins with the start token."""
        logits, _ = self._advance(prefix, self.conditions(audio_features, dropped), past=None)
        return logits

    @torch.no_grad()
    def sample(
        self,
        audio_features: Tensor,
        seconds: int,
        generator: torch.Generator | None = None,
        top_p: float = 0.94,
        prefix: Tensor | None = None,
    ) -> Tensor:
        """Codes (B, seconds, depth) of one pose a second, drawn code by code.

        Args:
            audio_features: (B, L, audio_width) of the whole clip.
            top_p: probability that the nucleus holds; at 0 the most likely code is taken.
            prefix: codes (B, P, depth) of the first P seconds, where these are settled; they come back as
                they are.
        """
        batch, depth = audio_features.shape[0], self.config.depth
        conditions = self.conditions(audio_features)
        start = torch.full((batch, 1), self.config.start, device=audio_features.device)
        written = start if prefix is None else torch.cat([start, prefix.flatten(1)], dim=1)
        past: list[KeyValue] | None = None
        new = written
        while written.shape[1] <= seconds * depth:
            logits, past = self._advance(new, conditions, past)
            new = sample_nucleus(logits[:, -1], top_p, generator)[:, None]
            written = torch.cat([written, new], dim=1)
        return written[:, 1 : seconds * depth + 1].unflatten(1, (-1, depth))

    def _advance(
        self, tokens: Tensor, conditions: GuideConditions, past: list[KeyValue] | None
    ) -> tuple[Tensor, list[KeyValue]]:
        """Logits (B, N, codes) after each new token (B, N), and the keys and values of all tokens so far."""
        layers = self.seqTransDecoder.stack
        rotation = self.rotary(tokens.shape[1], start=past[0].key.shape[2] if past else 0)
        hidden = self.token_embedding(tokens)
        present = []
        pasts = past or [None] * len(layers)
        for layer, audio, own_past in zip(layers, conditions.audio, pasts, strict=True):
            hidden, own = layer(hidden, conditions.hidden, rotation, (audio,), causal=True, past=own_past)
            present.append(own)
        return self.final_layer(hidden), present

    def _check_length(self, steps: int) -> None:
        lost = self.config.audio_layers * _LOST_STEPS
        if steps <= lost:
            raise GuideAudioError(
                f"The clip has {steps} audio steps but the guide needs more than {lost}; "
                "use a longer recording."
            )
        if steps - lost > self.config.max_audio_steps:
            raise GuideAudioError(
                f"The clip has {steps} audio steps but the guide takes at most "
                f"{self.config.max_audio_steps + lost}; perform it in shorter windows."
            )
