"""Texture look-up, as the released avatars expect it."""

from __future__ import annotations

import torch
from torch.nn.functional import grid_sample


def sample_texture(texture: torch.Tensor, uvs: torch.Tensor) -> torch.Tensor:
    """Bilinear samples (..., C) of a texture (C, H, W) at uvs (..., 2).

    u runs right and v runs down; 0 and 1 are the centres of the outermost texels, beyond which the border
    goes on.
    """
    grid = (2.0 * uvs - 1.0).reshape(1, 1, -1, 2)
    samples = grid_sample(texture[None], grid, mode="bilinear", padding_mode="border", align_corners=True)
    return samples[0, :, 0].T.reshape(*uvs.shape[:-1], len(texture))


def interpolate(
    corner_values: torch.Tensor, face_index: torch.Tensor, barycentrics: torch.Tensor
) -> torch.Tensor:
    """Values (..., C) at points of faces, from corner_values (F, 3, C) and barycentrics (..., 3)."""
    return torch.einsum("...k,...kc->...c", barycentrics, corner_values[face_index.to(torch.int64)])
