"""Which arithmetic the denoisers' products are worth on a device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from a2p_backend.motion.film_transformer import FiLMTransformer


def arithmetic(precision: str, device: torch.device) -> torch.dtype:
    """What "full" or "half" precision is on a device.

    Half is bfloat16, or float16 on CUDA cards without it. A processor that has no instructions for bfloat16
    would be slower with it, and stays in single precision.
    """
    if precision == "full":
        return torch.float32
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float16
    # Torch says so by no public name before 2.11.
    if device.type == "cpu" and torch.cpu._is_avx512_bf16_supported():
        return torch.bfloat16
    return torch.float32


def lip_arithmetic(precision: str, device: torch.device) -> torch.dtype:
    """The same for the convolutions that the lip regressor hears by.

    Never float16, whose range they may leave; a graphics card is done with them in no time as it is.
    """
    found = arithmetic(precision, device)
    return found if device.type == "cpu" else torch.float32


@contextmanager
def computing_in(network: FiLMTransformer, arithmetic: torch.dtype) -> Iterator[None]:
    """A denoiser that computes in this arithmetic for as long as the block lasts."""
    before = network.arithmetic
    network.arithmetic = arithmetic
    try:
        yield
    finally:
        network.arithmetic = before
