"""A picture without its background, its edges soft."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_RINGS = 3
"""Pixels beyond the figure that take its colour on: one that its outline may pass through, and as many as
filters and films reach beyond that."""


def cut_out(picture: Tensor, seen: Tensor, coverage: Tensor) -> Tensor:
    """(H, W, 4) uint8 with straight alpha, from a picture (H, W, 3) uint8.

    seen: (H, W) bool, whose centres show the figure: only there the picture has colours. coverage: (H, W)
    float, how much of each pixel does. Where the figure covers a pixel but not its centre, and a little
    beyond, the pixel gets its neighbours' colours, so that no background's colour shows in the edge.
    """
    colours, known = picture.clone(), seen.to(picture.device)
    for _ in range(_RINGS):
        colours, known = _grown(colours, known)
    alpha = (255.0 * coverage.to(picture.device) + 0.5).to(torch.uint8) * known
    return torch.cat([colours, alpha[..., None]], dim=-1)


def _grown(colours: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Colours (H, W, 3) and where they are known (H, W), with the ring of pixels about these."""
    height, width = known.shape
    padded = functional.pad(known, (1, 1, 1, 1))
    near = torch.zeros_like(known)
    for row in range(3):
        for column in range(3):
            near |= padded[row : row + height, column : column + width]
    y, x = (near & ~known).nonzero(as_tuple=True)
    steps = torch.tensor([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j], device=known.device)
    beside_y, beside_x = (y[:, None] + steps[:, 0]), (x[:, None] + steps[:, 1])
    counted = padded[beside_y + 1, beside_x + 1]
    around = colours[beside_y.clamp(0, height - 1), beside_x.clamp(0, width - 1)] * counted[..., None]
    mean = around.sum(dim=1, dtype=torch.float32) / counted.sum(dim=1, keepdim=True)
    grown = colours.clone()
    grown[y, x] = (mean + 0.5).to(torch.uint8)
    return grown, near
