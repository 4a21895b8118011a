"""What a texture gains by the direction that it is seen from."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from a2p_backend.avatar.codec.layers import Conv2dWNUB, ConvTranspose2dWNUB, WeightNormed
from a2p_backend.avatar.codec.uv import UVGeometry

OUTPUT_SCALE = 0.1


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Unit normals (B, V, 3) of vertices (B, V, 3): sums of the unit normals of their faces (F, 3)."""
    first, second, third = (vertices[:, corner] for corner in faces.T)
    normals = _normalised(torch.linalg.cross(second - first, third - first))
    sums = torch.zeros_like(vertices)
    for corner in faces.T:
        sums.index_add_(1, corner, normals)
    return functional.normalize(_normalised(sums), dim=-1)


def view_cosines(vertices: Tensor, normals: Tensor, centres: Tensor) -> Tensor:
    """(B, V) cosines between normals and lines of sight from centres (B, 3): negative where one is seen."""
    sight = functional.normalize(vertices - centres[:, None], dim=-1)
    return (normals * sight).sum(dim=-1)


def _normalised(vectors: Tensor) -> Tensor:
    lengths = vectors.norm(dim=-1, keepdim=True)
    return vectors / torch.where(lengths < 1e-5, 1.0, lengths)


def _stage(layer: WeightNormed) -> nn.Sequential:
    return nn.Sequential(layer, nn.LeakyReLU(0.2))


class UNet(nn.Module):
    """Maps (B, 4, size, size) to (B, 3, size, size): five times down, five times up."""

    def __init__(self, size: int, features: int = 8) -> None:
        super().__init__()
        widths = [4, *(features << level for level in range(5))]
        for level in range(1, 6):
            half = size >> level
            down = Conv2dWNUB(widths[level - 1], widths[level], (half, half), 4, stride=2, padding=1)
            self.add_module(f"down{level}", _stage(down))
        outputs = [*widths[4:0:-1], features]
        for level, (inputs, output) in enumerate(zip(widths[5:0:-1], outputs, strict=True), start=1):
            self.add_module(f"up{level}", _stage(ConvTranspose2dWNUB(inputs, output, size >> (5 - level))))
        self.out = Conv2dWNUB(features + 4, 3, (size, size), 1)

    @property
    def downs(self) -> list[nn.Module]:
        return [self.get_submodule(f"down{level}") for level in range(1, 6)]

    @property
    def ups(self) -> list[nn.Module]:
        return [self.get_submodule(f"up{level}") for level in range(1, 6)]

    def forward(self, x: Tensor) -> Tensor:
        levels = [x]
        for down in self.downs:
            levels.append(down(levels[-1]))
        y = self.climb(levels[1:])
        return OUTPUT_SCALE * self.out(torch.cat([self.ups[-1](y), x], dim=1))

    def climb(self, levels: list[Tensor]) -> Tensor:
        """The way up through the outputs of all `downs`, but for the last stage: (B, features, size / 2)."""
        y = levels[-1]
        for up, level in zip(self.ups[:-1], levels[-2::-1], strict=True):
            y = up(y) + level
        return y


class ViewDecoder(nn.Module):
    """View cosines (B, V) and the mean texture (B, 3, S, S) to the view's own texture (B, 3, S, S)."""

    def __init__(self, geometry: UVGeometry, size: int, features: int) -> None:
        super().__init__()
        self.geo_fn = geometry
        self.unet = UNet(size, features)

    def forward(self, cosines: Tensor, texture: Tensor) -> tuple[Tensor, Tensor]:
        """Also gives the cosines as a map (B, 1, S, S)."""
        cosine_map = self.geo_fn.to_uv(cosines[..., None])
        return self.unet(torch.cat([cosine_map, texture], dim=1)), cosine_map
