"""Soft limits on parameters, as the Momentum parameter text states them.

They are weighted terms of a solver. Here they give slider ranges: generated motion is not clamped, because
real motion leaves them. A target is the name of a parameter or of a joint's channel ("b_l_arm.rx").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class MinMaxLimit:
    """lower <= target <= upper; `passive` limits show a range and pull at nothing."""

    target: str
    lower: float
    upper: float
    weight: float = 1.0
    passive: bool = False


@dataclass(frozen=True)
class LinearLimit:
    """target = scale * source - offset, piecewise; both are parameters, or both channels.

    segments: (scale, offset, upto) in rising order; each holds where source lies below its `upto`, None being
        no bound.
    """

    target: str
    source: str
    segments: tuple[tuple[float, float, float | None], ...]
    weight: float = 1.0


@dataclass(frozen=True)
class HalfPlaneLimit:
    """normal . (first, second) >= offset, for two parameters and a unit normal."""

    first: str
    second: str
    normal: tuple[float, float]
    offset: float
    weight: float = 1.0


@dataclass(frozen=True)
class EllipsoidLimit:
    """A point that moves with `joint` stays inside an ellipsoid that moves with `ellipsoid_joint`.

    offset: the point in the joint's axes, cm. translation, rotation, radii: the ellipsoid in its joint's
    axes, cm and degrees (about z, y, x).
    """

    joint: str
    offset: tuple[float, float, float]
    ellipsoid_joint: str
    translation: tuple[float, float, float]
    rotation: tuple[float, float, float]
    radii: tuple[float, float, float]
    weight: float = 1.0


Limit: TypeAlias = "MinMaxLimit | LinearLimit | HalfPlaneLimit | EllipsoidLimit"
