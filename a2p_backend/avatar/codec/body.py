"""The body: unposed offsets to a code; pose, body code and face code to offsets and a mean texture."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from a2p_backend.avatar.codec.config import AvatarConfig
from a2p_backend.avatar.codec.layers import (
    Conv2dWNUB,
    ConvBlock,
    ConvDownBlock,
    LinearWN,
    UpConvBlockDeep,
    resize,
)
from a2p_backend.avatar.codec.seams import SeamSampler
from a2p_backend.avatar.codec.uv import UVGeometry

_ENCODER_CHANNELS = (8, 16, 32, 32, 64, 128, 128)


class BodyEncoder(nn.Module):
    """Offsets from the template (B, V, 3), cm, to mean and log variance (B, codes) of the body code.

    mask: bool (1, 1, size, size) where the body is, and not the head.
    """

    def __init__(self, codes: int, geometry: UVGeometry, mask: Tensor, logvar_scale: float = 0.1) -> None:
        super().__init__()
        self.size = size = mask.shape[-1]
        self.logvar_scale = logvar_scale
        self.geo_fn = geometry
        self.register_buffer("mask", mask)
        self.verts_conv = ConvDownBlock(3, _ENCODER_CHANNELS[0], size)
        self.joint_conv_blocks = nn.ModuleList(
            ConvDownBlock(inputs, outputs, size >> level)
            for level, (inputs, outputs) in enumerate(itertools.pairwise(_ENCODER_CHANNELS), start=1)
        )
        features = _ENCODER_CHANNELS[-1] * (size >> (1 + len(self.joint_conv_blocks))) ** 2
        self.mu = LinearWN(features, codes)
        self.logvar = LinearWN(features, codes)

    def forward(self, offsets: Tensor) -> tuple[Tensor, Tensor]:
        x = self.verts_conv(resize(self.geo_fn.to_uv(offsets), self.size) * self.mask)
        for block in self.joint_conv_blocks:
            x = block(x)
        features = x.flatten(1)
        return self.mu(features), self.logvar_scale * self.logvar(features)


class Decoded(NamedTuple):
    """What the body decoder gives for B poses, in maps of S x S."""

    offsets: Tensor
    """(B, V, 3) from the template, cm, in the bind pose."""
    offset_map: Tensor
    """(B, 3, S, S) the map that they are read from."""
    texture: Tensor
    """(B, 3, S, S) seen from everywhere, normalised."""
    body_map: Tensor
    """(B, C, s, s) the body code with the face merged into it."""
    pose_map: Tensor
    """(B, C, s, s)"""


class BodyDecoder(nn.Module):
    """Pose, body code and face code to offsets and texture, two streams of one stack of convolutions.

    pose_mask: int (1, pose, s, s) where each of the local pose parameters may be seen.
    face_mask, body_mask: (1, 1, s, s) where the face code drives the map, and where the body is.
    """

    def __init__(
        self,
        config: AvatarConfig,
        geometry: UVGeometry,
        seams: SeamSampler,
        pose_mask: Tensor,
        face_mask: Tensor,
        body_mask: Tensor,
    ) -> None:
        super().__init__()
        self.geo_fn, self.seam_sampler = geometry, seams
        self.register_buffer("pose_cond_mask", pose_mask)
        self.register_buffer("face_cond_mask", face_mask)
        self.register_buffer("body_cond_mask", body_mask)
        size, pose_channels, code_channels = (
            config.seed_size,
            config.pose_channels,
            config.body_code_channels,
        )
        self.local_pose_conv_block = ConvBlock(config.local_pose, pose_channels, size, kernel=1, padding=0)
        self.embs_fc = nn.Sequential(LinearWN(config.body_code, 4 * 4 * 128), nn.LeakyReLU(0.2))
        self.embs_conv_block = nn.Sequential(
            UpConvBlockDeep(128, 128, size // 8),
            UpConvBlockDeep(128, 128, size // 4),
            UpConvBlockDeep(128, 64, size // 2),
            UpConvBlockDeep(64, code_channels, size),
        )
        self.face_embs_fc = nn.Sequential(LinearWN(config.face_code, 4 * 4 * 32), nn.LeakyReLU(0.2))
        self.face_embs_conv_block = nn.Sequential(
            UpConvBlockDeep(32, 64, size // 8),
            UpConvBlockDeep(64, 64, size // 4),
            UpConvBlockDeep(64, code_channels, size // 2),
        )
        self.joint_conv_block = ConvBlock(pose_channels + code_channels, config.seed_channels, size)
        channels = [
            max(config.seed_channels >> level, config.least_channels)
            for level in range(1 + int(math.log2(config.uv_size // size)))
        ]
        self.conv_blocks = nn.ModuleList(
            UpConvBlockDeep(2 * inputs, 2 * outputs, size << level, groups=2)
            for level, (inputs, outputs) in enumerate(itertools.pairwise(channels), start=1)
        )
        full = (config.uv_size, config.uv_size)
        self.verts_conv = Conv2dWNUB(channels[-1], 3, full, 3, padding=1)
        self.tex_conv = Conv2dWNUB(channels[-1], 3, full, 3, padding=1)

    def forward(self, local_pose: Tensor, body_code: Tensor, face_code: Tensor) -> Decoded:
        """local_pose: (B, P) without the root; body_code: (B, codes) of the encoder; face_code: likewise."""
        pose_map = self.pose_map(local_pose)
        body_map = self.merge(self.body_map(body_code), self.face_map(face_code))
        x = self.joint_map(pose_map, body_map)
        for block in self.conv_blocks:
            x = block(x)
        x = self.seam_sampler.resample(self.seam_sampler.resample(self.seam_sampler.impaint(x)))
        geometry, texture = x.chunk(2, dim=1)
        offset_map = self.verts_conv(geometry)
        return Decoded(
            self.geo_fn.from_uv(offset_map), offset_map, self.tex_conv(texture), body_map, pose_map
        )

    def pose_map(self, local_pose: Tensor) -> Tensor:
        seen = local_pose[:, :, None, None] * self.pose_cond_mask
        return self.local_pose_conv_block(seen) * self._body_only()

    def body_map(self, body_code: Tensor) -> Tensor:
        """(B, C, s, s) the body code alone."""
        return self.embs_conv_block(self.embs_fc(body_code).unflatten(-1, (128, 4, 4)))

    def face_map(self, face_code: Tensor) -> Tensor:
        """(B, C, s / 2, s / 2) the face code, for the quarter of the map in which the face lies."""
        return self.face_embs_conv_block(self.face_embs_fc(face_code).unflatten(-1, (32, 4, 4)))

    def merge(self, body_map: Tensor, face_map: Tensor) -> Tensor:
        """The body's map (B or 1, C, s, s) with the face in its lower left quarter."""
        half = face_map.shape[-1]
        quarter = (..., slice(-half, None), slice(None, half))
        merged = body_map.expand(len(face_map), -1, -1, -1).clone()
        merged[quarter] = (
            face_map * self.face_cond_mask[quarter] + merged[quarter] * self._body_only()[quarter]
        )
        return merged

    def joint_map(self, pose_map: Tensor, body_map: Tensor) -> Tensor:
        """(B, 2 C, s, s): what both streams, geometry and texture, start from."""
        joint = self.joint_conv_block(torch.cat([pose_map, body_map], dim=1))
        return torch.cat([joint, joint], dim=1)

    def _body_only(self) -> Tensor:
        return (self.body_cond_mask * (1.0 - self.face_cond_mask)).clamp(0.0, 1.0)


def encoder_mask(face_mask: Tensor, size: int) -> Tensor:
    """bool (1, 1, size, size): every texel that anything but the face reaches into; face_mask: (H, W)."""
    return resize(1.0 - face_mask[None, None], size) != 0
