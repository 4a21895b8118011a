"""What a scene's frames and lengths measure."""

from __future__ import annotations

import bpy


def frame_rate(scene: bpy.types.Scene) -> float:
    """Frames a second."""
    return scene.render.fps / scene.render.fps_base


def metres_per_unit(scene: bpy.types.Scene) -> float:
    """How many metres a length of 1 is."""
    return scene.unit_settings.scale_length or 1.0
