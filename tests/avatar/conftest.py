"""A still performance of the default actor, and an OpenGL rasteriser where there is OpenGL."""

from __future__ import annotations

import numpy as np
import pytest

from a2p_backend.avatar import opengl
from a2p_backend.wire.performance import Performance
from kinematics.body import load_default_body


@pytest.fixture(scope="session")
def body():
    return load_default_body()


@pytest.fixture
def gl():
    problem = opengl.why_unavailable()
    if problem:
        pytest.skip(f"needs OpenGL: {problem}")
    with opengl.OpenGLRasteriser() as rasteriser:
        yield rasteriser


@pytest.fixture(scope="session")
def performance():
    """Six frames: elbows bent, the jaw opening."""
    pose, face = np.zeros((6, 104), np.float32), np.zeros((6, 256), np.float32)
    pose[:, [24, 36]] = 1.2
    pose[:, [20, 32]] = -0.5
    face[:, 0] = np.linspace(0, 1, 6)
    return Performance(pose, face, pose[:1], actor="default", seed=0, clip_name="a.wav", clip_sha256="0" * 64)
