"""Both rasterisers and the texture look-up against stored pictures of an artificial figure (raster.npz).

Gates: face indices equal on 99.9 % of the pixels, colours within 0.2 of 255 on 99.9 %; depth within 2e-2 of
~4000, barycentrics within 1e-3 wherever the face is the same.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from a2p_backend.avatar import opengl
from a2p_backend.avatar.opengl import OpenGLRasteriser
from a2p_backend.avatar.pytorch3d import PyTorch3DRasteriser, is_installed
from a2p_backend.avatar.texture import interpolate, sample_texture
from kinematics.camera import Camera

from .goldens import DEFAULT_FOLDER, read_npz


def make_opengl():
    if opengl.why_unavailable():
        pytest.skip(f"needs OpenGL: {opengl.why_unavailable()}")
    return OpenGLRasteriser()


def make_pytorch3d():
    if not is_installed():
        pytest.skip("needs the extra `plate`")
    return PyTorch3DRasteriser("cpu")


def topology(golden):
    """The figure's faces, texture coordinates, and the texture coordinates' numbers of each face."""
    beside = golden.path.with_name("actor_assets.npz")
    assets = read_npz(beside if beside.exists() else DEFAULT_FOLDER / "avatar" / "actor_assets.npz")
    vi, vti = (torch.from_numpy(assets[name].astype(np.int64)) for name in ("vi", "vti"))
    return vi, torch.from_numpy(assets["vt"]), vti


@pytest.mark.parametrize("make_rasteriser", [make_opengl, make_pytorch3d])
@pytest.mark.golden(r"raster", r"(?P<camera>c\d+)/pix_to_face")
def test_raster(golden, make_rasteriser):
    stored = {name: golden.require(f"{golden.groups['camera']}/{name}") for name in ("K", "Rt", "size_hw")}
    vi, vt, vti = topology(golden)
    with make_rasteriser() as rasteriser:
        for sample in range(golden.batch):
            height, width = (int(side) for side in stored["size_hw"])
            camera = Camera(
                stored["K"][sample].astype(np.float64), stored["Rt"][sample].astype(np.float64), width, height
            )
            geom = torch.from_numpy(golden.require("geom")[sample])
            fragments = rasteriser.rasterise(geom, vi, camera)
            check_fragments(golden, sample, fragments)

            texture = torch.from_numpy(golden.require("tex")[sample])
            uvs = interpolate(vt[vti], fragments.face_index.clamp(min=0), fragments.barycentrics)
            rgb = sample_texture(texture, uvs) * (fragments.face_index >= 0)[..., None]
            wanted = golden.require(f"{golden.groups['camera']}/rgb")[sample].transpose(1, 2, 0)
            assert (np.abs(rgb.numpy() - wanted).max(axis=-1) <= 0.2).mean() >= 0.999


def check_fragments(golden, sample, fragments):
    prefix = golden.groups["camera"]
    face_index = fragments.face_index.numpy()
    same = face_index == golden.values[sample]
    assert same.mean() >= 0.999
    seen = same & (face_index >= 0)
    barycentrics, depth = golden.require(f"{prefix}/bary")[sample], golden.require(f"{prefix}/zbuf")[sample]
    assert np.abs(fragments.barycentrics.numpy() - barycentrics)[seen].max() <= 1e-3
    assert np.abs(fragments.depth.numpy() - depth)[seen].max() <= 2e-2
