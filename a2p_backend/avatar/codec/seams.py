"""The seams of a texture atlas: texels that continue on another chart."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class SeamSampler(nn.Module):
    """Maps (B, C, S, S) whose charts agree where they meet.

    dst_ij, src_ij: (N, 2) texels, as row and column, that are copied, and from where.
    uvs: (S, S, 2) where else on the atlas each texel may be read. weights: (S, S) how much it is.
    """

    def __init__(self, dst_ij: Tensor, src_ij: Tensor, uvs: Tensor, weights: Tensor) -> None:
        super().__init__()
        self.register_buffer("dst_ij", dst_ij.clone())
        self.register_buffer("src_ij", src_ij.clone())
        self.register_buffer("uvs", uvs.clone())
        self.register_buffer("weights", weights.clone())

    def impaint(self, maps: Tensor) -> Tensor:
        """Copies texels; all are read before any is written."""
        (i, j), (k, l) = self.dst_ij.T, self.src_ij.T  # noqa: E741
        copied = maps.clone()
        copied[:, :, i, j] = maps[:, :, k, l]
        return copied

    def resample(self, maps: Tensor) -> Tensor:
        """Blends each texel with what lies elsewhere, by its weight."""
        grid = (2.0 * (self.uvs - 0.5)).expand(len(maps), -1, -1, -1)
        there = functional.grid_sample(maps, grid, padding_mode="border", align_corners=False)
        return (1.0 - self.weights) * maps + self.weights * there
