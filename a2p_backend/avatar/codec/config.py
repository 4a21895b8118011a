"""Sizes of a codec avatar, from the `model` part of a released config.yml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kinematics.errors import A2PError


class AvatarError(A2PError):
    """A codec avatar cannot be put together from its files, or is given what it cannot draw."""


@dataclass(frozen=True)
class AvatarConfig:
    """Sizes; the defaults are the released ones. Maps are square, sizes in texels."""

    image_height: int = 2048
    image_width: int = 1334
    pose: int = 104
    local_pose: int = 98
    """Pose parameters without the root's."""
    body_code: int = 1024
    face_code: int = 256
    face_coordinates: int = 21918
    """Three for each vertex of the head's own mesh."""
    face_size: int = 512
    """Of the texture that the face encoder sees, and of the body encoder's map."""
    uv_size: int = 1024
    """Of the decoders' maps."""
    seed_size: int = 64
    """Of the map from which the body decoder grows."""
    seed_channels: int = 64
    least_channels: int = 4
    pose_channels: int = 16
    body_code_channels: int = 32
    view_features: int = 8
    upscale_features: int = 4
    texture_size: int = 2048
    shadow_size: int = 256
    shadow_features: int = 4
    shadow_slope: float = 0.2
    shadow_beta: float = 1.0
    pose_to_shadow: bool = False
    """Whether the light follows from the pose; otherwise from a map of ambient occlusion."""
    pose_shadow_beta: float = 1.0

    def __post_init__(self) -> None:
        for size in (self.uv_size, self.seed_size, self.face_size):
            if size < 8 or size & (size - 1):
                raise AvatarError(f"The avatar's config asks for maps of {size} texels: not a power of two.")
        if self.texture_size != 2 * self.uv_size or self.uv_size <= self.seed_size:
            raise AvatarError(
                f"The avatar's config asks for a texture of {self.texture_size} texels from maps of"
                f" {self.uv_size} grown from {self.seed_size}: the sizes do not fit each other."
            )

    @classmethod
    def from_released(cls, model: Mapping[str, Any]) -> AvatarConfig:
        """From the `model` tree of a config.yml; what it does not name is as in the released models.

        AvatarError where a value is not of its kind.
        """
        try:
            return cls(**{name: kind(value) for name, kind, value in _read(model)})
        except (TypeError, ValueError, AttributeError) as error:
            raise AvatarError(f"The avatar's config cannot be used: {error}.") from error


_PLACES: tuple[tuple[str, str, str, type], ...] = (
    ("image_height", "renderer", "image_height", int),
    ("image_width", "renderer", "image_width", int),
    ("local_pose", "decoder", "n_pose_dims", int),
    ("body_code", "encoder", "n_embs", int),
    ("face_code", "encoder_face", "n_embs", int),
    ("face_coordinates", "encoder_face", "n_vert_in", int),
    ("face_size", "encoder_face", "uv_size", int),
    ("uv_size", "decoder", "uv_size", int),
    ("seed_size", "decoder", "init_uv_size", int),
    ("seed_channels", "decoder", "n_init_channels", int),
    ("least_channels", "decoder", "n_min_channels", int),
    ("pose_channels", "decoder", "n_pose_enc_channels", int),
    ("body_code_channels", "decoder", "n_embs_enc_channels", int),
    ("view_features", "decoder_view", "n_init_ftrs", int),
    ("upscale_features", "upscale_net", "n_ftrs", int),
    ("texture_size", "shadow_net", "uv_size", int),
    ("shadow_size", "shadow_net", "shadow_size", int),
    ("shadow_features", "shadow_net", "n_dims", int),
    ("shadow_slope", "shadow_net", "lrelu_slope", float),
    ("shadow_beta", "shadow_net", "beta", float),
    ("pose", "pose_to_shadow", "n_pose_dims", int),
    ("pose_shadow_beta", "pose_to_shadow", "beta", float),
)


def _read(model: Mapping[str, Any]) -> list[tuple[str, type, Any]]:
    found: list[tuple[str, type, Any]] = [("pose_to_shadow", bool, model.get("pose_to_shadow") is not None)]
    for name, block, key, kind in _PLACES:
        values = model.get(block) or {}
        if key in values:
            found.append((name, kind, values[key]))
    return found
