from __future__ import annotations

import pytest
import torch

from a2p_backend.avatar import opengl
from a2p_backend.avatar.codec.config import AvatarConfig
from a2p_backend.bench.avatar import ORIGINAL_SECONDS, measure_avatar

SMALL = AvatarConfig(
    image_height=64,
    image_width=48,
    body_code=16,
    face_coordinates=30,
    uv_size=128,
    texture_size=256,
    pose_to_shadow=True,
)


def test_the_renderer_is_compared_with_the_plain_model() -> None:
    problem = opengl.why_unavailable()
    if problem:
        pytest.skip(f"needs OpenGL: {problem}")
    report = measure_avatar(1, torch.device("cpu"), "opengl", SMALL)
    measured = report.measured
    assert (measured.views, measured.width, measured.height, measured.frames) == (2, 48, 64, 1)
    assert measured.share_within_2 > 0.99
    assert measured.film_seconds > 0
    assert measured.preview_seconds > 0
    assert measured.speed_up == pytest.approx(measured.plain_seconds / measured.seconds)
    networks = measured.seconds + measured.shade_seconds
    assert report.frame_seconds == pytest.approx(networks + measured.rasterise_seconds)
    assert report.times_faster == pytest.approx(ORIGINAL_SECONDS / networks)
