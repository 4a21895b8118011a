"""What a mesh is made of, and the colours of displays and of light."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from a2p_backend.avatar.texture import interpolate, sample_texture


@dataclass(frozen=True, eq=False)
class Skin:
    """A texture on a surface, whose vertices have several corners where charts meet.

    corners: (F, 3) int64 numbers of corners. source: (C,) int64 the vertex of each. uvs: (C, 2), v down, 0
    and 1 the texture's edges. texture: (H, W, 3) linear.
    """

    corners: torch.Tensor
    source: torch.Tensor
    uvs: torch.Tensor
    texture: torch.Tensor

    def colours(self, face: torch.Tensor, barycentrics: torch.Tensor) -> torch.Tensor:
        """(N, 3) at points of faces (N,), given by barycentrics (N, 3)."""
        return _at(self.texture.permute(2, 0, 1), self._uvs_at(face, barycentrics))

    def light(self, light: torch.Tensor, face: torch.Tensor, barycentrics: torch.Tensor) -> torch.Tensor:
        """(N, 3) factors of a light (3, S, S) on the texture, likewise; see `Surface.light`."""
        return _at(light, self._uvs_at(face, barycentrics))

    def _uvs_at(self, face: torch.Tensor, barycentrics: torch.Tensor) -> torch.Tensor:
        return interpolate(self.uvs[self.corners], face, barycentrics)


@dataclass(frozen=True, eq=False)
class Surface:
    """What a mesh is made of.

    faces: (F, 3) int64. albedo: (V, 3) linear, the same at all corners of a face. gloss: (V,), likewise.
    skin: a texture in the albedo's place, or None. light: (3, S, S) factors on what it shows, which may
    differ from picture to picture, or None.
    """

    faces: torch.Tensor
    albedo: torch.Tensor
    gloss: torch.Tensor
    skin: Skin | None = None
    light: torch.Tensor | None = None

    def lit(self, light: torch.Tensor | None) -> Surface:
        """The same surface under another light on its texture."""
        return replace(self, light=light)

    @classmethod
    def from_colours(
        cls, faces: np.ndarray, colours: np.ndarray, gloss: np.ndarray, device: torch.device | str
    ) -> Surface:
        """From faces (F, 3), sRGB colours (V, 3) and gloss (V,)."""
        return cls(
            torch.as_tensor(faces, dtype=torch.int64, device=device),
            linear_from_srgb(torch.as_tensor(colours, dtype=torch.float32, device=device)),
            torch.as_tensor(gloss, dtype=torch.float32, device=device),
        )

    @classmethod
    def from_texture(
        cls,
        corners: np.ndarray,
        source: np.ndarray,
        uvs: np.ndarray,
        texture: np.ndarray,
        gloss: np.ndarray,
        device: torch.device | str,
    ) -> Surface:
        """From a `Skin`'s parts, its texture (H, W, 3) uint8 sRGB, and gloss (V,)."""
        skin = Skin(
            torch.as_tensor(corners, dtype=torch.int64, device=device),
            torch.as_tensor(source, dtype=torch.int64, device=device),
            torch.as_tensor(uvs, dtype=torch.float32, device=device),
            linear_from_srgb(torch.as_tensor(texture, device=device).to(torch.float32) / 255.0),
        )
        plain = torch.ones((len(gloss), 3), device=device)
        shine = torch.as_tensor(gloss, dtype=torch.float32, device=device)
        return cls(skin.source[skin.corners], plain, shine, skin)

    @cached_property
    def material_of_face(self) -> torch.Tensor:
        """(F, 4) albedo and gloss."""
        return torch.cat([self.albedo, self.gloss[:, None]], dim=1)[self.faces[:, 0]]


def _at(texture: torch.Tensor, uvs: torch.Tensor) -> torch.Tensor:
    """(N, C) of a texture (C, H, W) at uvs (N, 2), 0 and 1 its edges."""
    size = torch.tensor(texture.shape[:0:-1], dtype=uvs.dtype, device=uvs.device)
    # The look-up counts from the outermost texels' centres.
    return sample_texture(texture, (uvs * size - 0.5) / (size - 1.0))


def linear_from_srgb(colour: torch.Tensor) -> torch.Tensor:
    """Display values 0 to 1 to linear light (IEC 61966-2-1)."""
    return torch.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def srgb_from_linear(light: torch.Tensor) -> torch.Tensor:
    """Linear light to display values 0 to 1; light beyond 1 is cut off."""
    light = light.clamp(0.0, 1.0)
    return torch.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
