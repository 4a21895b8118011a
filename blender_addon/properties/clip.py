"""Which recording, and who is heard where on it."""

from __future__ import annotations

import bpy

from a2p_backend.wire.settings import MAX_SENT_SECONDS, GenerateSettings

from .performance import suggest_actors


class ClipProperties:
    """The recording: the same settings in the panel and for the operator."""

    clip: bpy.props.StringProperty(
        name="Clip",
        description="The recording: WAV, FLAC, MP3, OGG, AIFF and others, "
        f"up to {MAX_SENT_SECONDS // 60} minutes",
        subtype="FILE_PATH",
    )
    source: bpy.props.EnumProperty(
        name="Source",
        description="Where the recording comes from",
        items=(
            ("file", "File", "A sound file"),
            ("strip", "Strip", "The active sound strip of the sequencer, as it is trimmed"),
        ),
    )
    speaker: bpy.props.EnumProperty(
        name="Actor On",
        description="The channel on which the actor is heard; the partner is on the other",
        items=(
            ("left", "Left", "The actor is on the left channel, the partner on the right"),
            ("right", "Right", "The actor is on the right channel, the partner on the left"),
        ),
        default=GenerateSettings.speaker,
    )
    with_partner: bpy.props.BoolProperty(
        name="Partner Too",
        description="Also perform the person on the other channel, on a rig that stands opposite",
    )
    partner_actor: bpy.props.StringProperty(
        name="Partner",
        description="Who performs the partner; empty: the actor",
        search=suggest_actors,
    )


class A2PClipSettings(ClipProperties, bpy.types.PropertyGroup):
    """The Clip section's settings, kept in the .blend."""


CLASSES = (A2PClipSettings,)
