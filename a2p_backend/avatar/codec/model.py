"""The codec avatar as it was trained: pose, face code and viewpoint to a textured mesh.

Module names are the keys of the released checkpoints. `render` draws the same pictures without computing
anything twice; this form is what it is measured against, and what a trainer would start from.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from a2p_backend.avatar.codec.assets import AvatarAssets, Seams
from a2p_backend.avatar.codec.body import BodyDecoder, BodyEncoder, encoder_mask
from a2p_backend.avatar.codec.composition import compose, light, mean_texture_buffer
from a2p_backend.avatar.codec.config import AvatarConfig, AvatarError
from a2p_backend.avatar.codec.face import FaceDecoder, FaceEncoder
from a2p_backend.avatar.codec.layers import resize
from a2p_backend.avatar.codec.lbs import AvatarSkin
from a2p_backend.avatar.codec.seams import SeamSampler
from a2p_backend.avatar.codec.shadow import PoseToShadow, ShadowUNet, nearest
from a2p_backend.avatar.codec.upscale import UpscaleNet
from a2p_backend.avatar.codec.uv import UVGeometry, UVImages, uv_images
from a2p_backend.avatar.codec.view import ViewDecoder, vertex_normals, view_cosines
from a2p_backend.avatar.rasteriser import Fragments, Rasteriser
from a2p_backend.avatar.texture import interpolate, sample_texture
from kinematics.camera import Camera

_log = logging.getLogger(__name__)

_NOT_LOADED = re.compile(r"lbs_fn.*|(cal|pixel_cal|learn_blur)\..*|meye_mask")
"""The skeleton, which comes from the assets alone, and what served training only."""
_GEOMETRY_IMAGES = ("face_index_image", "index_image", "bary_image")


class Appearance(NamedTuple):
    """A person as seen from B viewpoints, and on the way there."""

    vertices: Tensor
    """(B, V, 3) camera units."""
    texture: Tensor
    """(B, 3, 2048, 2048) linear, nominally 0 to 255, unclamped."""
    offsets: Tensor
    """(B, V, 3) of the skin from the template, cm."""
    body_code: Tensor
    face_code: Tensor
    """The face's code in the body decoder."""
    mean_texture: Tensor
    """(B, 3, 1024, 1024), normalised; seen from everywhere."""
    view_texture: Tensor
    """(B, 3, 1024, 1024), normalised; what this viewpoint adds."""
    cosine_map: Tensor
    """(B, 1, 1024, 1024)"""
    shadow: Tensor
    """(B, 1, 2048, 2048) with its seams copied."""


