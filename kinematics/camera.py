"""A pinhole camera that the renderer and Blender agree on.

World space is Blender's: metres, Z up, a figure at the origin that faces -Y with its left at +X. Camera
space is OpenCV's: X right, Y down, Z forward. Image points are pixels from the image's top left corner, so
the centre of the first pixel is (0.5, 0.5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

SENSOR_WIDTH_MM = 36.0
"""Full-frame film; Blender's default sensor."""

_FACING = {"front": (0.0, -1.0), "side": (1.0, 0.0)}
"""Horizontal direction from the figure to the camera; the side camera stands at the figure's left."""


@dataclass(frozen=True)
class BlenderCamera:
    """What a Blender camera with `sensor_fit` AUTO and square pixels needs, to see what a `Camera` sees."""

    matrix_world: FloatArray
    """(4, 4) camera to world, the camera looking along its own -Z."""
    lens: float
    """Focal length, millimetres."""
    sensor_width: float
    """Millimetres along the picture's longer side."""
    shift_x: float
    shift_y: float


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without distortion or skew.

    Attributes:
        K: (3, 3) intrinsics in pixels from the image's corner.
        Rt: (3, 4) world to camera, `x_camera = R x_world + t`, in the world's unit of length.
        width, height: picture size, pixels.
    """

    K: FloatArray
    Rt: FloatArray
    width: int
    height: int

    @property
    def centre(self) -> FloatArray:
        """(3,) position of the camera in the world."""
        rotation, translation = self.Rt[:, :3], self.Rt[:, 3]
        centre: FloatArray = -rotation.T @ translation
        return centre

    def project(self, points: npt.NDArray[np.floating[Any]]) -> FloatArray:
        """World points (..., 3) to (..., 3): image x and y in pixels, and depth along the optical axis."""
        in_camera = points @ self.Rt[:, :3].T + self.Rt[:, 3]
        depth = in_camera[..., 2]
        x = self.K[0, 0] * in_camera[..., 0] / depth + self.K[0, 2]
        y = self.K[1, 1] * in_camera[..., 1] / depth + self.K[1, 2]
        return np.stack([x, y, depth], axis=-1)

    @classmethod
    def from_projection(
        cls, matrix_world: npt.ArrayLike, projection: npt.ArrayLike, width: int, height: int
    ) -> Camera:
        """A camera of Blender's, whatever its sensor, shift and pixel aspect.

        Args:
            matrix_world: (4, 4) camera to world, the camera looking along its own -Z; its scale is ignored.
            projection: (4, 4) as `Object.calc_matrix_camera(depsgraph, x=width, y=height, ...)` gives it.
            width, height: picture size, pixels.

        Raises:
            ValueError: the camera is no perspective one.
        """
        P, world = np.asarray(projection, np.float64), np.asarray(matrix_world, np.float64)
        if not np.allclose(P[3], [0.0, 0.0, -1.0, 0.0]) or P[0, 0] <= 0 or P[1, 1] <= 0:
            raise ValueError("the camera has no perspective")
        half = np.array([width, height]) / 2
        K = np.array(
            [
                [P[0, 0] * half[0], 0.0, (1.0 - P[0, 2]) * half[0]],
                [0.0, P[1, 1] * half[1], (1.0 + P[1, 2]) * half[1]],
                [0.0, 0.0, 1.0],
            ]
        )
        axes = world[:3, :3] / np.linalg.norm(world[:3, :3], axis=0)
        rotation = np.diag([1.0, -1.0, -1.0]) @ axes.T
        return cls(K, np.column_stack([rotation, -rotation @ world[:3, 3]]), width, height)

    def enlarged(self, factor: int) -> Camera:
        """The same view in a picture of `factor` times as many pixels each way."""
        K = self.K * np.array([[factor], [factor], [1.0]])
        return Camera(K, self.Rt, self.width * factor, self.height * factor)

    def cropped(self, left: float, top: float, width: int, height: int) -> Camera:
        """The part of the picture that begins `left` and `top` pixels from its corner."""
        K = self.K - np.array([[0.0, 0.0, left], [0.0, 0.0, top], [0.0, 0.0, 0.0]])
        return Camera(K, self.Rt, width, height)

    def to_blender(self) -> BlenderCamera:
        """The matching Blender camera.

        Raises:
            ValueError: the pixels are not square, which needs the render settings' pixel aspect.
        """
        focal = self.K[0, 0]
        if not np.isclose(focal, self.K[1, 1], rtol=1e-6):
            raise ValueError(f"focal lengths {focal} and {self.K[1, 1]} differ: the pixels are not square")
        longer = max(self.width, self.height)
        matrix = np.eye(4)
        matrix[:3, :3] = self.Rt[:, :3].T @ np.diag([1.0, -1.0, -1.0])
        matrix[:3, 3] = self.centre
        return BlenderCamera(
            matrix_world=matrix,
            lens=float(focal * SENSOR_WIDTH_MM / longer),
            sensor_width=SENSOR_WIDTH_MM,
            shift_x=float((self.width / 2 - self.K[0, 2]) / longer),
            shift_y=float((self.K[1, 2] - self.height / 2) / longer),
        )


def look_at(
    eye: npt.ArrayLike, target: npt.ArrayLike, width: int, height: int, focal_mm: float = 50.0
) -> Camera:
    """A camera at `eye` that looks at `target` (both (3,), metres), its horizon level.

    The two are not one above the other. `focal_mm` is for a 36 mm sensor along the picture's longer side.
    """
    position = np.asarray(eye, dtype=np.float64)
    forward = np.asarray(target, dtype=np.float64) - position
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right = right / np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    focal = focal_mm * max(width, height) / SENSOR_WIDTH_MM
    K = np.array([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])
    return Camera(K, np.column_stack([rotation, -rotation @ position]), width, height)


def frame_figure(
    view: str, width: int, height: int, *, stature: float = 1.75, focal_mm: float = 70.0
) -> Camera:
    """A camera that holds a standing, gesturing figure of `stature` metres from head to foot.

    `view` is "front" or "side". The figure stands at the world's origin and faces -Y.

    Raises:
        ValueError: an unknown view.
    """
    if view not in _FACING:
        raise ValueError(f"unknown view {view!r}: choose one of {', '.join(_FACING)}")
    focal = focal_mm * max(width, height) / SENSOR_WIDTH_MM
    # Air over the head and floor before the feet; an arm's reach at either side.
    tall, wide = 1.18 * stature, 0.90 * stature
    distance = focal * max(tall / height, wide / width)
    toward_x, toward_y = _FACING[view]
    # From chest height, slightly looking down, so that the floor is seen and the soles are not.
    eye = (distance * toward_x, distance * toward_y, 0.66 * stature)
    return look_at(eye, (0.0, 0.0, 0.485 * stature), width, height, focal_mm)
