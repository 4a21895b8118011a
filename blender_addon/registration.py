"""What the add-on adds to Blender, and how it goes again."""

from __future__ import annotations

import atexit

import bpy

from . import backend, jobs, operators, panels, preferences, properties, waveform
from .services import recording

CLASSES = (*preferences.CLASSES, *properties.CLASSES, *operators.CLASSES, *panels.CLASSES)


_registered = False


def register() -> None:
    """Add everything to Blender."""
    global _registered
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    properties.attach()
    atexit.register(unregister)
    _registered = True


def unregister() -> None:
    """Take everything away again, whatever is under way; also when Blender quits, as a Python module too.

    There both Python and Blender ask for it, and the second finds nothing to do.
    """
    global _registered
    if not _registered:
        return
    _registered = False
    atexit.unregister(unregister)
    recording.finish()  # kept: speech does not return
    jobs.shut_down()
    backend.shut_down()
    waveform.shut_down()
    properties.detach()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
