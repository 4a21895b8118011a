"""bpy and torch do not live in one process, so these tests run in a pytest of their own.

`python -m pytest tests/blender` runs them with whichever bpy that Python has; it also needs numpy, pyzmq and
pytest. In a run of all tests, `tests/test_blender.py` does so.
"""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    asked_for = any("blender" in str(argument) for argument in config.args)
    return None if asked_for else True


@pytest.fixture
def addon() -> Iterator[None]:
    """A factory-new Blender with the add-on registered."""
    bpy = pytest.importorskip("bpy")
    import blender_addon

    bpy.ops.wm.read_factory_settings()
    blender_addon.register()
    yield
    blender_addon.unregister()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A second of silence."""
    path = tmp_path / "a clip.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(48000)
        file.writeframes(bytes(4 * 48000))
    return path
