"""The renderer that computes nothing twice, against the original's frames and against the plain model.

Gates as for whole frames of the plain model; against that model the pictures are within 2 of 255.
"""

from __future__ import annotations

import copy
import logging

import numpy as np
import pytest
import torch

from a2p_backend.avatar.codec.bench import bench_avatar
from a2p_backend.avatar.codec.config import AvatarError
from a2p_backend.avatar.codec.fused import FusedAvatar
from a2p_backend.avatar.codec.model import CodecAvatar
from a2p_backend.avatar.codec.render import PRESETS, AvatarRenderer
from a2p_backend.avatar.codec.sparse import unblocked
from kinematics.camera import Camera

from .avatar_actor import (
    CONFIG,
    actor_folder,
    lit_by_occlusion,
    load_assets,
    load_avatar,
)
from .test_avatar_networks import rasteriser


@pytest.fixture(scope="module")
def fused():
    """The renderer of a golden's actor, fused once."""
    made: dict[object, FusedAvatar] = {}

    def of(golden, *, by_occlusion: bool) -> FusedAvatar:
        folder = actor_folder(golden)
        if folder not in made:
            made[folder] = FusedAvatar(load_avatar(folder))
        if not by_occlusion:
            return made[folder]
        other = copy.copy(made[folder])
        other.avatar = lit_by_occlusion(other.avatar)
        return other

    return of


def cameras_of(golden) -> list[Camera]:
    views = zip(golden.require("K").astype(np.float64), golden.require("Rt").astype(np.float64), strict=True)
    return [Camera(K, Rt, CONFIG.image_width, CONFIG.image_height) for K, Rt in views]


@pytest.mark.golden(r"full_(?P<light>ao|pose)_shadow", r"f(?P<frame>\d+)/frame_uint8")
def test_frames(golden, fused):
    frame = int(golden.groups["frame"])
    avatar = fused(golden, by_occlusion=golden.groups["light"] == "ao")
    with rasteriser() as raster:
        renderer = AvatarRenderer(avatar, cameras_of(golden), raster, golden.require("ao"))
        pose, face = golden.require("motion"), golden.require("face_codes")
        (ours,) = renderer.frames(pose[frame : frame + 1], face[frame : frame + 1])
    error = np.abs(ours.astype(np.int64) - golden.values).max(axis=-1)
    assert (error <= 1).mean() >= 0.999


@pytest.mark.golden(r"full_pose_shadow", r"f(?P<frame>\d+)/tex_rec_s(?P<step>\d*)")
def test_textures(golden, fused):
    frame, avatar = int(golden.groups["frame"]), fused(golden, by_occlusion=False)
    pose, face, centres = (
        torch.from_numpy(golden.require(name)) for name in ("motion", "face_codes", "campos")
    )
    at = slice(frame, frame + 1)
    with torch.inference_mode():
        joints = avatar.avatar.lbs_fn.joints(pose[at])
        posed = avatar.pose(pose[at], joints, avatar.face_maps(face[at]))
        textures = avatar.textures(posed, centres, [avatar.light(pose[at])] * len(centres))
    step = int(golden.groups["step"] or 8)
    for view, texture in enumerate(textures):
        ours = unblocked(texture)[:, ::step, ::step]
        assert np.abs(ours.numpy() - golden.values[view]).max() <= 2e-2
    stored = golden.arrays.get(f"f{frame}/geom_rec")
    if stored is not None:
        assert np.abs(posed.vertices.numpy() - stored).max() <= 5e-3


@pytest.mark.slow
@pytest.mark.golden(r"full_pose_shadow", r"f0/frame_uint8")
def test_like_the_plain_model(golden):
    pose, face = (np.repeat(golden.require(name)[:1], 2, axis=0) for name in ("motion", "face_codes"))
    with rasteriser() as raster:
        bench = bench_avatar(load_avatar(actor_folder(golden)), cameras_of(golden), raster, pose, face)
    assert bench.share_within_2 >= 0.9999
    assert (bench.views, bench.frames, bench.height) == (2, 1, CONFIG.image_height)


