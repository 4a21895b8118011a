"""Attention that starts at the right place."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from a2p_backend.motion.film_decoder import Attention, RotaryCode
from a2p_backend.training.alignment import align


@pytest.mark.parametrize(
    ("width", "rate", "shift", "queries", "rows"), [(136, 1 / 30, 0.0, 300, 20), (64, 7.5, -12.0, 40, 300)]
)
def test_a_query_looks_at_the_rows_of_its_moment(
    width: int, rate: float, shift: float, queries: int, rows: int
) -> None:
    torch.manual_seed(0)
    attention, query_norm, memory_norm = Attention(width, 4, 0.0), nn.LayerNorm(width), nn.LayerNorm(width)
    align(attention, query_norm, memory_norm, rate, shift)
    rotary = RotaryCode(width)
    asked = attention._project(rotary(queries)(query_norm(torch.randn(1, queries, width))), 0)
    memory = memory_norm(torch.randn(1, rows, width))
    met = attention.project(rotary(rows)(memory), memory).key
    looked_at = (asked @ met.transpose(-1, -2)).mean(dim=1)[0].argmax(dim=-1)
    wanted = rate * torch.arange(queries) + shift
    reachable = (wanted > 0) & (wanted < rows - 1)
    astray = (looked_at - wanted)[reachable].abs()
    assert astray.median() < max(1.0, 2 * rate)
