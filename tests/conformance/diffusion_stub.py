"""What the diffusion goldens share: the stub denoiser, the layout of motion, spacings as written in names."""

from __future__ import annotations

import numpy as np
import torch

SPACING = r"(?P<spacing>full|ddim\d+|\d+(?:[,_-]\d+)*)"


def spacing_text(name: str | None) -> str:
    """A spacing as the code takes it, from its form in a file's or an array's name."""
    if name in (None, "full"):
        return ""
    return name.replace("_", ",").replace("-", ",")


def time_first(motion: np.ndarray) -> torch.Tensor:
    """Stored motion (..., C, 1, T) as (..., T, C)."""
    return torch.from_numpy(np.ascontiguousarray(motion[..., 0, :].swapaxes(-1, -2)))


def features_first(motion: torch.Tensor) -> torch.Tensor:
    """Our motion (..., T, C) in the stored layout (..., C, 1, T)."""
    return motion.transpose(-1, -2).unsqueeze(-2)


def stub_denoiser(x: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
    return torch.tanh(0.9 * x + 0.001 * step.view(-1, 1, 1).float())
