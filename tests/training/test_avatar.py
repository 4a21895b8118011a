"""Fitting a texture to views: a quad of two colours seen from the front."""

from __future__ import annotations

import json

import numpy as np
import pytest

from a2p_backend.avatar import opengl
from a2p_backend.training.avatar import AvatarConfig, AvatarTrainingError, fit
from kinematics.camera import look_at


@pytest.fixture
def gl():
    problem = opengl.why_unavailable()
    if problem:
        pytest.skip(f"needs OpenGL: {problem}")
    with opengl.OpenGLRasteriser() as rasteriser:
        yield rasteriser


def views(alpha=255):
    """A square that faces -Y, red on its left half and blue on its right, in one picture."""
    vertices = np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)
    camera = look_at((0, -10, 0), (0, 0, 0), 64, 64, 180.0)
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[:, :32], pixels[:, 32:] = (200, 0, 0, alpha), (0, 0, 200, alpha)
    header = {"bones": ["hips"], "parents": [-1], "shapes": ["jawOpen"]}
    return {
        "vertices": vertices,
        "faces": faces,
        "uvs": uv[faces],
        "weights": np.eye(8, dtype=np.float32)[[0] * 4],
        "indices": np.zeros((4, 8), np.int32),
        "shape_moves": np.zeros((1, 4, 3), np.float32),
        "bone_rest": np.eye(4)[None],
        "to_world": np.eye(4),
        "header": np.frombuffer(json.dumps(header).encode(), np.uint8),
        "view_K": camera.K[None],
        "view_Rt": camera.Rt[None],
        "view_codes": np.zeros((1, 1), np.float32),
        "view_pixels": pixels[None],
    }


def test_the_texture_shows_what_the_pictures_do(gl):
    config = AvatarConfig(texture=32, steps=20, pixels=512)
    decoder, report = fit(views(), config, gl, lambda *_: None)
    assert np.abs(decoder.texture[4:-4, 4:12].astype(int) - (200, 0, 0)).max() < 16
    assert np.abs(decoder.texture[4:-4, -12:-4].astype(int) - (0, 0, 200)).max() < 16
    assert report.psnr > 20
    assert len(decoder.source) == 4
    assert decoder.expressions == ("jawOpen",)


def test_pictures_that_show_nothing(gl):
    with pytest.raises(AvatarTrainingError, match="do not show"):
        fit(views(alpha=0), AvatarConfig(texture=32, steps=1), gl, lambda *_: None)
