"""Which of the rasterisers draws on this machine."""

from __future__ import annotations

import torch

from a2p_backend.avatar import opengl, pytorch3d
from a2p_backend.avatar.rasteriser import Rasteriser, RasteriserError


def choose_rasteriser(name: str = "auto") -> Rasteriser:
    """The rasteriser of that name; "auto" is PyTorch3D where it has CUDA, and OpenGL elsewhere.

    Raises:
        RasteriserError: it does not work here; says how to get one that does.
    """
    has_cuda = torch.cuda.is_available()
    if name == "pytorch3d" or (name == "auto" and has_cuda and pytorch3d.is_installed()):
        if not pytorch3d.is_installed():
            raise RasteriserError(
                "PyTorch3D is not installed: pip install easypytorch3d, or draw by OpenGL (rasteriser opengl)"
            )
        return pytorch3d.PyTorch3DRasteriser("cuda" if has_cuda else "cpu")
    problem = opengl.why_unavailable()
    if problem is None:
        return opengl.OpenGLRasteriser()
    remedy = "install an OpenGL driver (Debian, Ubuntu: apt install libegl1 libgl1-mesa-dri)"
    if has_cuda:
        remedy += " or PyTorch3D (pip install easypytorch3d)"
    raise RasteriserError(f"OpenGL does not start here ({problem}), so no plate can be drawn: {remedy}")
