"""A codec avatar on disk, as a2p keeps it: a folder of safetensors and JSON.

avatar.json          sizes (AvatarConfig), the texture's deviation, camera units a centimetre
avatar.safetensors   every tensor once: weights, masks, seams, the mesh with its atlas and its images
views.safetensors    the cameras that it came with, K (N, 3, 3) and Rt (N, 3, 4), and, where the light does
                     not follow from the pose, ao (N, 1, H, W)

The images of the atlas are among the tensors, so that they are computed once and for all, if the released
checkpoint has none. The skeleton is the actor's own.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from a2p_backend.avatar.codec.assets import AvatarAssets, Seams
from a2p_backend.avatar.codec.config import AvatarConfig, AvatarError
from a2p_backend.avatar.codec.model import CodecAvatar
from a2p_backend.avatar.codec.uv import Topology, UVImages
from kinematics.body import Body
from kinematics.camera import Camera

FORMAT = 1
_HEADER, _TENSORS, _VIEWS = "avatar.json", "avatar.safetensors", "views.safetensors"
_OWN = ("template",)
"""Tensors of the assets that the model's state lacks."""


@dataclass(frozen=True, eq=False)
class ReleasedViews:
    """The cameras that an avatar came with, in its own world; ao: see `AvatarRenderer`."""

    cameras: tuple[Camera, ...]
    ao: npt.NDArray[np.float32] | None = None

    @classmethod
    def from_released(cls, name: str, defaults: Mapping[str, Any], config: AvatarConfig) -> ReleasedViews:
        """From the mapping in a render_defaults file, its leaves arrays.

        AvatarError where they do not fit.
        """
        arrays = {key: _numbers(name, key, defaults.get(key)) for key in ("K", "Rt")}
        K, Rt = arrays["K"], arrays["Rt"]
        if K.ndim != 3 or K.shape[1:] != (3, 3) or Rt.shape != (len(K), 3, 4) or not len(K):
            raise AvatarError(
                f"The render defaults of {name} hold cameras of shapes {K.shape} and {Rt.shape}, where"
                " (N, 3, 3) and (N, 3, 4) are expected: get the file again."
            )
        cameras = tuple(
            Camera(*view, config.image_width, config.image_height) for view in zip(K, Rt, strict=True)
        )
        if defaults.get("ao") is None:
            return cls(cameras)
        ao = _numbers(name, "ao", defaults["ao"]).astype(np.float32)
        if ao.ndim != 4 or ao.shape[:2] != (len(K), 1):
            raise AvatarError(
                f"The render defaults of {name} hold ambient occlusion of shape {ao.shape}, where"
                f" ({len(K)}, 1, H, W) is expected: get the file again."
            )
        return cls(cameras, ao)


@dataclass(frozen=True, eq=False)
class StoredAvatar:
    """An avatar in memory, in eval mode on the CPU, and its views."""

    model: CodecAvatar
    views: ReleasedViews


def save_avatar(folder: Path, avatar: CodecAvatar, views: ReleasedViews) -> None:
    """Writes the files into a folder, which is there and has none of them yet."""
    header = {
        "format": FORMAT,
        "tex_std": avatar.tex_std,
        "global_scaling": avatar.lbs_fn.global_scaling.tolist(),
        "config": dataclasses.asdict(avatar.config),
    }
    tensors = {**_unique(avatar), "template": avatar.lbs_fn.template}
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / _TENSORS)
    cameras = {
        "K": torch.tensor(np.array([camera.K for camera in views.cameras])).reshape(-1, 3, 3),
        "Rt": torch.tensor(np.array([camera.Rt for camera in views.cameras])).reshape(-1, 3, 4),
    }
    save_file(cameras if views.ao is None else {**cameras, "ao": torch.from_numpy(views.ao)}, folder / _VIEWS)
    (folder / _HEADER).write_text(json.dumps(header, indent=2) + "\n", encoding="utf-8")


