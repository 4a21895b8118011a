"""The transformer decoder that the denoisers and the guide share.

Pre-norm decoder layers whose every sub-block is modulated feature-wise (FiLM; Perez et al. 2018, and Tseng et
al., "EDGE", 2023), with rotary positions (Su et al. 2021) that act on the whole width, before it is split
into heads. Module names are those of the released checkpoints.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class KeyValue(NamedTuple):
    """What queries attend to, projected: both (B, heads, N, width / heads)."""

    key: Tensor
    value: Tensor

    def first(self, rows: int) -> KeyValue:
        """The first samples of the batch, without a copy."""
        return KeyValue(self.key[:rows], self.value[:rows])

    def followed_by(self, other: KeyValue) -> KeyValue:
        """This and then the other along the sequence."""
        return KeyValue(torch.cat([self.key, other.key], dim=2), torch.cat([self.value, other.value], dim=2))


class Rotation(NamedTuple):
    """Rotary code of consecutive positions: cosines and sines (N, width / 2)."""

    cosine: Tensor
    sine: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Rotate each pair of neighbouring features of x (..., N, width) by its position's angle."""
        even, odd = x[..., 0::2], x[..., 1::2]
        rotated = (even * self.cosine - odd * self.sine, odd * self.cosine + even * self.sine)
        return torch.stack(rotated, dim=-1).flatten(-2)


class RotaryCode(nn.Module):
    """Positions as angles: 10000^(-2i / width) for the i-th pair of features."""

    def __init__(self, width: int) -> None:
        super().__init__()
        exponents = torch.arange(0, width, 2).float() / width
        self.register_buffer("freqs", 1.0 / 10000.0**exponents, persistent=False)

    def forward(self, count: int, start: int = 0) -> Rotation:
        """The rotation of positions start, ..., start + count - 1."""
        positions = torch.arange(start, start + count, device=self.freqs.device, dtype=self.freqs.dtype)
        angles = positions[:, None] * self.freqs
        return Rotation(angles.cos(), angles.sin())


class Attention(nn.Module):
    """Multi-head attention whose keys and values can be projected apart from the queries, and kept."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def _project(self, x: Tensor, part: int) -> Tensor:
        weight, bias = self.in_proj_weight.chunk(3)[part], self.in_proj_bias.chunk(3)[part]
        return functional.linear(x, weight, bias).unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def project(self, keys: Tensor, values: Tensor) -> KeyValue:
        """Keys and values (B, N, width) as the queries will meet them."""
        return KeyValue(self._project(keys, 1), self._project(values, 2))

    def forward(self, queries: Tensor, memory: KeyValue, *, causal: bool = False) -> Tensor:
        """Queries (B, T, width) attend to the memory; with `causal`, the t-th to its first t + 1 rows."""
        attended = functional.scaled_dot_product_attention(
            self._project(queries, 0),
            memory.key,
            memory.value,
            is_causal=causal,
            dropout_p=self.dropout if self.training else 0.0,
        )
        return self.out_proj(attended.transpose(1, 2).flatten(-2))


class FiLM(nn.Module):
    """Scales and shifts every feature by amounts computed from a style vector."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Mish(), nn.Linear(width, 2 * width))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """x (B, T, width), style (B, width)."""
        scale, shift = self.block(style)[:, None].chunk(2, dim=-1)
        return (scale + 1) * x + shift


class DecoderLayer(nn.Module):
    """Self-attention, attention to the memory, attention to guide poses (if any), feed-forward."""

    def __init__(
        self, width: int, heads: int, feed_forward: int, dropout: float, *, guided: bool = False
    ) -> None:
        super().__init__()
        self.self_attn = Attention(width, heads, dropout)
        self.multihead_attn = Attention(width, heads, dropout)
        self.linear1 = nn.Linear(width, feed_forward)
        self.linear2 = nn.Linear(feed_forward, width)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.film1, self.film2, self.film3 = (FiLM(width) for _ in range(3))
        self.dropout = nn.Dropout(dropout)
        self.guided = guided
        if guided:
            self.multihead_attn2 = Attention(width, heads, dropout)
            self.norm2a = nn.LayerNorm(width)
            self.film2a = FiLM(width)

    def memory(self, tokens: Tensor, rotation: Rotation) -> KeyValue:
        """Keys and values of memory tokens (B, L, width)."""
        return self.multihead_attn.project(rotation(tokens), tokens)

    def guide_memory(self, tokens: Tensor, rotation: Rotation) -> KeyValue:
        """Keys and values of guide tokens (B, K, width)."""
        return self.multihead_attn2.project(rotation(tokens), tokens)

    def forward(
        self,
        x: Tensor,
        style: Tensor,
        rotation: Rotation,
        memory: KeyValue,
        guide: KeyValue | None = None,
        *,
        causal: bool = False,
        past: KeyValue | None = None,
    ) -> tuple[Tensor, KeyValue]:
        """One layer over x (B, T, width), modulated by style (B, width).

        `past` holds the self-attention keys and values of positions before x; a causal layer then takes one
        further position at a time. Returns the new x and the keys and values of all positions so far.
        """
        normed = self.norm1(x)
        rotated = rotation(normed)
        own = self.self_attn.project(rotated, normed)
        if past is not None:
            own = past.followed_by(own)
        attended = self.self_attn(rotated, own, causal=causal and past is None)
        x = x + self.film1(self.dropout(attended), style)
        attended = self.multihead_attn(rotation(self.norm2(x)), memory)
        x = x + self.film2(self.dropout(attended), style)
        if guide is not None:
            attended = self.multihead_attn2(rotation(self.norm2a(x)), guide)
            x = x + self.film2a(self.dropout(attended), style)
        expanded = self.dropout(functional.gelu(self.linear1(self.norm3(x))))
        x = x + self.film3(self.dropout(self.linear2(expanded)), style)
        return x, own


class Decoder(nn.Module):
    """A stack of decoder layers."""

    def __init__(
        self,
        width: int,
        layers: int,
        heads: int,
        feed_forward: int,
        dropout: float,
        *,
        guided: bool = False,
    ) -> None:
        super().__init__()
        self.stack = nn.ModuleList(
            DecoderLayer(width, heads, feed_forward, dropout, guided=guided) for _ in range(layers)
        )

    def memories(self, tokens: Tensor, rotation: Rotation) -> tuple[KeyValue, ...]:
        """Keys and values of memory tokens (B, L, width) for each layer."""
        return tuple(layer.memory(tokens, rotation) for layer in self.stack)

    def guide_memories(self, tokens: Tensor, rotation: Rotation) -> tuple[KeyValue, ...]:
        """Keys and values of guide tokens (B, K, width) for each layer."""
        return tuple(layer.guide_memory(tokens, rotation) for layer in self.stack)
