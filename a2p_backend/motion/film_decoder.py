"""The transformer decoder that the denoisers and the guide share.

Pre-norm decoder layers whose every sub-block is modulated feature-wise (FiLM; Perez et al. 2018, and Tseng et
al., "EDGE", 2023), with rotary positions (Su et al. 2021) that act on the whole width, before it is split
into heads. Module names are those of the released checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class KeyValue(NamedTuple):
    """What queries attend to, projected: both (B, heads, N, width / heads)."""

    key: Tensor
    value: Tensor

    def with_room(self, count: int) -> KeyValue:
        """With `count` further positions, yet to be written, at the end."""
        return KeyValue(*(functional.pad(part, (0, 0, 0, count)) for part in self))

    def ending_in(self, last: KeyValue) -> KeyValue:
        """With its final positions overwritten by `last`, in place where that harms nobody.

        A step of denoising changes two positions of thousands; to copy the rest would cost as much as a
        linear layer. It is copied where gradients are wanted, or where one row has to become several.
        """
        count = last.key.shape[2]
        if self.key.requires_grad or last.key.requires_grad or len(last.key) > len(self.key):
            rows = max(len(self.key), len(last.key))
            kept = (part[:, :, :-count].expand(rows, -1, -1, -1) for part in self)
            return KeyValue(*kept).followed_by(last.shared_by(rows))
        self.key[:, :, -count:] = last.key
        self.value[:, :, -count:] = last.value
        return self

    def followed_by(self, other: KeyValue) -> KeyValue:
        """This and then the other along the sequence."""
        return KeyValue(torch.cat([self.key, other.key], dim=2), torch.cat([self.value, other.value], dim=2))

    def shared_by(self, rows: int) -> KeyValue:
        """For `rows` samples, without a copy, where this is one row."""
        return KeyValue(*(part.expand(rows, -1, -1, -1) for part in self))


class Rotation(NamedTuple):
    """Rotary code of consecutive positions: unit complex numbers (N, width / 2)."""

    turns: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Rotate each pair of neighbouring features of x (..., N, width) by its position's angle."""
        pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
        return torch.view_as_real(pairs * self.turns).flatten(-2)


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
        return Rotation(torch.complex(angles.cos(), angles.sin()))


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

    def forward(self, queries: Tensor, *memories: KeyValue, causal: bool = False) -> Tensor:
        """Queries (B, T, width) attend to a memory; to several, an equal share of the batch to each.

        A memory of one row serves its whole share. With `causal`, the t-th query attends to the first t + 1
        rows.
        """
        shares = self._project(queries, 0).chunk(len(memories))
        attended = [
            self._attend(share, memory.shared_by(len(share)), causal).transpose(1, 2)
            for share, memory in zip(shares, memories, strict=True)
        ]
        return self.out_proj(torch.cat(attended).flatten(-2))

    def _attend(self, queries: Tensor, memory: KeyValue, causal: bool) -> Tensor:
        by_heads = queries.dtype == torch.bfloat16 and queries.device.type == "cpu"
        if by_heads and not (causal or torch.is_grad_enabled()):
            return attend_by_heads(queries, memory)
        dropout = self.dropout if self.training else 0.0
        return functional.scaled_dot_product_attention(queries, *memory, is_causal=causal, dropout_p=dropout)


def attend_by_heads(queries: Tensor, memory: KeyValue) -> Tensor:
    """Attention of queries (B, heads, T, D) to a memory, one head at a time, without gradients.

    In bfloat16 on a CPU this takes half the time of torch's fused kernel, which multiplies as slowly as in
    single precision where the processor has no matrix unit. A head's scores stay in its cache.
    """
    attended = torch.empty_like(queries)
    scaled = queries * queries.shape[-1] ** -0.5
    for row, keys, values, out in zip(scaled, *memory, attended, strict=True):
        for head in range(len(row)):
            scores = row[head] @ keys[head].T
            torch.mm(scores.softmax(dim=-1), values[head], out=out[head])
    return attended


class FiLM(nn.Module):
    """Scales and shifts every feature by amounts computed from a style vector."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Mish(), nn.Linear(width, 2 * width))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """x (B, T, width), style (B, width)."""
        scale, shift = self.block(style)[:, None].chunk(2, dim=-1)
        return torch.addcmul(shift, scale + 1, x)


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
        memories: Sequence[KeyValue],
        guides: Sequence[KeyValue] = (),
        *,
        causal: bool = False,
        past: KeyValue | None = None,
    ) -> tuple[Tensor, KeyValue]:
        """One layer over x (B, T, width), modulated by style (B, width).

        Each of the memories, and of the guides, is for an equal share of the batch. A style of several times
        x's rows repeats x for them: what comes before the first style is then computed once.

        `past` holds the self-attention keys and values of positions before x; a causal layer then takes one
        further position at a time. Returns the new x and the keys and values of all positions so far.
        """
        normed = self.norm1(x)
        rotated = rotation(normed)
        own = self.self_attn.project(rotated, normed)
        if past is not None:
            own = past.followed_by(own)
        attended = self.self_attn(rotated, own, causal=causal and past is None)
        if len(style) > len(x):
            x, attended = (rows.repeat(len(style) // len(x), 1, 1) for rows in (x, attended))
        x = x + self.film1(self.dropout(attended), style)
        attended = self.multihead_attn(rotation(self.norm2(x)), *memories)
        x = x + self.film2(self.dropout(attended), style)
        if guides:
            attended = self.multihead_attn2(rotation(self.norm2a(x)), *guides)
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
