"""Half precision: attention by heads, what a device is given, and CUDA graphs where there is CUDA."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from a2p_backend.motion.cuda_graph import Graphed
from a2p_backend.motion.film_decoder import KeyValue, attend_by_heads
from a2p_backend.motion.film_transformer import FiLMConfig, FiLMTransformer
from a2p_backend.motion.precision import arithmetic, computing_in, lip_arithmetic

CPU = torch.device("cpu")


def network() -> FiLMTransformer:
    torch.manual_seed(0)
    config = FiLMConfig(features=8, width=16, layers=2, heads=2, feed_forward=32, audio_width=12)
    return FiLMTransformer(config).eval().requires_grad_(False)


def test_attention_by_heads_is_attention() -> None:
    torch.manual_seed(0)
    queries = torch.randn(2, 3, 7, 4)
    memory = KeyValue(torch.randn(1, 3, 11, 4), torch.randn(1, 3, 11, 4)).shared_by(2)
    with torch.inference_mode():
        ours = attend_by_heads(queries, memory)
        theirs = functional.scaled_dot_product_attention(queries, *memory)
    torch.testing.assert_close(ours, theirs)


@torch.inference_mode()
def test_half_precision_is_near_and_left_again() -> None:
    denoiser = network()
    audio, x = torch.randn(1, 20, 12), torch.randn(1, 6, 8)
    exact = denoiser.guided(x, torch.tensor([500]), denoiser.conditions(audio), 2.0)
    with computing_in(denoiser, torch.bfloat16):
        half = denoiser.guided(x, torch.tensor([500]), denoiser.conditions(audio), 2.0)
    again = denoiser.guided(x, torch.tensor([500]), denoiser.conditions(audio), 2.0)
    assert torch.equal(again, exact)
    error = ((half - exact).square().mean().sqrt() / exact.std()).item()
    assert 0 < error < 0.03


def test_a_processor_without_bfloat16_stays_in_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    assert arithmetic("full", CPU) == torch.float32
    for native, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda native=native: native)
        assert arithmetic("half", CPU) == lip_arithmetic("half", CPU) == expected
    assert lip_arithmetic("full", CPU) == lip_arithmetic("half", torch.device("cuda")) == torch.float32


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@torch.inference_mode()
def test_a_graph_gives_what_its_denoiser_gives() -> None:
    device = torch.device("cuda")
    denoiser = network().to(device)
    conditions = denoiser.conditions(torch.randn(1, 20, 12, device=device))

    def denoise(x: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
        return denoiser.guided(x, steps, conditions, 2.0)

    graphed = Graphed(denoise)
    for number in (900, 500, 10):
        x, steps = torch.randn(1, 6, 8, device=device), torch.tensor([number], device=device)
        torch.testing.assert_close(graphed(x, steps), denoise(x, steps))
