"""The face: a code to geometry and texture, and back to the code by which the body decoder knows the face."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from a2p_backend.avatar.codec.layers import ConvDownBlock, ConvTranspose2dWNUB, LinearWN, resize

_TEXTURE_CHANNELS = (256, 256, 128, 128, 64, 64, 32, 8, 3)
_ENCODER_CHANNELS = (3, 4, 8, 16, 32, 64, 128, 128)
_VIEW_FEATURES = 8


class FaceDecoder(nn.Module):
    """Face codes (B, codes) to head vertices (B, V, 3) and a texture (B, 3, S, S), nominally 0 to 255.

    frontal_view: (3,) the one direction that the head's texture is decoded for.
    """

    def __init__(self, codes: int, coordinates: int, frontal_view: Tensor) -> None:
        super().__init__()
        self.encmod = nn.Sequential(LinearWN(codes, 256), nn.LeakyReLU(0.2))
        self.geommod = nn.Sequential(LinearWN(256, coordinates))
        self.viewmod = nn.Sequential(LinearWN(3, _VIEW_FEATURES), nn.LeakyReLU(0.2))
        self.texmod2 = nn.Sequential(
            LinearWN(256 + _VIEW_FEATURES, _TEXTURE_CHANNELS[0] * 16), nn.LeakyReLU(0.2)
        )
        layers: list[nn.Module] = []
        size = 4
        for inputs, outputs in itertools.pairwise(_TEXTURE_CHANNELS):
            size *= 2
            layers += [ConvTranspose2dWNUB(inputs, outputs, size), nn.LeakyReLU(0.2)]
        self.texmod = nn.Sequential(*layers[:-1])
        self.bias = nn.Parameter(torch.zeros(3, size, size))
        self.register_buffer("frontal_view", frontal_view)

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        encoded = self.encmod(codes)
        geometry = self.geommod(encoded).unflatten(-1, (-1, 3))
        view = self.viewmod(self.frontal_view).expand(len(codes), -1)
        seed = self.texmod2(torch.cat([encoded, view], dim=-1)).unflatten(-1, (-1, 4, 4))
        return geometry, 255.0 * (self.texmod(seed) + self.bias + 0.5)


class FaceEncoder(nn.Module):
    """Head vertices (B, V, 3) and texture (B, 3, S, S) to mean and log variance (B, codes) of a code.

    mask: (1, 1, size, size) what of the texture is face.
    """

    def __init__(self, codes: int, coordinates: int, mask: Tensor, logvar_scale: float = 0.1) -> None:
        super().__init__()
        self.size = size = mask.shape[-1]
        self.logvar_scale = logvar_scale
        self.register_buffer("tex_cond_mask", mask)
        self.conv_blocks = nn.ModuleList(
            ConvDownBlock(inputs, outputs, size >> level)
            for level, (inputs, outputs) in enumerate(itertools.pairwise(_ENCODER_CHANNELS))
        )
        features = _ENCODER_CHANNELS[-1] * (size >> len(self.conv_blocks)) ** 2
        self.geommod = nn.Sequential(LinearWN(coordinates, 256), nn.LeakyReLU(0.2))
        self.jointmod = nn.Sequential(LinearWN(features + 256, 512), nn.LeakyReLU(0.2))
        self.mu = LinearWN(512, codes)
        self.logvar = LinearWN(512, codes)

    def forward(self, geometry: Tensor, texture: Tensor) -> tuple[Tensor, Tensor]:
        x = (resize(texture, self.size) / 255.0 - 0.5) * self.tex_cond_mask
        for block in self.conv_blocks:
            x = block(x)
        joint = self.jointmod(torch.cat([x.flatten(1), self.geommod(geometry.flatten(1))], dim=-1))
        return self.mu(joint), self.logvar_scale * self.logvar(joint)
