"""A codec avatar of the released sizes with random weights: as much work as a real one, and no likeness."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from a2p_backend.avatar.codec.assets import AvatarAssets, Seams
from a2p_backend.avatar.codec.config import AvatarConfig
from a2p_backend.avatar.codec.layers import WeightNormed
from a2p_backend.avatar.codec.model import CodecAvatar
from a2p_backend.avatar.codec.uv import Topology
from kinematics.body import load_default_body
from kinematics.camera import Camera, frame_figure

_METRES_A_CENTIMETRE = 0.01
_SEAM_SHARE = 0.05
"""Of all texels; between the 3 and 6 % of an atlas of thirty charts."""


def stand_in(config: AvatarConfig | None = None, seed: int = 0) -> CodecAvatar:
    """An avatar with the default actor's body, in eval mode on the CPU; 0.6 GB."""
    generator = torch.Generator().manual_seed(seed)
    config = config or AvatarConfig(pose_to_shadow=True)
    avatar = CodecAvatar(config, _assets(config, generator))
    with torch.no_grad():
        for layer in avatar.modules():
            if isinstance(layer, WeightNormed):
                # Signals as strong as they went in: the norm is that of the whole tensor.
                layer.weight_g.fill_(math.sqrt(layer.weight_g.numel()))
                layer.bias.normal_(0.0, 0.1, generator=generator)
        avatar.decoder.verts_conv.weight_g.mul_(0.15)  # centimetres
    return avatar.eval().requires_grad_(False)


def stand_in_cameras(config: AvatarConfig) -> list[Camera]:
    """The two views of the released avatars, as far as they can be had for another person."""
    to_blender = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    cameras = (frame_figure(view, config.image_width, config.image_height) for view in ("front", "side"))
    return [
        Camera(
            camera.K,
            np.column_stack([camera.Rt[:, :3] @ to_blender, camera.Rt[:, 3]]),
            camera.width,
            camera.height,
        )
        for camera in cameras
    ]


def _assets(config: AvatarConfig, generator: torch.Generator) -> AvatarAssets:
    body = load_default_body()
    mesh = body.mesh
    assert mesh is not None
    seed_map = torch.ones(64, 64)
    vti = torch.from_numpy(mesh.uv_faces.astype(np.int64))
    vi = torch.from_numpy(mesh.faces.astype(np.int64))
    first = torch.zeros(len(mesh.vertices), dtype=torch.int64)
    first[vi.flatten()] = vti.flatten()
    return AvatarAssets(
        body=body,
        topology=Topology(vi, torch.tensor(mesh.uvs), vti, first[:, None].expand(-1, 4).contiguous()),
        template=torch.tensor(mesh.vertices),
        global_scaling=torch.full((3,), _METRES_A_CENTIMETRE),
        seams=_seams(config.uv_size, generator),
        texture_seams=_seams(config.texture_size, generator),
        tex_mean=torch.full((3, 64, 64), 128.0),
        tex_std=64.0,
        ao_mean=torch.full((1, 64, 64), 0.5),
        face_mask=torch.zeros(64, 64),
        face_texture_mask=torch.ones(64, 64),
        face_cond_mask=torch.full((64, 64), 0.5),
        body_cond_mask=seed_map,
        head_cond_mask=torch.zeros(64, 64),
        pose_cond_mask=torch.ones(98, 64, 64),
        frontal_view=torch.tensor([0.0, 0.0, 1.0]),
    )


def _seams(size: int, generator: torch.Generator) -> Seams:
    count = int(_SEAM_SHARE * size * size)
    # Each texel is copied to once, as in a real atlas: of several copies any might be the last.
    copied, source, blended = (
        _texels(torch.randperm(size * size, generator=generator)[:count], size) for _ in range(3)
    )
    weights = torch.zeros(size, size)
    weights[tuple(blended.T)] = torch.rand(count, generator=generator)
    return Seams(copied, source, torch.rand(size, size, 2, generator=generator), weights)


def _texels(numbers: Tensor, size: int) -> Tensor:
    """(N, 2) row and column of texels (N,) numbered row by row."""
    return torch.stack([numbers // size, numbers % size], dim=1)
