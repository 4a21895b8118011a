"""Parts of a face's skin, as shares of each point: what the shapes of `arkit` are painted with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinematics.arrays import FloatArray, IntArray
from kinematics.face.landmarks import FaceLandmarks
from kinematics.face.turns import ramp

_TOLD_BY_NORMAL = 0.4
"""How much higher than it is a point of skin counts that looks straight down."""
_PARTING = 0.45
"""Half the width to which lips are thought apart in their middle."""


@dataclass(frozen=True, eq=False)
class FaceSkin:
    """Points of the skin (V, 3), their normals, and what most shapes ask of them."""

    points: FloatArray
    normals: FloatArray
    marks: FaceLandmarks

    @property
    def front(self) -> FloatArray:
        """Share of the face's front: all but what lies beside and behind."""
        return ramp(self.points[:, 2], -5.0, -1.0)

    def left(self, middle: float = 0.6) -> FloatArray:
        """Share of the left half; with the right half's it makes 1."""
        return ramp(self.points[:, 0], -middle, middle)

    def patch(self, at: tuple[float, float], size: tuple[float, float]) -> FloatArray:
        """A soft patch about (x, y) of the face, seen from ahead."""
        x, y = self.points[:, 0] - at[0], self.points[:, 1] - at[1]
        share: FloatArray = np.exp(-((x / size[0]) ** 2) - (y / size[1]) ** 2) * self.front
        return share

    @property
    def from_mouth(self) -> FloatArray:
        """(V, 2) x and y from where the lips meet; their line bows."""
        x, y = self.points[:, 0], self.points[:, 1] - self.marks.mouth[1]
        bow = self.marks.bow * np.minimum(np.abs(x) / self.marks.half_mouth, 1.2)
        return np.stack([x, y - bow], axis=1)

    @property
    def below_lips(self) -> FloatArray:
        """How far each point belongs to what hangs on the jaw: sharp between the lips, gradual in the cheeks.

        Closed lips touch: there the skin's direction tells them apart, for the upper one looks down; then
        they are taken to be as far apart as they are once the mouth is a little open.
        """
        x, y = self.from_mouth.T
        beside = np.abs(x)
        within = np.clip(1.0 - (x / self.marks.half_mouth) ** 2, 0.0, 1.0)
        side = (
            2.0 * ramp(y - _TOLD_BY_NORMAL * self.normals[:, 1] * np.exp(-((y / 0.9) ** 2)), -0.1, 0.1) - 1.0
        )
        parted = y + side * _PARTING * within * (1.0 - ramp(np.abs(y), 0.5, 2.2))
        reach = 0.30 + 3.0 * ramp(beside, 1.0, 4.5) + 1.2 * ramp(-self.points[:, 2], 4.05, 6.55)
        return ramp(-parted / reach, -1.0, 1.0)

    @property
    def on_jaw(self) -> FloatArray:
        """How far each point follows the jaw; its hinge and the neck do not."""
        ahead = ramp(self.points[:, 2], self.marks.hinge[2] - 2.0, self.marks.hinge[2] + 3.5)
        above_neck = ramp(self.points[:, 1], self.marks.chin[1] - 6.3, self.marks.chin[1] - 2.2)
        share: FloatArray = self.below_lips * ahead * above_neck
        return share

    @property
    def around_mouth(self) -> FloatArray:
        """The ring of muscle around the mouth."""
        x, y = self.from_mouth.T
        deep = ramp(self.points[:, 2], self.marks.mouth[2] - 6.8, self.marks.mouth[2] - 3.3)
        share: FloatArray = np.exp(-((y / 1.7) ** 2)) * np.exp(-((x / 3.6) ** 4)) * deep
        return share

    @property
    def lips(self) -> FloatArray:
        """The lips themselves, strongest in their middle."""
        x, y = self.from_mouth.T
        across = np.clip(1.0 - (x / (self.marks.half_mouth + 0.3)) ** 2, 0.0, 1.0)
        share: FloatArray = across * np.exp(-((y / 1.1) ** 2)) * self.around_mouth
        return share


def vertex_normals(points: FloatArray, faces: IntArray) -> FloatArray:
    """Unit normals (V, 3), weighted by area; zero for points of no face."""
    a, b, c = points[faces].swapaxes(0, 1)
    flat = np.repeat(np.cross(b - a, c - a), 3, axis=0)
    normals = np.stack(
        [np.bincount(faces.ravel(), flat[:, axis], minlength=len(points)) for axis in range(3)], axis=1
    )
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    unit: FloatArray = normals / np.where(length > 0, length, 1.0)
    return unit
