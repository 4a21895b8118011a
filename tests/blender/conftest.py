"""bpy and torch do not live in one process, so these tests run in a pytest of their own.

`python -m pytest tests/blender` runs them with whichever bpy that Python has; it also needs numpy, pyzmq and
pytest. In a run of all tests, `tests/test_blender.py` does so.
"""

from __future__ import annotations

import os
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    asked_for = [
        (config.invocation_params.dir / argument.split("::")[0]).resolve() for argument in config.args
    ]
    return None if any(path.is_relative_to(HERE) for path in asked_for) else True


_status = 0


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    global _status
    _status = int(exitstatus)


def pytest_unconfigure() -> None:
    """Blender 4.2 as a module crashes when Python ends after its glTF exporter has run: end before that."""
    bpy = sys.modules.get("bpy")
    if bpy is not None and bpy.app.version < (4, 3):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_status)


@pytest.fixture
def new_blender() -> None:
    """Blender as if just started for the first time."""
    pytest.importorskip("bpy").ops.wm.read_factory_settings()


@pytest.fixture
def addon(new_blender: None) -> Iterator[None]:
    """The add-on registered in a new Blender."""
    import blender_addon

    blender_addon.register()
    yield
    blender_addon.unregister()


@pytest.fixture
def sound(addon: None) -> None:
    """Skips the test in a Blender without its sound library, as version 4.2 is as a Python module."""
    from blender_addon import compat

    if compat.sound_library() is None:
        pytest.skip("this Blender was built without sound")


@pytest.fixture
def endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the add-on looks for a backend's endpoint file; there is no program to start one."""
    path = tmp_path / "endpoint.json"
    monkeypatch.setenv("A2P_ENDPOINT", str(path))
    monkeypatch.setattr("blender_addon.preferences.backend_program", lambda: "")
    return path


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


@pytest.fixture
def video(new_blender: None, tmp_path: Path) -> Path:
    """A video that Blender itself renders: two frames of its default scene."""
    import bpy

    scene = bpy.data.scenes.new("video")
    scene.camera = bpy.data.objects["Camera"]
    scene.collection.objects.link(bpy.data.objects["Cube"])
    scene.render.resolution_x, scene.render.resolution_y, scene.frame_end = 64, 72, 2
    scene.render.engine = "BLENDER_WORKBENCH"
    if hasattr(scene.render.image_settings, "media_type"):
        scene.render.image_settings.media_type = "VIDEO"
    scene.render.image_settings.file_format = "FFMPEG"
    scene.render.ffmpeg.format = "MPEG4"
    scene.render.filepath = str(tmp_path / "plate.mp4")
    bpy.ops.render.render(animation=True, scene=scene.name)
    bpy.data.scenes.remove(scene)
    return tmp_path / "plate.mp4"
