"""Fitting an avatar to views: a quad of two colours seen from the front."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from a2p_backend.avatar import opengl
from a2p_backend.avatar.trained.network import AvatarNetwork, NetworkConfig
from a2p_backend.training.avatar import AvatarConfig, AvatarTrainingError, fit
from a2p_backend.training.avatar_network import Displacements
from a2p_backend.training.avatar_texture import Seen, charts_of, fit_texture
from a2p_backend.training.loop import LoopConfig
from kinematics.camera import look_at


@pytest.fixture
def gl():
    problem = opengl.why_unavailable()
    if problem:
        pytest.skip(f"needs OpenGL: {problem}")
    with opengl.OpenGLRasteriser() as rasteriser:
        yield rasteriser


CONFIG = AvatarConfig(
    texture=32,
    texture_steps=20,
    pixels=512,
    channels=(8, 8),
    loop=LoopConfig(steps=60, learning_rate=0.02, warm_up=5, average_decay=0.8),
)


def without_shape_key(arrays):
    """The same of a character that has none."""
    header = {**json.loads(bytes(arrays["header"])), "shapes": []}
    return {
        **arrays,
        "header": np.frombuffer(json.dumps(header).encode(), np.uint8),
        "shape_moves": arrays["shape_moves"][:0],
        "view_codes": arrays["view_codes"][:, :0],
    }


def views(alpha=255, dimmed=(0.0,)):
    """A square that faces -Y, red on its left half and blue on its right; a picture for each of `dimmed`.

    So much of the light is missing from the right half in a picture, which is what the one shape key says.
    """
    vertices = np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)
    camera = look_at((0, -10, 0), (0, 0, 0), 32, 32, 180.0)
    pixels = np.zeros((len(dimmed), 32, 32, 4), np.uint8)
    pixels[:, :, :16] = (200, 0, 0, alpha)
    for picture, missing in zip(pixels, dimmed, strict=True):
        picture[:, 16:] = (0, 0, round(200 * (1.0 - missing)), alpha)
    header = {"bones": ["hips"], "parents": [-1], "shapes": ["jawOpen"]}
    return {
        "vertices": vertices,
        "faces": faces,
        "uvs": uv[faces],
        "gloss": np.full(4, 0.3, np.float32),
        "weights": np.eye(8, dtype=np.float32)[[0] * 4],
        "indices": np.zeros((4, 8), np.int32),
        "shape_moves": np.zeros((1, 4, 3), np.float32),
        "bone_rest": np.eye(4)[None],
        "to_world": np.eye(4),
        "header": np.frombuffer(json.dumps(header).encode(), np.uint8),
        "view_K": np.array([camera.K] * len(dimmed)),
        "view_Rt": np.array([camera.Rt] * len(dimmed)),
        "view_codes": np.array(dimmed, np.float32)[:, None],
        "view_pixels": pixels,
    }


def test_the_texture_shows_what_the_pictures_do_and_the_network_what_the_shape_key_takes(gl, tmp_path):
    under_dome = views(dimmed=(0.0, 0.5, 0.0, 0.5, 0.25, 0.4))
    decoder, report = fit(views(), under_dome, None, CONFIG, gl, tmp_path, lambda *_: None)
    assert np.abs(decoder.texture[4:-4, 4:12].astype(int) - (200, 0, 0)).max() < 16
    assert np.abs(decoder.texture[4:-4, -12:-4].astype(int) - (0, 0, 200)).max() < 16
    assert len(decoder.source) == 4
    assert decoder.expressions == ("jawOpen",)
    assert report.coverage > 0.9
    assert report.lit
    assert report.psnr > report.psnr_without + 3.0
    assert not report.displaced
    assert report.error == 0.0
    rest, dimmed = decoder.network.light(torch.tensor([[0.0], [0.5]]))
    # 100 of 255 is 0.22 of 200 in linear light; single texels stray, as only the pictures' pixels are fitted.
    blue, red = (
        dimmed[channel, 8:-8, column] / rest[channel, 8:-8, column] for channel, column in ((2, -8), (0, 8))
    )
    assert float(blue.mean()) == pytest.approx(0.22, abs=0.08)
    assert float(blue.max()) < 0.75 < float(red.min())
    assert float(red.mean()) == pytest.approx(1.0, abs=0.08)


def test_without_shape_keys_the_texture_has_the_light_that_stays(gl, tmp_path):
    plain, under_dome = (
        without_shape_key(arrays) for arrays in (views(), views(dimmed=(0.5, 0.5, 0.5, 0.5, 0.5, 0.5)))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decoder, report = fit(plain, under_dome, None, CONFIG, gl, tmp_path, lambda *_: None)
    assert decoder.network is None
    assert report.psnr is None
    assert "no shape keys" in report.line()
    assert np.abs(decoder.texture[4:-4, -12:-4].astype(int) - (0, 0, 100)).max() < 16


def test_a_network_that_is_no_better_is_left_out(gl, tmp_path):
    """One that was trained by leaps, on pictures that a texture can say."""
    config = replace(CONFIG, loop=replace(CONFIG.loop, steps=3, learning_rate=1.0))
    decoder, report = fit(views(), views(dimmed=(0.0,) * 6), None, config, gl, tmp_path, lambda *_: None)
    assert not report.lit
    assert decoder.network is None
    assert report.psnr < report.psnr_without
    assert "by the texture alone" in report.line()


def test_displacements_alone_are_kept_of_a_network():
    torch.manual_seed(0)
    both = AvatarNetwork(NetworkConfig(0, fields=2, moved=3, channels=(4, 4)))
    both.fields.normal_()
    both.moved.copy_(torch.tensor([3, 1, 2]))
    codes, pose = torch.zeros(1, 0), torch.ones(1, 98)
    geometry, light = both.only(light=False, geometry=True), both.only(light=True, geometry=False)
    assert torch.equal(geometry.displacements(codes, pose), both.displacements(codes, pose))
    assert geometry.moved.tolist() == [3, 1, 2]
    assert geometry.config.channels == ()
    assert torch.equal(light.light(codes), both.light(codes))
    assert light.config.fields == 0
    assert both.only(light=False, geometry=False) is None


def test_texels_that_no_picture_shows_are_coloured_by_their_own_chart(gl):
    """Two charts side by side, of which the pictures show a texel in one and all but a few in the other."""
    uvs = np.array([[0, 0], [0.48, 0], [0.48, 1], [0, 1], [0.52, 0], [1, 0], [1, 1], [0.52, 1]], np.float32)
    corners = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    charts = charts_of(corners, uvs, 32, gl)
    assert charts[:, 2].unique().tolist() == [0]
    assert charts[:, -3].unique().tolist() == [4]
    places = torch.cat([torch.tensor([[0.05, 0.05]]), torch.rand(4000, 2) * torch.tensor([0.45, 1.0]) + 0.54])
    places = places[places.max(dim=1).values < 1.0]
    colours = torch.tensor([[1.0, 0.0, 0.0]]).repeat(len(places), 1)
    colours[0] = torch.tensor([0.0, 0.0, 1.0])
    seen = Seen(places[:, None], colours, torch.ones(len(places)), torch.zeros(0))
    texture, _ = fit_texture([seen], charts, 1, 100, 1e-4, 0, lambda *_: None)
    assert texture[2, :, :15].min() > 0.95
    assert texture[0, :, 17:].min() > 0.95


def test_a_stopped_training_goes_on(gl, tmp_path):
    steps = []

    def stop(stage, done, total):
        steps.append((stage, done))
        if stage == "network" and done == 40:
            raise KeyboardInterrupt

    loop = replace(CONFIG.loop, log_every=10, save_every=10, steps=50)
    config = replace(CONFIG, loop=loop, texture_steps=1)
    with pytest.raises(KeyboardInterrupt):
        fit(views(), views(), None, config, gl, tmp_path, stop)
    steps.clear()
    fit(views(), views(), None, config, gl, tmp_path, lambda stage, done, _: steps.append((stage, done)))
    assert [done for stage, done in steps if stage == "network"] == [40, 50]


def test_displacements_beyond_linear_blending_are_learnt():
    generator = np.random.default_rng(0)
    pose = generator.standard_normal((40, 104))
    residuals = np.zeros((40, 6, 3), np.float32)
    residuals[:, 2, 0] = 0.004 * np.sin(pose[:, 20])
    found = Displacements.of(residuals, np.zeros((40, 1)), pose)
    assert found.moved.tolist() == [2]
    back = torch.einsum("pr,rmc->pmc", found.shares, found.fields)
    np.testing.assert_allclose(back[:, 0], residuals[:, 2], atol=1e-6)


def test_pictures_that_show_nothing(gl, tmp_path):
    nothing = views(alpha=0)
    with pytest.raises(AvatarTrainingError, match="do not show"):
        fit(nothing, nothing, None, CONFIG, gl, tmp_path, lambda *_: None)
