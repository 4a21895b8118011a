"""The network of a trained avatar: what an expression and a pose do to skin beyond what a rig can say.

After the decoders of Bagautdinov et al., "Driving-Signal Aware Full-Body Avatars" (SIGGRAPH 2021), made
small:

    expression -> code -> convolutions with a bias of its own at every texel -> light on the texture
    expression, pose -> coefficients of a few displacement fields              -> geometry

The light is a factor for each texel and colour: the dark of an open mouth, the lids' shadow, creases that a
smile brings. The displacements are what Blender does to the mesh that linear blend skinning does not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

POSE_INPUTS = 98
"""Of the 104 pose parameters those that place no one in the room, which come first."""
_CODE, _SLOPE = 64, 0.2
_COARSEST = 8
"""Texels along a side of the map that the code is first spread out to."""
_BRIGHTEST = 2.0
_FIELDS = ("fields", "moved")


@dataclass(frozen=True)
class NetworkConfig:
    """expressions: E, how many the rig has. fields: R displacement fields, of M `moved` vertices.

    channels: of the maps, from the coarsest on, each twice as fine as the one before; without any the network
    knows of no light.
    """

    expressions: int
    fields: int = 0
    moved: int = 0
    channels: tuple[int, ...] = (64, 48, 32, 16, 8, 8)

    @property
    def texels(self) -> int:
        """Along a side of the light."""
        return _COARSEST * 2 ** len(self.channels)


class AvatarNetwork(nn.Module):
    """`light` and `displacements`; see the module."""

    fields: Tensor
    moved: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        # Without expressions the code is the same always.
        self.expression = nn.Sequential(
            nn.Linear(max(config.expressions, 1), _CODE), nn.LeakyReLU(_SLOPE), nn.Linear(_CODE, _CODE),
            nn.LeakyReLU(_SLOPE),
        )  # fmt: skip
        if channels:
            self.spread = nn.Linear(_CODE, channels[0] * _COARSEST**2)
            self.finer = nn.ModuleList(
                _Finer(coarse, fine, 2 * _COARSEST * 2**level)
                for level, (coarse, fine) in enumerate(pairwise(channels))
            )
            self.out = nn.Conv2d(channels[-1], 3 * 4, 1)
            self.out_bias = nn.Parameter(torch.zeros(3, config.texels, config.texels))
        if config.fields:
            self.pose = nn.Sequential(nn.Linear(POSE_INPUTS, 2 * _CODE), nn.LeakyReLU(_SLOPE))
            self.coefficients = nn.Sequential(
                nn.Linear(3 * _CODE, 2 * _CODE), nn.LeakyReLU(_SLOPE), nn.Linear(2 * _CODE, config.fields)
            )
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight, _SLOPE)
        if channels:
            nn.init.normal_(self.out.weight, std=0.3 / channels[-1] ** 0.5)
            nn.init.zeros_(self.out.bias)
        self.register_buffer("fields", torch.zeros(config.fields, config.moved, 3))
        self.register_buffer("moved", torch.zeros(config.moved, dtype=torch.int32))

    def only(self, *, light: bool, geometry: bool) -> AvatarNetwork | None:
        """The part that knows of light, that of geometry, or both, as they are; None for neither."""
        kept = replace(
            self.config,
            channels=self.config.channels if light else (),
            fields=self.config.fields if geometry else 0,
            moved=self.config.moved if geometry else 0,
        )
        if not kept.channels and not kept.fields:
            return None
        part = AvatarNetwork(kept).eval().requires_grad_(False)
        own, wanted = self.state_dict(), part.state_dict()
        shared = {name: own[name] for name in wanted if geometry or name not in _FIELDS}
        part.load_state_dict({**wanted, **shared})
        return part

    def light(self, expressions: Tensor) -> Tensor:
        """(B, 3, S, S) factors on the texture's linear colours, 0 to 2, of expressions (B, E)."""
        maps = self.spread(self._code(expressions)).unflatten(1, (-1, _COARSEST, _COARSEST))
        for layer in self.finer:
            maps = layer(maps)
        factors = functional.pixel_shuffle(self.out(maps), 2) + self.out_bias
        return _BRIGHTEST * torch.sigmoid(factors)

    def shares(self, expressions: Tensor, pose: Tensor) -> Tensor:
        """(B, R) of each displacement field, of expressions (B, E) and pose (B, 98), radians."""
        return self.coefficients(torch.cat([self._code(expressions), self.pose(pose)], dim=1))

    def _code(self, expressions: Tensor) -> Tensor:
        if self.config.expressions == 0:
            expressions = expressions.new_zeros(len(expressions), 1)
        code: Tensor = self.expression(expressions)
        return code

    def displacements(self, expressions: Tensor, pose: Tensor) -> Tensor:
        """(B, M, 3) metres, at rest, of the vertices that are numbered `moved`."""
        return torch.einsum("br,rmc->bmc", self.shares(expressions, pose), self.fields)


class _Finer(nn.Module):
    """A map twice as fine, with a bias for each of its texels."""

    def __init__(self, coarse: int, fine: int, texels: int) -> None:
        super().__init__()
        self.grow = nn.ConvTranspose2d(coarse, fine, 4, stride=2, padding=1, bias=False)
        # Four of its sixteen weights meet in a texel.
        nn.init.normal_(self.grow.weight, std=(2.0 / (1.0 + _SLOPE**2) / (4 * coarse)) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(fine, texels, texels))

    def forward(self, maps: Tensor) -> Tensor:
        return functional.leaky_relu(self.grow(maps) + self.bias, _SLOPE)
