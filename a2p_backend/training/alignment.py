"""Starts a cross-attention so that every query looks at the rows of its own moment.

Queries and memory run at different rates (30 frames a guide pose, 7.5 audio steps a code), yet both are
numbered 0, 1, 2, ... for the rotary code, so nothing at the start tells which rows belong together; on the
released data the networks find out in hundreds of thousands of steps. Small networks that are trained for
minutes get it as a start, which training is free to change.

The rotary code turns what comes out of a LayerNorm before it is projected. A constant in the norm's bias is
thus turned by the position alone: its pair of features i reads cos(f_i n), sin(f_i n). Projections that
match the query's pair i with the memory's pair j give the score cos(f_i n - f_j (m - shift)), which peaks
at the rows m = (f_i / f_j) n + shift for all pairs with that ratio of frequencies.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from a2p_backend.motion.film_decoder import Attention

_QUERY_GAIN = 0.3  # so that at first the position speaks louder than the content
_CONSTANT = 1.5
_PEAK = 8.0  # of the scores, before the softmax
_FASTEST = 1.2  # radians a memory row, beyond which neighbours are told apart anyway


@torch.no_grad()
def align(
    attention: Attention,
    query_norm: nn.LayerNorm,
    memory_norm: nn.LayerNorm,
    rate: float,
    shift: float = 0.0,
) -> None:
    """Sets the projections of queries and keys so that query n attends to memory row rate * n + shift.

    A rate below 1 means fewer memory rows than queries. The rate is met as nearly as the ratios of the rotary
    frequencies, 10000^(-2 k / width), allow.
    """
    width = attention.out_proj.in_features
    pairs = width // 2
    frequencies = 10000.0 ** (-torch.arange(pairs) / pairs)
    apart = round(-math.log(rate) / math.log(10000.0) * pairs)  # query pair i = memory pair j + apart
    for norm, gain in ((query_norm, _QUERY_GAIN), (memory_norm, 1.0)):
        norm.weight.fill_(gain)
        norm.bias.zero_()
        norm.bias[0::2] = _CONSTANT
    query, key, _ = attention.in_proj_weight.chunk(3)
    query.zero_()
    key.zero_()
    attention.in_proj_bias[: 2 * width].zero_()
    size = width // attention.heads
    # The fastest usable pairs tell neighbours apart, the next ones far rows; slower ones say nothing.
    usable = [j for j in range(pairs) if 0 <= j + apart < pairs and frequencies[j] < _FASTEST]
    chosen = usable[: size // 2]
    scale = math.sqrt(_PEAK * math.sqrt(size) / (len(chosen) * _CONSTANT**2))
    for head in range(attention.heads):
        for place, j in enumerate(chosen):
            row, i = head * size + 2 * place, j + apart
            query[row, 2 * i] = query[row + 1, 2 * i + 1] = scale
            turn = float(frequencies[j]) * shift
            cos, sin = scale * math.cos(turn), scale * math.sin(turn)
            key[row, 2 * j], key[row, 2 * j + 1] = cos, sin
            key[row + 1, 2 * j], key[row + 1, 2 * j + 1] = -sin, cos
