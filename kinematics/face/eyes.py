"""What ARKit's shapes do to lids and eyeballs: they turn about the eyeball's middle.

Lids are part of the skin, or shells that lie over the eyeballs as pieces of their own. Lengths and axes are
those of `landmarks`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.face.landmarks import FaceLandmarks
from kinematics.face.turns import ramp, turned_about_x, turned_about_y

EYE_RADIANS = 0.45
_LID_RADIUS = 1.68
_HALF_EYE = 1.42
_MEETING, _OVERLAP = 0.14, 0.03
"""Of the way from the lower to the upper edge, where shut lids meet; radians by which they overlap."""
_MIDDLE = 0.25
"""How far from an eye's middle its opening is measured."""


@dataclass(frozen=True)
class Opening:
    """Elevations (radians about the eye's x axis) of the lower and the upper lid's edge, at its middle."""

    low: float = -0.32
    high: float = 0.37

    def edges(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The same at x toward the temple from the eyeball's middle."""
        share = np.clip(x / _HALF_EYE, -1.25, 1.25)
        arc = np.clip(1.0 - share**2, -0.6, 1.0)
        tilt = 0.05 * share
        return tilt + self.low * arc * (1.0 + 0.15 * share), tilt + self.high * arc * (1.0 - 0.18 * share)

    @classmethod
    def between(cls, shells: list[FloatArray]) -> Opening:
        """As lids (N, 3) leave it, which are pieces of their own, from the eyeball's middle."""
        usual = cls()
        low, high = [usual.low], [usual.high]
        for local in shells:
            elevation = np.arctan2(local[:, 1], local[:, 2])[np.abs(local[:, 0]) < _MIDDLE]
            if len(elevation) and is_upper(local):
                high = [float(elevation.min())]
            elif len(elevation):
                low = [float(elevation.max())]
        return cls(low[0], high[0])


def is_upper(local: FloatArray) -> bool:
    """Whether a lid (N, 3), from the eyeball's middle, is the upper one."""
    return bool(local[:, 1].mean() > 0.0)


@dataclass(frozen=True, eq=False)
class Lid:
    """One lid.

    local: (N, 3) from the eyeball's middle, x toward the temple. share: (N,) how far each point follows.
    """

    local: FloatArray
    share: FloatArray
    upper: bool
    opening: Opening

    @classmethod
    def of_skin(cls, local: FloatArray, upper: bool) -> Lid:
        """The lid in a skin that runs on into brow and cheek."""
        opening = Opening()
        elevation = np.arctan2(local[:, 1], local[:, 2])
        low, high = opening.edges(local[:, 0])
        distance = np.linalg.norm(local, axis=1)
        near = 1.0 - ramp(distance, _LID_RADIUS + 0.25, _LID_RADIUS + 1.0)
        near = near * ramp(local[:, 2], -0.3, 0.3)
        if upper:
            follows = ramp(elevation, 0.45 * (low + high) - 0.2, 0.5 * (low + high))
            follows = follows * (1.0 - ramp(elevation, high + 0.10, high + 0.62))
        else:
            follows = 1.0 - ramp(elevation, 0.5 * (low + high), 0.55 * (low + high) + 0.2)
            follows = follows * ramp(elevation, low - 0.62, low - 0.08)
        return cls(local, follows * near, upper, opening)

    @classmethod
    def of_shell(cls, local: FloatArray, opening: Opening) -> Lid:
        """A lid that is a piece of its own: its edge moves, what lies under brow or cheek stays."""
        upper = is_upper(local)
        elevation = np.arctan2(local[:, 1], local[:, 2])
        low, high = opening.edges(local[:, 0])
        edge, far = (high, elevation.max()) if upper else (low, elevation.min())
        return cls(local, np.clip((far - elevation) / (far - edge), 0.0, 1.0), upper, opening)

    def shapes(self, side: str) -> dict[str, FloatArray]:
        """Displacements (N, 3) by each of the shapes that move it, in the axes of `local`."""
        if self.upper:
            turns = {"eyeWide": 0.16, "eyeLookDown": -0.26, "eyeLookUp": 0.10}
        else:
            turns = {"eyeSquint": 0.16, "eyeLookDown": -0.06, "eyeLookUp": 0.03}
        low, high = self.opening.edges(self.local[:, 0])
        span = (high - low) / (self.opening.high - self.opening.low)
        shapes = {f"{name}{side}": self._turned(radians * span) for name, radians in turns.items()}
        meeting = low + _MEETING * (high - low)
        shut = meeting - high - _OVERLAP if self.upper else meeting - low
        return {**shapes, f"eyeBlink{side}": self._turned(shut)}

    def _turned(self, radians: FloatArray) -> FloatArray:
        _, y, z = self.local.T
        after, radius = np.arctan2(y, z) + radians * self.share, np.hypot(y, z)
        return np.stack([np.zeros_like(y), radius * np.sin(after) - y, radius * np.cos(after) - z], axis=1)


def from_eye(points: FloatArray, marks: FaceLandmarks, sign: float) -> FloatArray:
    """Points (N, 3) from the middle of the left (sign 1) or right (-1) eyeball, x toward the temple."""
    local: FloatArray = (points - marks.eye * (sign, 1.0, 1.0)) * (sign, 1.0, 1.0)
    return local


def eyeball_shapes(points: FloatArray, side: str, sign: float) -> dict[str, FloatArray]:
    """Displacements (N, 3) of an eyeball by where it looks."""
    local = points - points.mean(axis=0)
    return {
        f"eyeLookDown{side}": turned_about_x(local, EYE_RADIANS),
        f"eyeLookUp{side}": turned_about_x(local, -EYE_RADIANS),
        f"eyeLookOut{side}": turned_about_y(local, sign * EYE_RADIANS),
        f"eyeLookIn{side}": turned_about_y(local, -sign * EYE_RADIANS),
    }
