"""Sums of a few rows: what looking up a map amounts to once the places to look are known.

A map (B, C, H, W) in channels-last order is a table of H x W rows of C numbers; a mesh is one of V rows.
Seams, the way between mesh and atlas, and textures are all weighted sums of some rows of such a table.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from a2p_backend.avatar.codec.config import AvatarError
from a2p_backend.avatar.codec.seams import SeamSampler
from a2p_backend.avatar.codec.uv import UVGeometry


@dataclass(frozen=True)
class RowSums:
    """N sums: rows (N, K) int32 of a table, and their shares (N, K) float32."""

    rows: Tensor
    shares: Tensor

    def __call__(self, table: Tensor) -> Tensor:
        """(N, C) from a table (R, C)."""
        return functional.embedding_bag(self.rows, table, mode="sum", per_sample_weights=self.shares)


def rows_of(maps: Tensor) -> Tensor:
    """The table (H W, C) that a single map (1, C, H, W) in channels-last order is; no copy."""
    return maps[0].permute(1, 2, 0).reshape(-1, maps.shape[1])


def map_of(rows: Tensor, size: int) -> Tensor:
    """The map (1, C, size, size) that a table is; no copy."""
    return rows.view(1, size, size, -1).permute(0, 3, 1, 2)


def bilinear(points: Tensor, size: int, *, beyond: str = "border") -> RowSums:
    """Samples of a map of size x size at points (N, 2), x and y in texels from the first texel's centre.

    beyond: "border" for the map to go on as it ends, "zeros" for nothing.
    """
    if beyond == "border":
        points = points.clamp(0, size - 1)
    low = points.floor()
    far = points - low
    rows, shares = [], []
    for dy in (0, 1):
        for dx in (0, 1):
            x, y = low[:, 0] + dx, low[:, 1] + dy
            share = (far[:, 0] if dx else 1 - far[:, 0]) * (far[:, 1] if dy else 1 - far[:, 1])
            within = (x >= 0) & (x < size) & (y >= 0) & (y < size)
            shares.append(share * within)
            rows.append(y.clamp(0, size - 1) * size + x.clamp(0, size - 1))
    return RowSums(torch.stack(rows, dim=1).to(torch.int32), torch.stack(shares, dim=1))


class SparseSeams:
    """`SeamSampler` for the few texels that it changes."""

    def __init__(self, seams: SeamSampler) -> None:
        size = seams.uvs.shape[0]
        if seams.weights.numel() != size * size:
            raise AvatarError(
                f"The seam weights are of shape {tuple(seams.weights.shape)}, where one for each of"
                f" {size} x {size} texels is expected."
            )
        self.copied = seams.dst_ij[:, 0] * size + seams.dst_ij[:, 1]
        self.copied_from = seams.src_ij[:, 0] * size + seams.src_ij[:, 1]
        weights = seams.weights.reshape(-1)
        self.blended = weights.nonzero()[:, 0]
        weights = weights[self.blended, None]
        there = bilinear(seams.uvs.reshape(-1, 2)[self.blended] * size - 0.5, size)
        self.blend = RowSums(
            torch.cat([self.blended[:, None].to(torch.int32), there.rows], dim=1).contiguous(),
            torch.cat([1.0 - weights, weights * there.shares], dim=1).contiguous(),
        )

    def impaint_(self, table: Tensor) -> Tensor:
        """In place, on a table (S S, C)."""
        return table.index_copy_(0, self.copied, table[self.copied_from])

    def resample_(self, table: Tensor) -> Tensor:
        """In place, on a table (S S, C)."""
        return table.index_copy_(0, self.blended, self.blend(table))


def to_uv(geometry: UVGeometry) -> RowSums:
    """From a mesh (V, C) to a map's rows; see `UVGeometry.to_uv`."""
    vertices = geometry.index_image.reshape(-1, 3)
    near = (vertices >= 0).all(dim=-1, keepdim=True)
    shares = geometry.bary_image.reshape(-1, 3) * near
    return RowSums(vertices.clamp(min=0).to(torch.int32), shares.contiguous())


def from_uv(geometry: UVGeometry) -> RowSums:
    """From a map's rows to a mesh (V, C); see `UVGeometry.from_uv`."""
    size = geometry.face_index_image.shape[0]
    samples = bilinear(geometry.vt * (size - 1), size, beyond="zeros")
    count = geometry.v2uv.shape[1]
    rows = samples.rows[geometry.v2uv].flatten(1)
    shares = samples.shares[geometry.v2uv].flatten(1) / count
    return RowSums(rows.contiguous(), shares.contiguous())


def neighbourhoods(texels: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Rows (N, 9) of the 3 x 3 texels about each of texels (N,), and whether each is on the map, (N, 9)."""
    steps = torch.arange(-1, 2, device=texels.device)
    y = (texels // size)[:, None, None] + steps[:, None]
    x = (texels % size)[:, None, None] + steps
    within = (x >= 0) & (x < size) & (y >= 0) & (y < size)
    rows = y.clamp(0, size - 1) * size + x.clamp(0, size - 1)
    return rows.flatten(1), within.flatten(1)