@pytest.mark.golden(r"full_pose_shadow", r"f0/frame_uint8")
def test_preview(golden, fused):
    """Every second frame, at half the size, and the same person."""
    avatar = fused(golden, by_occlusion=False)
    pose, face = (np.repeat(golden.require(name)[:1], 2, axis=0) for name in ("motion", "face_codes"))
    with rasteriser() as raster:
        renderer = AvatarRenderer(avatar, cameras_of(golden), raster, quality=PRESETS["preview"])
        (ours,) = renderer.frames(pose, face)
    height, width = golden.values.shape[:2]
    assert ours.shape == (height // 2, width // 2, 3)
    halved = golden.values.reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))
    assert np.corrcoef(ours.ravel(), halved.ravel())[0, 1] > 0.8


@pytest.mark.golden(r"full_pose_shadow", r"f0/frame_uint8")
def test_alpha(golden, fused):
    """The same colours, and soft edges."""
    avatar = fused(golden, by_occlusion=False)
    pose, face = golden.require("motion"), golden.require("face_codes")
    with rasteriser() as raster:
        renderer = AvatarRenderer(avatar, cameras_of(golden), raster, alpha=True)
        (ours,) = renderer.frames(pose[:1], face[:1])
    seen = golden.values.any(axis=-1)
    error = np.abs(ours[seen][:, :3].astype(np.int64) - golden.values[seen]).max(axis=-1)
    assert (error <= 1).mean() >= 0.999
    alpha = ours[..., 3] / 255.0
    assert alpha.mean() == pytest.approx(seen.mean(), rel=5e-3)
    assert 0.01 < ((alpha > 0) & (alpha < 1)).sum() / seen.sum() < 0.3


@pytest.mark.golden(r"full_pose_shadow", r"f0/frame_uint8")
def test_what_cannot_be_drawn(golden, fused):
    avatar = fused(golden, by_occlusion=False)
    pose, face = golden.require("motion"), golden.require("face_codes")
    with rasteriser() as raster:
        renderer = AvatarRenderer(avatar, cameras_of(golden), raster)
        with pytest.raises(AvatarError, match=r"takes 104 pose numbers a frame"):
            next(renderer.frames(pose[:, :98], face))
        with pytest.raises(AvatarError, match=r"face of frame 0 is not finite"):
            next(renderer.frames(pose, face * np.nan))
        dark = fused(golden, by_occlusion=True)
        with pytest.raises(AvatarError, match=r"ambient occlusion"):
            AvatarRenderer(dark, cameras_of(golden), raster)


@pytest.mark.golden(r"state_dict_manifest")
def test_loading(golden, caplog):
    """The checkpoint's atlas and seams count, what it lacks is said, and misfits are refused."""
    assets = load_assets(actor_folder(golden))
    state = load_avatar(actor_folder(golden)).state_dict()
    others = assets.seams.weights + 0.25
    state |= {f"{owner}seam_sampler.weights": others for owner in ("", "decoder.")}
    weights_before = assets.seams.weights.clone()
    without = {key: value for key, value in state.items() if not key.startswith("upscale_net.out_block")}
    extra = {
        "new.thing": torch.zeros(1),
        "lbs_fn.lbs_scale": torch.zeros(3),
        "cal.holder.params": torch.ones(2),
    }
    with caplog.at_level(logging.WARNING):
        loaded = CodecAvatar.from_assets(CONFIG, assets, without | extra)
    assert torch.equal(loaded.geo_fn.index_image, state["geo_fn.index_image"])
    assert torch.equal(loaded.decoder.tex_conv.bias, state["decoder.tex_conv.bias"])
    assert torch.equal(loaded.seam_sampler.weights, others)
    assert torch.equal(assets.seams.weights, weights_before)  # they serve others too
    missing, unknown = (record.getMessage() for record in caplog.records)
    assert "lacks 3 tensors: upscale_net.out_block" in missing
    assert "has unknown 1 tensors: new.thing" in unknown
    with pytest.raises(AvatarError, match=r"does not fit its assets and config: .*tex_mean"):
        loaded.load({"tex_mean": torch.zeros(1, 3, 4, 4)})
