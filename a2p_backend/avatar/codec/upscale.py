"""Detail that two textures of 1024 x 1024 hold together, at twice the size."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from a2p_backend.avatar.codec.layers import Conv2dWNUB


class UpscaleNet(nn.Module):
    """Maps (B, inputs, size, size) to (B, outputs, 2 size, 2 size)."""

    def __init__(self, inputs: int, outputs: int, size: int, features: int) -> None:
        super().__init__()
        full = (size, size)
        self.conv_block = nn.Sequential(Conv2dWNUB(inputs, features, full, 3, padding=1), nn.LeakyReLU(0.2))
        self.out_block = Conv2dWNUB(features, 4 * outputs, full, 1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.pixel_shuffle(self.out_block(self.conv_block(x)), 2)
