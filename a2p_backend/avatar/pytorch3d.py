"""Rasterising by PyTorch3D: for CUDA, where pictures should not leave the device."""

from __future__ import annotations

import importlib.util

import torch

from a2p_backend.avatar.rasteriser import Fragments, Rasteriser
from a2p_backend.avatar.screen import screen_positions
from a2p_backend.avatar.shading import shade_supersampled
from a2p_backend.avatar.surface import Surface
from kinematics.camera import Camera


def is_installed() -> bool:
    """Whether the extra `plate` is there."""
    return importlib.util.find_spec("pytorch3d") is not None


class PyTorch3DRasteriser(Rasteriser):
    """See `rasteriser.Rasteriser`."""

    def __init__(self, device: str | torch.device = "cuda") -> None:
        self.device = torch.device(device)

    def rasterise(self, vertices: torch.Tensor, faces: torch.Tensor, camera: Camera) -> Fragments:
        from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
        from pytorch3d.structures import Meshes

        screen = screen_positions(vertices.to(self.device), camera)
        faces = faces.to(self.device, torch.int64)
        # A face of one corner alone has no area, and is not seen.
        faces = faces * (screen[:, 2][faces] > 0).all(dim=1, keepdim=True)
        face_index, depth, barycentrics, _ = rasterize_meshes(
            Meshes([screen], [faces]),
            image_size=(camera.height, camera.width),
            blur_radius=0.0,
            faces_per_pixel=1,
            # Coarse binning drops faces of a crowded bin unless there is room for all of them in it.
            bin_size=0 if self.device.type == "cpu" else None,
            max_faces_per_bin=len(faces),
            perspective_correct=True,
            cull_backfaces=False,
        )
        seen = face_index[0, ..., 0] >= 0
        return Fragments(
            face_index=face_index[0, ..., 0].to(torch.int32),
            barycentrics=barycentrics[0, ..., 0, :] * seen[..., None],
            depth=depth[0, ..., 0] * seen,
        )

    def paint(self, surface: Surface, vertices: torch.Tensor, camera: Camera) -> torch.Tensor:
        return shade_supersampled(self, surface, vertices.to(self.device), camera)
