"""The clip as a sound strip."""

from __future__ import annotations

from pathlib import Path

import bpy

from kinematics.errors import A2PError

from .. import compat


def add_sound_strip(scene: bpy.types.Scene, clip: Path, first_frame: int) -> bpy.types.Strip:
    """Play `clip`, where it lies, from `first_frame`, in a channel of the sequencer above all others."""
    strips = compat.sound_strips(scene)
    channel = 1 + max((strip.channel for strip in strips), default=0)
    try:
        return strips.new_sound(clip.stem, compat.library_path(clip), channel, first_frame)
    except RuntimeError as error:
        raise A2PError(f"Blender cannot play {clip}: save it as WAV and generate again.") from error