def load_avatar(folder: Path, body: Body) -> StoredAvatar:
    """The avatar in a folder, on its actor's skeleton.

    Raises:
        AvatarError: a file is missing, damaged, or of an avatar of another body or version.
    """
    try:
        header = json.loads((folder / _HEADER).read_text(encoding="utf-8"))
        config = AvatarConfig(**header["config"])
        scaling, tex_std = header["global_scaling"], float(header["tex_std"])
        tensors, cameras = load_file(folder / _TENSORS), load_file(folder / _VIEWS)
        if body.mesh is None or len(body.mesh.vertices) != len(tensors["template"]):
            raise AvatarError(
                f"The avatar in {folder} is of another body than its actor: add the actor anew."
            )
        model = _build(config, _assets(tensors, body, scaling, tex_std), tensors)
        views = ReleasedViews(())
        if len(cameras["K"]):
            arrays = {key: value.numpy() for key, value in cameras.items()}
            views = ReleasedViews.from_released(body.name, arrays, config)
    except AvatarError:
        raise
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise AvatarError(f"The avatar in {folder} cannot be read ({error}): add the actor anew.") from error
    return StoredAvatar(model.eval().requires_grad_(False), views)


def _build(config: AvatarConfig, assets: AvatarAssets, tensors: Mapping[str, Tensor]) -> CodecAvatar:
    images = UVImages(
        *(tensors[f"geo_fn.{name}"] for name in ("face_index_image", "index_image", "bary_image"))
    )
    model = CodecAvatar(config, assets, images)
    state = {key: value for key, value in tensors.items() if key not in _OWN}
    differing = sorted(state.keys() ^ _unique(model).keys())
    if differing:
        raise ValueError(f"{differing[0]} and {len(differing) - 1} others are missing or unknown")
    model.load_state_dict(state, strict=False)  # not strict: what parts share is there once
    return model


def _unique(avatar: CodecAvatar) -> dict[str, Tensor]:
    """The state of a model, what several of its parts share being there once."""
    kept = avatar.state_dict().keys()
    named = {**dict(avatar.named_parameters()), **dict(avatar.named_buffers())}
    return {key: value.detach() for key, value in named.items() if key in kept}


def _assets(
    tensors: Mapping[str, Tensor], body: Body, global_scaling: list[float], tex_std: float
) -> AvatarAssets:
    """Assets from which a model of the right sizes can be built; its state then comes from the tensors."""
    pose_mask = tensors["decoder.pose_cond_mask"][0].to(torch.float32)
    texture_mask = tensors["encoder_face.tex_cond_mask"][0, 0]
    return AvatarAssets(
        body=body,
        topology=Topology(*(tensors[f"geo_fn.{name}"] for name in ("vi", "vt", "vti", "v2uv"))),
        template=tensors["template"],
        global_scaling=torch.tensor(global_scaling, dtype=torch.float32),
        seams=_seams("seam_sampler", tensors),
        texture_seams=_seams("seam_sampler_2k", tensors),
        tex_mean=tensors["tex_mean"][0],
        tex_std=tex_std,
        ao_mean=tensors["shadow_net.ao_mean"],
        face_mask=torch.zeros_like(texture_mask),
        face_texture_mask=texture_mask,
        face_cond_mask=tensors["face_cond_mask"][0, 0],
        body_cond_mask=tensors["decoder.body_cond_mask"][0, 0],
        head_cond_mask=torch.zeros_like(pose_mask[0]),
        pose_cond_mask=pose_mask,
        frontal_view=tensors["decoder_face.frontal_view"],
    )


def _seams(prefix: str, tensors: Mapping[str, Tensor]) -> Seams:
    return Seams(*(tensors[f"{prefix}.{name}"] for name in ("dst_ij", "src_ij", "uvs", "weights")))


def _numbers(name: str, key: str, value: Any) -> npt.NDArray[np.float64]:
    array = np.asarray([] if value is None else value)
    if array.dtype.kind not in "biuf" or not array.size or not np.isfinite(array).all():
        raise AvatarError(f"The render defaults of {name} have no usable {key}: get the file again.")
    return array.astype(np.float64)
