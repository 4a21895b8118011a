"""Sums of a few rows: what looking up a map amounts to once the places to look are known.

A map (B, C, H, W) in channels-last order is a table of H x W rows of C numbers; a mesh is one of V rows.
Seams, the way between mesh and atlas, and textures are all weighted sums of some rows of such a table.
"""

from __future__ import annotations

import math
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


def _row_offsets(y: Tensor, size: int, blocked: bool) -> Tensor:
    """Where the texels of row y of a map of size x size begin in its table."""
    return (y // 2) * (2 * size) + (y % 2) * 2 if blocked else y * size


def _column_offsets(x: Tensor, blocked: bool) -> Tensor:
    """How far from there the texels of column x are."""
    return (x // 2) * 4 + x % 2 if blocked else x


def unblocked(table: Tensor) -> Tensor:
    """The map (C, H, H) of a table (H H, C) in blocks of 2 x 2 texels."""
    half = math.isqrt(len(table)) // 2
    blocks = table.view(half, half, 2, 2, -1)
    return blocks.permute(4, 0, 2, 1, 3).reshape(-1, 2 * half, 2 * half)


def bilinear(points: Tensor, size: int, *, beyond: str = "border", blocked: bool = False) -> RowSums:
    """Samples of a map of size x size at points (N, 2), x and y in texels from the first texel's centre.

    beyond: "border" for the map to go on as it ends, "zeros" for nothing. blocked: the map's table holds it
    as blocks of 2 x 2 texels. The texture's last layer makes these four at a time; so they stay in place.
    """
    points = points.T.contiguous()
    if beyond == "border":
        points = points.clamp(0, size - 1)
    low = points.floor()
    shares = torch.stack([low + 1 - points, points - low])
    texels = torch.stack([low, low + 1])
    if beyond == "zeros":
        shares = shares * ((texels >= 0) & (texels < size))
    x, y = texels.clamp(0, size - 1).to(torch.int32).unbind(dim=1)
    rows = _row_offsets(y, size, blocked)[:, None] + _column_offsets(x, blocked)
    return RowSums(
        rows.flatten(0, 1).T.contiguous(),
        (shares[:, None, 1] * shares[None, :, 0]).flatten(0, 1).T.contiguous(),
    )


class SparseSeams:
    """`SeamSampler` for the few texels that it changes. blocked: see `bilinear`."""

    def __init__(self, seams: SeamSampler, *, blocked: bool = False) -> None:
        size = seams.uvs.shape[0]
        if seams.weights.numel() != size * size:
            raise AvatarError(
                f"The seam weights are of shape {tuple(seams.weights.shape)}, where one for each of"
                f" {size} x {size} texels is expected."
            )

        def rows(y: Tensor, x: Tensor) -> Tensor:
            return _row_offsets(y, size, blocked) + _column_offsets(x, blocked)

        self.copied = rows(*seams.dst_ij.T)
        self.copied_from = rows(*seams.src_ij.T)
        weights = seams.weights.reshape(size, size)
        y, x = weights.nonzero(as_tuple=True)
        weights = weights[y, x, None]
        self.blended = rows(y, x)
        there = bilinear(seams.uvs[y, x] * size - 0.5, size, blocked=blocked)
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
