"""What the add-on adds to Blender, and how it goes again."""

from __future__ import annotations

import atexit

import bpy

from . import backend, jobs, operators, panels, preferences, properties, waveform

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
    jobs.shut_down()
    backend.stop()
    waveform.shut_down()
    properties.detach()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
