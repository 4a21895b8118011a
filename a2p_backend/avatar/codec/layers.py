"""Layers and blocks of the codec avatars. Attribute names are the keys of the released checkpoints.

Two things are unusual. The weight norm divides by the length of the whole weight tensor, not of each output
channel. And a convolution's bias may be untied: every output pixel has its own.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.2
"""Of every leaky rectifier."""


def leaky(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, SLOPE)


def resize(x: Tensor, size: int, *, align_corners: bool = False) -> Tensor:
    """Bilinear resizing of maps (B, C, H, W) to size x size, without smoothing."""
    return functional.interpolate(x, (size, size), mode="bilinear", align_corners=align_corners)


class WeightNormed(nn.Module):
    """A weight as a direction `weight_v` and, for each output channel, a length `weight_g`."""

    def __init__(self, shape: tuple[int, ...], fan_in: int, bias: tuple[int, ...], out_axis: int = 0) -> None:
        super().__init__()
        bound = 1 / math.sqrt(fan_in)
        self.weight_v = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        lengths = [size if axis == out_axis else 1 for axis, size in enumerate(shape)]
        self.weight_g = nn.Parameter(self.weight_v.detach().norm().expand(lengths).clone())
        self.bias = nn.Parameter(torch.zeros(bias))
        self.register_buffer("fused", None, persistent=False)

    @property
    def weight(self) -> Tensor:
        """The weight that the layer works with."""
        if self.fused is not None:
            return self.fused
        return self.weight_v * (self.weight_g / self.weight_v.norm())

    @torch.no_grad()
    def fuse(self) -> None:
        """Computes the weight once and for all, for a layer that is not trained any further."""
        self.fused = self.weight

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # Older checkpoints call the two by other names, and store the lengths flat.
        if prefix + "weight" in state_dict and prefix + "g" in state_dict:
            state_dict[prefix + "weight_v"] = state_dict.pop(prefix + "weight")
            state_dict[prefix + "weight_g"] = state_dict.pop(prefix + "g").reshape(self.weight_g.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)


class LinearWN(WeightNormed):
    """(..., inputs) to (..., outputs)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__((outputs, inputs), inputs, (outputs,))

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight, self.bias)


class Conv2dWN(WeightNormed):
    """A convolution with one bias a channel."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0, groups: int = 1
    ) -> None:
        shape = (outputs, inputs // groups, kernel, kernel)
        super().__init__(shape, inputs // groups * kernel**2, (outputs,))
        self.stride, self.padding, self.groups = stride, padding, groups

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight, self.bias, self.stride, self.padding, groups=self.groups)


class Conv2dWNUB(WeightNormed):
    """A convolution whose output, of a fixed size (height, width), has a bias of its own at each pixel."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: tuple[int, int],
        kernel: int,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
    ) -> None:
        shape = (outputs, inputs // groups, kernel, kernel)
        super().__init__(shape, inputs // groups * kernel**2, (outputs, *size))
        self.stride, self.padding, self.groups = stride, padding, groups

    def forward(self, x: Tensor) -> Tensor:
        y = functional.conv2d(x, self.weight, None, self.stride, self.padding, groups=self.groups)
        return y + self.bias


class ConvTranspose2dWNUB(WeightNormed):
    """A transposed convolution that doubles the size, to (size, size), with a bias at each pixel."""

    def __init__(self, inputs: int, outputs: int, size: int, kernel: int = 4) -> None:
        super().__init__(
            (inputs, outputs, kernel, kernel), outputs * kernel**2, (outputs, size, size), out_axis=1
        )

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv_transpose2d(x, self.weight, None, stride=2, padding=1) + self.bias


class ConvBlock(nn.Module):
    """Two convolutions beside a 1 x 1 skip, at one size."""

    def __init__(
        self, inputs: int, outputs: int, size: int, kernel: int = 3, padding: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.conv_resize = Conv2dWN(inputs, outputs, 1, groups=groups)
        self.conv1 = Conv2dWNUB(inputs, inputs, (size, size), kernel, padding=padding, groups=groups)
        self.conv2 = Conv2dWNUB(inputs, outputs, (size, size), kernel, padding=padding, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        return leaky(self.conv2(leaky(self.conv1(x)))) + self.conv_resize(x)


class ConvDownBlock(nn.Module):
    """Maps of `size` to maps of half of it."""

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        half = size // 2
        self.conv_resize = Conv2dWN(inputs, outputs, 1, stride=2)
        self.conv1 = Conv2dWNUB(inputs, inputs, (size, size), 3, padding=1)
        self.conv2 = Conv2dWNUB(inputs, outputs, (half, half), 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return leaky(self.conv2(leaky(self.conv1(x)))) + self.conv_resize(x)


class UpConvBlockDeep(ConvBlock):
    """Maps of any size, usually half of it, to maps of `size`."""

    def __init__(self, inputs: int, outputs: int, size: int, groups: int = 1) -> None:
        super().__init__(inputs, outputs, size, groups=groups)
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(resize(x, self.size, align_corners=True))
