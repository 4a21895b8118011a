"""Which recording, and who is heard where on it."""

from __future__ import annotations

import bpy


class ClipProperties:
    """The recording: the same settings in the panel and for the operator."""

    clip: bpy.props.StringProperty(
        name="Clip",
        description="The recording: WAV, FLAC, MP3 or any other format of libsndfile, up to 10 minutes",
        subtype="FILE_PATH",
    )


class A2PClipSettings(ClipProperties, bpy.types.PropertyGroup):
    """The Clip section's settings, kept in the .blend."""


CLASSES = (A2PClipSettings,)
