"""A sound strip of the sequencer as a recording: what of its file it plays, and from which frame on."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from kinematics.errors import A2PError
from kinematics.files import atomic_write

from .. import compat
from . import sound_file, units

_FULL_SCALE = 32767


@dataclass(frozen=True)
class Trim:
    """Seconds `start` to `end` of a sound file, which the scene plays from `first_frame` on."""

    sound: Path
    start: float
    end: float
    first_frame: int

    @property
    def name(self) -> str:
        """Of the recording that the trim makes."""
        return f"{self.sound.stem} {self.start:.2f}-{self.end:.2f} s.wav"


def active_trim(scene: bpy.types.Scene) -> Trim:
    """What the sequencer's active strip plays, else its only sound strip. Raises A2PError."""
    editor = scene.sequence_editor
    strips = [strip for strip in compat.sound_strips(scene) if strip.type == "SOUND"] if editor else []
    if not strips:
        raise A2PError("The sequencer has no sound strip: add one, or choose a file as the clip's source.")
    strip = editor.active_strip if editor.active_strip in strips else strips[0]
    if strip != editor.active_strip and len(strips) > 1:
        raise A2PError(f"The sequencer has {len(strips)} sound strips: click the one to perform.")
    if not strip.sound or strip.sound.packed_file:
        raise A2PError(f"The sound of the strip {strip.name} is not in a file of its own: unpack it first.")
    fps, timing = units.frame_rate(scene), compat.strip_timing(strip)
    start = timing.skipped / fps
    return Trim(
        Path(bpy.path.abspath(strip.sound.filepath)).resolve(),
        start,
        start + timing.duration / fps,
        timing.start,
    )


def write_trimmed(trim: Trim, folder: Path) -> Path:
    """The trim as a 16-bit WAV file in `folder`; any thread may call it. Raises A2PError."""
    rate = sound_file.sample_rate(trim.sound)
    samples = sound_file.samples(trim.sound, trim.start, trim.end)
    if not len(samples):
        raise A2PError(f"The strip plays nothing of {trim.sound}: it starts past the sound's end.")
    coded = (np.clip(samples, -1.0, 1.0) * _FULL_SCALE).round().astype("<i2")
    target = folder / trim.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as file, wave.open(file, "wb") as writer:
            writer.setnchannels(coded.shape[1])
            writer.setsampwidth(2)
            writer.setframerate(round(rate))
            writer.writeframes(coded.tobytes())
    except OSError as error:
        raise A2PError(f"Cannot write the clip {target}: {error.strerror or error}.") from error
    return target


def trims_folder() -> Path:
    """Where trimmed clips are written: beside the .blend, or among Blender's temporary files."""
    if bpy.data.is_saved:
        return Path(bpy.path.abspath("//a2p clips"))
    return Path(bpy.app.tempdir) / "a2p clips"
