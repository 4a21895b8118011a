"""How much light reaches each texel: from a map of ambient occlusion, or from the pose."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from a2p_backend.avatar.codec.layers import Conv2dWN, Conv2dWNUB, ConvTranspose2dWNUB, LinearWN, resize

_LEVELS = 4
_POSE_CHANNELS = (256, 256, 128, 128, 64, 1)


def _stage(inputs: int, outputs: int, size: int, slope: float) -> nn.Sequential:
    return nn.Sequential(Conv2dWNUB(inputs, outputs, (size, size), 3, padding=1), nn.LeakyReLU(slope))


class ShadowUNet(nn.Module):
    """Ambient occlusion (B, 1, H, W) to light (B, 1, uv_size, uv_size), 0 to 1.

    ao_mean: (1, size, size) the occlusion to which it is compared.
    """

    def __init__(
        self, ao_mean: Tensor, uv_size: int, features: int, slope: float = 0.2, beta: float = 1.0
    ) -> None:
        super().__init__()
        self.uv_size, self.beta = uv_size, beta
        self.register_buffer("ao_mean", ao_mean)
        sizes = [ao_mean.shape[-1] >> level for level in range(_LEVELS)]
        widths = [1, *[features] * _LEVELS]
        self.enc_layers = nn.ModuleList(
            _stage(inputs, outputs, size, slope)
            for (inputs, outputs), size in zip(itertools.pairwise(widths), sizes, strict=True)
        )
        self.dec_layers = nn.ModuleList(
            _stage(features if level == 0 else 2 * features, features, size, slope)
            for level, size in enumerate(reversed(sizes))
        )
        self.shadow_pred = Conv2dWN(features, 1, 3, padding=1)

    def forward(self, ao: Tensor) -> Tensor:
        return resize(self.small(ao), self.uv_size)

    def small(self, ao: Tensor) -> Tensor:
        """The light at the network's own size (B, 1, size, size)."""
        x = nearest(ao, self.ao_mean.shape[-1]) - self.ao_mean
        skips: list[Tensor] = []
        for layer in self.enc_layers:
            if skips:
                x = resize(x, x.shape[-1] // 2, align_corners=True)
            x = layer(x)
            skips.append(x)
        x = self.dec_layers[0](skips.pop())
        for layer, skip in zip(self.dec_layers[1:], reversed(skips), strict=True):
            x = layer(torch.cat([resize(x, skip.shape[-1], align_corners=True), skip], dim=1))
        return torch.sigmoid(self.shadow_pred(x) + self.beta)


class PoseToShadow(nn.Module):
    """Poses (B, P), the root's part too, to light (B, 1, uv_size, uv_size), 0 to 1."""

    def __init__(self, pose: int, uv_size: int, beta: float = 1.0) -> None:
        super().__init__()
        self.uv_size, self.beta = uv_size, beta
        self.fc_block = nn.Sequential(LinearWN(pose, _POSE_CHANNELS[0] * 16), nn.LeakyReLU(0.2))
        layers: list[nn.Module] = []
        for level, (inputs, outputs) in enumerate(itertools.pairwise(_POSE_CHANNELS), start=3):
            layers += [ConvTranspose2dWNUB(inputs, outputs, 1 << level), nn.LeakyReLU(0.2)]
        self.conv_block = nn.Sequential(*layers[:-1])

    def forward(self, pose: Tensor) -> Tensor:
        return resize(self.small(pose), self.uv_size)

    def small(self, pose: Tensor) -> Tensor:
        """The light at the network's own size (B, 1, 128, 128)."""
        seed = self.fc_block(pose).unflatten(-1, (-1, 4, 4))
        return torch.sigmoid(self.conv_block(seed) + self.beta)


def nearest(maps: Tensor, size: int) -> Tensor:
    """Maps (B, C, H, W) at size x size, each texel the one before its place in the larger or smaller map."""
    return functional.interpolate(maps, (size, size), mode="nearest")
