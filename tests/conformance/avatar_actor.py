"""The artificial actor of the avatar goldens, with the weights that both sides fill in by name."""

from __future__ import annotations

import copy
import dataclasses
import functools
import json
import math
import re
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import nn

from a2p_backend.avatar.codec.assets import AvatarAssets
from a2p_backend.avatar.codec.config import AvatarConfig
from a2p_backend.avatar.codec.model import CodecAvatar
from a2p_backend.avatar.codec.uv import UVImages, images_from_faces

from .goldens import DEFAULT_FOLDER, Golden, read_npz
from .lbs_actor import _lbs_config, _lbs_model

CONFIG = AvatarConfig(image_height=256, image_width=168, pose_to_shadow=True)

_GAINS = {
    "decoder.verts_conv.weight_g": 0.15,
    "decoder.tex_conv.weight_g": 0.3,
    "upscale_net.out_block.weight_g": 0.15,
    "decoder_view.unet.out.weight_g": 3.0,
}
_ENDING_GAINS = {"shadow_pred.weight_g": 5.0, "conv_block.8.weight_g": 8.0}
_KEPT = re.compile(
    r"(lbs_fn|(.*\.)?(geo_fn|seam_sampler(_2k)?))\..*"
    r"|tex_mean|face_cond_mask|meye_mask|decoder\.(pose|face|body)_cond_mask|encoder\.mask"
    r"|encoder_face\.tex_cond_mask|decoder_face\.frontal_view|shadow_net\.ao_mean|renderer\.image_size"
)


def named_input(name: str, *shape: int, scale: float = 1.0) -> torch.Tensor:
    generator = np.random.default_rng(zlib.crc32(f"input:{name}".encode()))
    return torch.from_numpy((generator.standard_normal(shape) * scale).astype(np.float32))


def seeded_value(key: str, shape: tuple[int, ...], *, amended: bool = True) -> np.ndarray:
    """The float32 value of the tensor called `key`."""
    generator = np.random.default_rng(zlib.crc32(key.encode()))
    normal = np.asarray(generator.standard_normal(shape)).astype(np.float32)
    if amended and key.endswith("weight_g"):
        transposed = len(shape) == 4 and shape[0] == 1 and shape[1] > 1
        gain = math.sqrt(4 * shape[1] if transposed else shape[0])
        gains = [factor for ending, factor in _ENDING_GAINS.items() if key.endswith(ending)]
        value = (1 + np.float32(0.1) * normal) * np.float32(gain)
        return value * np.float32(math.prod([*gains, _GAINS.get(key, 1.0)]))
    if amended and normal.ndim == 3 and key.rsplit(".", 1)[-1] == "bias":
        return np.float32(0.1) * normal
    if normal.ndim >= 2:
        return normal / np.float32(math.sqrt(math.prod(shape[1:])))
    mean = 1.0 if normal.ndim == 1 and key.endswith(".weight") else 0.0
    return np.float32(mean) + np.float32(0.1) * normal


@torch.no_grad()
def seed(module: nn.Module, prefix: str = "") -> nn.Module:
    """Fills the module by its tensors' names, in eval mode; `prefix` goes before them."""
    for key, tensor in module.state_dict().items():
        if tensor.is_floating_point() and not _KEPT.fullmatch(key):
            tensor.copy_(torch.from_numpy(seeded_value(prefix + key, tuple(tensor.shape))))
    return module.eval().requires_grad_(False)


def actor_folder(golden: Golden) -> Path:
    """Where the golden's actor is: beside it, else in the repository."""
    own = golden.path.parent
    return own if (own / "actor_assets.npz").exists() else DEFAULT_FOLDER / "avatar"


@functools.cache
def load_assets(folder: Path) -> AvatarAssets:
    return AvatarAssets.from_released("artificial", released_assets(folder), CONFIG)


def released_assets(folder: Path) -> dict:
    """What a static_assets.pt of the actor would hold."""
    arrays = read_npz(folder / "actor_assets.npz")
    pieces = {**json.loads((folder / "actor.json").read_text(encoding="utf-8")), **arrays}
    plain = ("lbs_scale", "lbs_template_verts", "global_scaling", "tex_mean", "tex_var", "ao_mean")
    masks = ("face_mask", "mugsy_face_mask", "face_cond_mask", "body_cond_mask", "head_cond_mask")
    return {
        "topology": {name: arrays[name] for name in ("vi", "vt", "vti", "v2uv")},
        "lbs_model_json": _lbs_model(pieces),
        "lbs_config_dict": _lbs_config(pieces, len(arrays["lbs_scale"])),
        "seam_data_1024": _seam_data(arrays, 1024),
        "seam_data_2048": _seam_data(arrays, 2048),
        **{name: arrays[name] for name in (*plain, *masks, "pose_cond_mask", "face_frontal_view")},
    }


def _seam_data(arrays: dict[str, np.ndarray], size: int) -> dict[str, np.ndarray]:
    centres = (np.arange(size, dtype=np.float32) + np.float32(0.5)) / np.float32(size)
    uvs = np.stack(np.broadcast_arrays(centres[None, :], centres[:, None]), axis=-1)
    weights = np.zeros((size, size), np.float32)
    i, j = arrays[f"seam{size}_ov_ij"].astype(np.int64).T
    uvs[i, j] = arrays[f"seam{size}_ov_uv16384"] / np.float32(16384)
    weights[i, j] = arrays[f"seam{size}_ov_w64"] / np.float32(64)
    pairs = {name: arrays[f"seam{size}_{name}"].astype(np.int64) for name in ("dst", "src")}
    return {"dst_ij": pairs["dst"], "src_ij": pairs["src"], "uvs": uvs, "weights": weights}


@functools.cache
def load_images(folder: Path) -> UVImages:
    """The atlas with the original's own choice among equally near texels."""
    stored = read_npz(folder / "uv_1024.npz")
    offsets = stored["source_offset_di_dj"].astype(np.int64)
    source = np.moveaxis(np.indices(offsets.shape[:2]), 0, -1) + np.where(offsets == 127, 0, offsets)
    faces = stored["face_index_covered"].astype(np.int64)
    return images_from_faces(load_assets(folder).topology, faces, source)


@functools.cache
def load_avatar(folder: Path) -> CodecAvatar:
    """The actor with networks of the released sizes (0.6 GB), seeded, its light from the pose."""
    return seed(CodecAvatar(CONFIG, load_assets(folder), load_images(folder)))


def lit_by_occlusion(avatar: CodecAvatar) -> CodecAvatar:
    """The same avatar, as if it had no network from pose to light."""
    other = copy.copy(avatar)
    other.config = dataclasses.replace(avatar.config, pose_to_shadow=False)
    return other
