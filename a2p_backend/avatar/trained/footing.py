"""Characters of any size and height above the floor, for cameras that are set up for a person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from a2p_backend.avatar.trained.decoder import FloatArray

_STATURE = 1.75
"""Metres; whom `kinematics.camera.frame_figure` frames."""
_ALIKE = (0.7, 1.3)
"""Of it, within which a character keeps its own size."""
_AFLOAT = 0.05
"""Of a character's height, from which on its soles do not count as on the floor."""


@dataclass(frozen=True)
class Footing:
    """What puts a character on the floor of the studio, as tall as a person: p * scale + (0, 0, lift)."""

    scale: float = 1.0
    lift: float = 0.0

    @classmethod
    def of(cls, rest: FloatArray) -> Footing:
        """For vertices at rest (V, 3), metres, Z up."""
        low, high = (float(height) for height in (rest[:, 2].min(), rest[:, 2].max()))
        stature = max(high - low, 1e-6)
        alike = _ALIKE[0] <= stature / _STATURE <= _ALIKE[1]
        scale = 1.0 if alike else _STATURE / stature
        return cls(scale, -scale * low if abs(low) > _AFLOAT * stature else 0.0)

    def place(self, vertices: FloatArray) -> FloatArray:
        """Vertices (V, 3) in the studio."""
        if self == Footing():
            return vertices
        placed: FloatArray = vertices * np.float32(self.scale) + np.array([0.0, 0.0, self.lift], np.float32)
        return placed
