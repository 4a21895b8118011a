"""Which triangle is seen at each pixel: one question, two back ends.

`opengl` runs anywhere that an OpenGL driver does, in software if need be; `pytorch3d` runs on CUDA (and, at
sizes of a test, on the CPU). Their answers are the same and are compared in a test. `choice` picks the one
that works here.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch

from a2p_backend.avatar.surface import Surface
from kinematics.camera import Camera
from kinematics.errors import A2PError

_COVERAGE_STEPS = 4
"""Points along each side of a pixel that are looked at."""


class RasteriserError(A2PError):
    """There is nothing here that can draw triangles."""


@dataclass(frozen=True)
class Fragments:
    """What a camera sees at each pixel centre, on the device of the rasteriser.

    face_index: (H, W) int32, -1 where there is nothing.
    barycentrics: (H, W, 3) float32, perspective correct: shares of the face's corners; 0 where nothing is.
    depth: (H, W) float32, along the optical axis, in the world's unit of length; 0 where nothing is.
    """

    face_index: torch.Tensor
    barycentrics: torch.Tensor
    depth: torch.Tensor


class Rasteriser(ABC):
    """Draws triangles. Use it as a context manager, in one thread, to give its resources back."""

    device: torch.device

    @abstractmethod
    def rasterise(self, vertices: torch.Tensor, faces: torch.Tensor, camera: Camera) -> Fragments:
        """The nearest face at each pixel centre of the camera, whichever way the face is turned.

        Args:
            vertices: (V, 3) float32, world.
            faces: (F, 3) integers. Those that are behind the camera, even in part, are not seen.
        """

    def coverage(self, vertices: torch.Tensor, faces: torch.Tensor, camera: Camera) -> torch.Tensor:
        """(H, W) float32, the share of each pixel's square that shows a face; as for `rasterise`."""
        steps = (torch.arange(_COVERAGE_STEPS) + 0.5) / _COVERAGE_STEPS - 0.5
        covered = torch.zeros(camera.height, camera.width, device=self.device)
        for x, y in itertools.product(steps.tolist(), repeat=2):
            moved = camera.cropped(x, y, camera.width, camera.height)
            covered += self.rasterise(vertices, faces, moved).face_index >= 0
        return covered / _COVERAGE_STEPS**2

    @abstractmethod
    def paint(self, surface: Surface, vertices: torch.Tensor, camera: Camera) -> torch.Tensor:
        """The shaded mesh, anti-aliased: (H, W, 4) float32, linear colour times coverage, and coverage.

        Args:
            surface: a closed one: its faces may be left out where they are seen from behind.
            vertices: (V, 3) float32, world, metres.
        """

    def close(self) -> None:  # noqa: B027 - not every rasteriser holds something
        """Gives back what the rasteriser holds for the calling thread."""

    def __enter__(self) -> Rasteriser:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
