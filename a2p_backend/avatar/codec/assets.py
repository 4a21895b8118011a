"""What one person's avatar is made of besides its networks: the content of a released static_assets.pt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from a2p_backend.avatar.codec.config import AvatarConfig, AvatarError
from a2p_backend.avatar.codec.uv import Topology
from kinematics.body import Body, body_from_legacy

_DEFAULT_STD = 64.0


@dataclass(frozen=True)
class Seams:
    """See `seams.SeamSampler`."""

    dst_ij: Tensor
    src_ij: Tensor
    uvs: Tensor
    weights: Tensor


@dataclass(frozen=True)
class AvatarAssets:
    """One person's mesh, skeleton and maps.

    template: (V, 3) cm. global_scaling: (3,) camera units a centimetre. seams: of the decoders' maps;
    texture_seams: of the texture. Textures (3, H, W) are linear, nominally 0 to 255; masks are 0 to 1, of any
    size but for those that condition the body decoder, which have its seed's.
    """

    body: Body
    topology: Topology
    template: Tensor
    global_scaling: Tensor
    seams: Seams
    texture_seams: Seams
    tex_mean: Tensor
    tex_std: float
    ao_mean: Tensor
    face_mask: Tensor
    face_texture_mask: Tensor
    face_cond_mask: Tensor
    body_cond_mask: Tensor
    head_cond_mask: Tensor
    pose_cond_mask: Tensor
    frontal_view: Tensor

    @classmethod
    def from_released(cls, name: str, assets: Mapping[str, Any], config: AvatarConfig) -> AvatarAssets:
        """From the mapping in a static_assets.pt, its leaves numpy arrays or tensors.

        AvatarError where something is missing, or is not of the shape that the rest asks for.
        """
        source = _Source(name, assets)
        vi, vt = source.get("topology.vi", (-1, 3)), source.get("topology.vt", (-1, 2))
        vertices = len(source.get("lbs_template_verts", (-1, 3)))
        topology = Topology(
            vi=vi.to(torch.int64),
            vt=vt.to(torch.float32),
            vti=source.get("topology.vti", (len(vi), 3)).to(torch.int64),
            v2uv=source.get("topology.v2uv", (vertices, -1)).to(torch.int64),
        )
        source.check_numbers("topology.vi", topology.vi, vertices)
        source.check_numbers("topology.vti", topology.vti, len(vt))
        source.check_numbers("topology.v2uv", topology.v2uv, len(vt))
        body = body_from_legacy(
            name,
            source.raw("lbs_model_json"),
            source.raw("lbs_config_dict"),
            source.get("lbs_scale", (-1,)).numpy(),
        )
        if body.mesh is None or len(body.mesh.vertices) != vertices:
            raise AvatarError(f"The assets of {name} are mixed: skin and template are of different meshes.")
        if body.transform.pose_count != config.pose:
            raise AvatarError(
                f"The body of {name} has {body.transform.pose_count} pose parameters; the networks take"
                f" {config.pose}."
            )
        seed = (config.seed_size, config.seed_size)
        return cls(
            body=body,
            topology=topology,
            template=source.floats("lbs_template_verts", (vertices, 3)),
            global_scaling=source.floats("global_scaling").reshape(-1),
            seams=source.seams(config.uv_size),
            texture_seams=source.seams(config.texture_size),
            tex_mean=source.floats("tex_mean", (3, -1, -1)),
            tex_std=float(source.floats("tex_var").reshape(())) if source.has("tex_var") else _DEFAULT_STD,
            ao_mean=source.floats("ao_mean", (1, -1, -1)),
            face_mask=source.floats("face_mask", (-1, -1)),
            face_texture_mask=source.floats("mugsy_face_mask", (-1, -1, -1))[..., 0],
            face_cond_mask=source.floats("face_cond_mask", seed),
            body_cond_mask=source.floats("body_cond_mask", seed),
            head_cond_mask=source.floats("head_cond_mask", seed),
            pose_cond_mask=source.floats("pose_cond_mask", (config.local_pose, *seed)),
            frontal_view=source.floats("face_frontal_view", (3,)),
        )


class _Source:
    """Named values of nested mappings, checked as they are taken out."""

    def __init__(self, name: str, assets: Mapping[str, Any]) -> None:
        self._name, self._assets = name, assets

    def has(self, key: str) -> bool:
        return self._assets.get(key) is not None

    def raw(self, key: str) -> Any:
        value: Any = self._assets
        for part in key.split("."):
            try:
                value = value[part]
            except (KeyError, TypeError) as error:
                raise AvatarError(f"The assets of {self._name} have no {key}: get them again.") from error
        return value

    def get(self, key: str, shape: tuple[int, ...] | None = None) -> Tensor:
        """A tensor of the shape, in which -1 is any length."""
        value = self.raw(key)
        if not isinstance(value, Tensor):
            array = np.asarray(value)
            if array.dtype.kind not in "biuf":
                raise AvatarError(f"{key} in the assets of {self._name} is not numbers: get them again.")
            value = torch.from_numpy(np.ascontiguousarray(array))
        if shape is not None and (
            value.ndim != len(shape)
            or any(wanted not in (-1, size) for wanted, size in zip(shape, value.shape, strict=True))
        ):
            raise AvatarError(
                f"{key} in the assets of {self._name} is of shape {tuple(value.shape)}, where"
                f" {tuple('any' if size < 0 else size for size in shape)} is expected."
            )
        return value.detach().cpu()

    def floats(self, key: str, shape: tuple[int, ...] | None = None) -> Tensor:
        return self.get(key, shape).to(torch.float32)

    def seams(self, size: int) -> Seams:
        key = f"seam_data_{size}"
        pairs = self.get(f"{key}.dst_ij", (-1, 2)).to(torch.int64)
        seams = Seams(
            dst_ij=pairs,
            src_ij=self.get(f"{key}.src_ij", (len(pairs), 2)).to(torch.int64),
            uvs=self.floats(f"{key}.uvs", (size, size, 2)),
            weights=self.floats(f"{key}.weights"),
        )
        self.check_numbers(f"{key}.dst_ij", seams.dst_ij, size)
        self.check_numbers(f"{key}.src_ij", seams.src_ij, size)
        return seams

    def check_numbers(self, key: str, numbers: Tensor, count: int) -> None:
        if numbers.numel() and (int(numbers.min()) < 0 or int(numbers.max()) >= count):
            raise AvatarError(f"{key} in the assets of {self._name} goes beyond the {count} there are.")