class ImageSize(nn.Module):
    """The size of the pictures that the avatar was trained on: `image_size`, int32 (height, width)."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.register_buffer("image_size", torch.tensor([height, width], dtype=torch.int32))


class CodecAvatar(nn.Module):
    """One person, drawn from poses (B, 104) and face codes (B, 256)."""

    def __init__(self, config: AvatarConfig, assets: AvatarAssets, images: UVImages | None = None) -> None:
        """images: of the atlas at `config.uv_size`; computed when None."""
        super().__init__()
        self.config = config
        self.tex_std = assets.tex_std
        geometry = UVGeometry(assets.topology, images or uv_images(assets.topology, config.uv_size))
        face_mask = assets.face_cond_mask[None, None].clone()
        self.geo_fn = geometry
        self.lbs_fn = AvatarSkin(assets.body, assets.template.numpy(), assets.global_scaling.numpy())
        self.seam_sampler = _sampler(assets.seams)
        self.seam_sampler_2k = _sampler(assets.texture_seams)
        self.register_buffer("tex_mean", mean_texture_buffer(assets.tex_mean, config.texture_size))
        self.register_buffer("face_cond_mask", face_mask)
        self.decoder = BodyDecoder(
            config,
            geometry,
            self.seam_sampler,
            pose_mask=(assets.pose_cond_mask * (1 - assets.head_cond_mask)).to(torch.int32)[None],
            face_mask=face_mask.clone(),
            body_mask=assets.body_cond_mask[None, None].clone(),
        )
        self.encoder = BodyEncoder(
            config.body_code, geometry, encoder_mask(assets.face_mask, config.face_size)
        )
        self.encoder_face = FaceEncoder(
            config.face_code,
            config.face_coordinates,
            resize(assets.face_texture_mask[None, None], config.face_size, align_corners=True),
        )
        self.decoder_face = FaceDecoder(
            config.face_code, config.face_coordinates, assets.frontal_view.clone()
        )
        self.decoder_view = ViewDecoder(geometry, config.uv_size, config.view_features)
        self.shadow_net = ShadowUNet(
            nearest(assets.ao_mean[None], config.shadow_size)[0],
            config.texture_size,
            config.shadow_features,
            config.shadow_slope,
            config.shadow_beta,
        )
        if config.pose_to_shadow:
            self.pose_to_shadow = PoseToShadow(config.pose, config.texture_size, config.pose_shadow_beta)
        self.upscale_net = UpscaleNet(6, 3, config.uv_size, config.upscale_features)
        self.renderer = ImageSize(config.image_height, config.image_width)

    @classmethod
    def from_assets(
        cls,
        config: AvatarConfig,
        assets: AvatarAssets,
        state_dict: Mapping[str, Tensor],
        *,
        complete: bool = False,
    ) -> CodecAvatar:
        """A trained avatar, in eval mode on the CPU, from the `model` part of a released checkpoint.

        What the checkpoint holds besides weights (masks, seams, images of the atlas) wins over the assets.
        complete: whether weights that the checkpoint lacks are an error, and not only logged.

        AvatarError where a tensor is of another shape.
        """
        found = [state_dict.get(f"geo_fn.{name}") for name in _GEOMETRY_IMAGES]
        images = None
        if all(image is not None for image in found):
            images = UVImages(*(torch.empty_like(image, device="cpu") for image in found))
        avatar = cls(config, assets, images)
        missing = avatar.load(state_dict)
        weights = [key for key, _ in avatar.named_parameters() if key in missing and not avatar._idle(key)]
        if complete and weights:
            raise AvatarError(
                f"The checkpoint of {assets.body.name} lacks {len(weights)} of its weights, for example"
                f" {weights[0]}: get it and its config again."
            )
        return avatar.eval().requires_grad_(False)

    def _idle(self, key: str) -> bool:
        """Whether a weight is of the light from occlusion, while the light comes from the pose."""
        return self.config.pose_to_shadow and key.startswith("shadow_net.")

    def load(self, state_dict: Mapping[str, Any]) -> frozenset[str]:
        """Takes over what fits by name; logs what is missing, which it returns, and what is unknown.

        AvatarError where a tensor is of another shape.
        """
        known = {key: value for key, value in state_dict.items() if not _NOT_LOADED.match(key)}
        try:
            result = self.load_state_dict(known, strict=False)
        except RuntimeError as error:
            lines = [line.strip() for line in str(error).splitlines()[1:] if line.strip()]
            raise AvatarError(
                f"The checkpoint of {self.lbs_fn.body.name} does not fit its assets and config: {lines[0]}"
                + (f" (and {len(lines) - 1} more)" if len(lines) > 1 else "")
            ) from error
        for what, keys in (("lacks", result.missing_keys), ("has unknown", result.unexpected_keys)):
            if keys:
                _log.warning(
                    "The checkpoint of %s %s %d tensors: %s",
                    self.lbs_fn.body.name,
                    what,
                    len(keys),
                    ", ".join(keys),
                )
        return frozenset(result.missing_keys)

    @property
    def device(self) -> torch.device:
        return self.tex_mean.device

    def forward(
        self,
        pose: Tensor,
        face: Tensor,
        centres: Tensor,
        ao: Tensor | None = None,
        tracked: Tensor | None = None,
    ) -> Appearance:
        """The person in poses (B, 104), with face codes (B, 256), as seen from centres (B, 3).

        ao: (B, 1, H, W) ambient occlusion; needed where the light does not follow from the pose.
        tracked: (B, V, 3) camera units, the mesh that the body code is taken from; None: the posed template.
        """
        joints = self.lbs_fn.joints(pose.cpu())
        if tracked is None:
            tracked = self.lbs_fn.pose(joints)
        body_code, _ = self.encoder(self.lbs_fn.unpose(joints, tracked))
        face_code, _ = self.encoder_face(*self.decoder_face(face))
        decoded = self.decoder(pose[:, -self.config.local_pose :], body_code, face_code)
        vertices = self.lbs_fn.pose(joints, decoded.offsets)
        cosines = view_cosines(vertices, vertex_normals(vertices, self.geo_fn.vi), centres)
        view_texture, cosine_map = self.decoder_view(cosines, decoded.texture)
        shadow = self.seam_sampler_2k.impaint(self.shadow(pose, ao))
        texture = self.compose(decoded.texture, view_texture, shadow)
        return Appearance(
            vertices,
            texture,
            decoded.offsets,
            body_code,
            face_code,
            decoded.texture,
            view_texture,
            cosine_map,
            shadow,
        )

    def shadow(self, pose: Tensor, ao: Tensor | None) -> Tensor:
        """(B, 1, 2048, 2048) light, before anything is done about seams."""
        return resize(self.small_shadow(pose, ao), self.config.texture_size)

    def small_shadow(self, pose: Tensor | None, ao: Tensor | None) -> Tensor:
        """The same at the network's own size."""
        if self.config.pose_to_shadow:
            return self.pose_to_shadow.small(pose)
        if ao is None:
            raise AvatarError(
                f"The avatar {self.lbs_fn.body.name} takes its light from a map of ambient occlusion (`ao`),"
                " which its render defaults lack."
            )
        return self.shadow_net.small(ao)

    def compose(self, mean_texture: Tensor, view_texture: Tensor, shadow: Tensor) -> Tensor:
        """The texture (B, 3, 2048, 2048) that is drawn; shadow: with its seams copied."""
        detail = self.upscale_net(torch.cat([mean_texture, view_texture], dim=1))
        unlit = compose(mean_texture, view_texture, detail, self.seam_sampler, self.tex_std, self.tex_mean)
        return light(unlit, shadow, self.seam_sampler_2k)

    def rasterise(self, vertices: Tensor, camera: Camera, rasteriser: Rasteriser) -> Fragments:
        """What the camera sees at each pixel of vertices (V, 3), on the model's device."""
        device = rasteriser.device
        seen = rasteriser.rasterise(vertices.to(device), self.geo_fn.vi.to(device), camera)
        return Fragments(
            *(values.to(self.device) for values in (seen.face_index, seen.barycentrics, seen.depth))
        )

    def picture(self, fragments: Fragments, texture: Tensor) -> Tensor:
        """(3, H, W) linear, 0 where nothing is; texture: (3, S, S)."""
        corners = self.geo_fn.vt[self.geo_fn.vti]
        uvs = interpolate(corners, fragments.face_index.clamp(min=0), fragments.barycentrics)
        seen = fragments.face_index >= 0
        return (sample_texture(texture, uvs) * seen[..., None]).permute(2, 0, 1)


def _sampler(seams: Seams) -> SeamSampler:
    return SeamSampler(seams.dst_ij, seams.src_ij, seams.uvs, seams.weights)
