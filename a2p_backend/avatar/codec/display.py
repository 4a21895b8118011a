"""Linear light to what a screen is sent."""

from __future__ import annotations

import torch
from torch import Tensor

_GAIN = (1.05, 0.95, 1.45)
_BLACK = 5.0 / 255.0
_GAMMA = 1.5


def linear_to_display(rgb: Tensor) -> Tensor:
    """Pictures (..., 3, H, W), linear and nominally 0 to 255, to display values 0 to 255."""
    gain = rgb.new_tensor(_GAIN).reshape(3, 1, 1) / 255.0
    x = rgb * gain - _BLACK
    bright = 1.055 * x.clamp(min=0.0031308) ** (1.0 / _GAMMA) - 0.055
    return torch.where(x <= 0.0031308, 12.92 * x, bright).clamp(0.0, 1.0) * 255.0


def to_bytes(display: Tensor) -> Tensor:
    """Display values to uint8, truncated as the released renderer does."""
    return display.clamp(0.0, 255.0).to(torch.uint8)
