"""Mean texture, view texture and light to the texture that is drawn."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from a2p_backend.avatar.codec.layers import resize
from a2p_backend.avatar.codec.seams import SeamSampler

_BLUR_RADIUS = 5
_BLUR_SIGMA = 2.0


def compose(
    mean_texture: Tensor,
    view_texture: Tensor,
    detail: Tensor,
    seams: SeamSampler,
    tex_std: float,
    tex_mean: Tensor,
) -> Tensor:
    """The unlit texture (B, 3, 2 S, 2 S), nominally 0 to 255.

    mean_texture, view_texture: (B, 3, S, S) normalised. detail: (B, 3, 2 S, 2 S) of the up-scaling network.
    seams: of maps of S. tex_mean: (1, 3, 2 S, 2 S).
    """
    texture = seams.resample(seams.impaint(mean_texture + view_texture))
    return (resize(texture, detail.shape[-1]) + detail) * tex_std + tex_mean


def light(texture: Tensor, shadow: Tensor, seams: SeamSampler) -> Tensor:
    """The texture (B, 3, 2 S, 2 S) under a light (B, 1, 2 S, 2 S) already copied across its seams."""
    lit = texture * twice(seams, shadow)
    return twice(seams, seams.impaint(lit))


def twice(seams: SeamSampler, maps: Tensor) -> Tensor:
    """Once is not enough for charts to agree: the blended border is itself read by the other chart."""
    return seams.resample(seams.resample(maps))


def mean_texture_buffer(asset: Tensor, size: int) -> Tensor:
    """(1, 3, size, size) from the asset (3, H, W), slightly blurred."""
    offsets = torch.arange(-_BLUR_RADIUS, _BLUR_RADIUS + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (offsets / _BLUR_SIGMA) ** 2)
    kernel = (kernel / kernel.sum()).expand(len(asset), 1, -1)
    padded = functional.pad(asset[None], [_BLUR_RADIUS] * 4, mode="reflect")
    blurred = functional.conv2d(padded, kernel[:, :, None, :], groups=len(asset))
    blurred = functional.conv2d(blurred, kernel[:, :, :, None], groups=len(asset))
    return resize(blurred, size)
