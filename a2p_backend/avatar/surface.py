"""What a mesh is made of, and the colours of displays and of light."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch


@dataclass(frozen=True, eq=False)
class Surface:
    """What a mesh is made of.

    faces: (F, 3) int64. albedo: (V, 3) linear, the same at all corners of a face. gloss: (V,), likewise.
    """

    faces: torch.Tensor
    albedo: torch.Tensor
    gloss: torch.Tensor

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

    @cached_property
    def material_of_face(self) -> torch.Tensor:
        """(F, 4) albedo and gloss."""
        return torch.cat([self.albedo, self.gloss[:, None]], dim=1)[self.faces[:, 0]]


def linear_from_srgb(colour: torch.Tensor) -> torch.Tensor:
    """Display values 0 to 1 to linear light (IEC 61966-2-1)."""
    return torch.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def srgb_from_linear(light: torch.Tensor) -> torch.Tensor:
    """Linear light to display values 0 to 1; light beyond 1 is cut off."""
    light = light.clamp(0.0, 1.0)
    return torch.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
