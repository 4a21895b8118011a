"""The clip as a sound strip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from kinematics.errors import A2PError

from .. import compat
from . import sound_file


def require_playable(clip: Path) -> None:
    """Raise A2PError if Blender cannot play `clip`, which it would otherwise show as a silent strip.

    A Blender without the library that tells takes any. Any thread may call it.
    """
    if sound_file.can_read() and sound_file.sample_rate(clip) <= 0:
        raise A2PError(f"Blender cannot play {clip}: convert it to WAV or FLAC first.")


def add_sound_strip(scene: bpy.types.Scene, clip: Path, first_frame: int) -> None:
    """Play `clip`, where it lies, from `first_frame`, in a channel of the sequencer above all others.

    Where it is played from that frame on already, nothing is added; nor by a Blender that was built without
    sound, which knows no sound strips.
    """
    if not compat.PLAYS_SOUND:
        return
    strips = compat.sound_strips(scene)
    if any(_plays(strip, clip, first_frame) for strip in strips):
        return
    channel = 1 + max((strip.channel for strip in strips), default=0)
    strips.new_sound(clip.stem, compat.library_path(clip), channel, first_frame)


def _plays(strip: Any, clip: Path, first_frame: int) -> bool:
    if strip.type != "SOUND" or strip.mute or strip.sound is None:
        return False
    if compat.strip_timing(strip).content_start != first_frame:
        return False
    # A path that is relative to the .blend leads through "..", which no comparison sees through.
    return Path(bpy.path.abspath(strip.sound.filepath)).resolve() == clip.resolve()
