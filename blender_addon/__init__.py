"""The Blender add-on: a recording in, an animator's keyframes out."""

from __future__ import annotations

import atexit

from .vendoring import ensure_importable

ensure_importable()

import bpy  # noqa: E402 - what follows may be in the add-on's own vendor folder

from . import backend, jobs, operators, panels, preferences, properties, waveform  # noqa: E402
from .services import recording  # noqa: E402

CLASSES = (*preferences.CLASSES, *properties.CLASSES, *operators.CLASSES, *panels.CLASSES)


def register() -> None:
    """Add everything to Blender."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    properties.attach()
    atexit.register(unregister)


def unregister() -> None:
    """Take everything away again, whatever is under way; also when Blender quits, as a Python module too."""
    atexit.unregister(unregister)
    recording.finish()  # kept: speech does not return
    jobs.shut_down()
    backend.stop()
    waveform.shut_down()
    properties.detach()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
