"""How far a motion of fewer keys may be from the one that it stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinematics.errors import A2PError


@dataclass(frozen=True)
class ErrorBound:
    """rotation: radians, of each bone in the world. hand: metres, where a hand's bone begins.

    value: of single values, such as shape keys, which run from 0 to 1.
    """

    rotation: float = float(np.deg2rad(0.5))
    hand: float = 0.002
    value: float = 0.005

    def __post_init__(self) -> None:
        for name in ("rotation", "hand", "value"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) > 0.0):
                raise A2PError(f"The {name} error to simplify to must be a number above 0.")
