"""The clip as a sound strip."""

from __future__ import annotations

from pathlib import Path

import aud
import bpy

from kinematics.errors import A2PError

from .. import compat


def require_playable(clip: Path) -> None:
    """Raise A2PError if Blender cannot play `clip`, which it would otherwise show as a silent strip.

    Asks Blender's sound library alone, no Blender data: any thread may call it.
    """
    try:
        rate, _ = aud.Sound(str(clip)).specs
    except aud.error:
        rate = 0
    if rate <= 0:
        raise A2PError(f"Blender cannot play {clip}: convert it to WAV or FLAC first.")


def add_sound_strip(scene: bpy.types.Scene, clip: Path, first_frame: int) -> None:
    """Play `clip`, where it lies, from `first_frame`, in a channel of the sequencer above all others."""
    strips = compat.sound_strips(scene)
    channel = 1 + max((strip.channel for strip in strips), default=0)
    strips.new_sound(clip.stem, compat.library_path(clip), channel, first_frame)
