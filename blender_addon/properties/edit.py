"""What is to change of a take, and what is locked."""

from __future__ import annotations

import bpy

_PARTS = {
    "face": ("Face", "Keep the face as in the take"),
    "head": ("Head", "Keep neck and head as in the take"),
    "left_arm": ("Left Arm", "Keep the left arm as in the take"),
    "right_arm": ("Right Arm", "Keep the right arm as in the take"),
    "left_hand": ("Left Hand", "Keep the left hand's fingers as in the take"),
    "right_hand": ("Right Hand", "Keep the right hand's fingers as in the take"),
    "torso": ("Torso", "Keep the spine as in the take"),
    "legs": ("Legs", "Keep the legs as in the take; the feet stay in their place with Travel kept, too"),
    "root": ("Travel", "Keep where the figure stands and what it faces as in the take"),
}
"""What can be kept, in the order of the sidebar's two columns, with labels and tooltips."""


class A2PLock(bpy.types.PropertyGroup):
    """A locked range of a take: its frames first (included) to end (excluded), from 0 on."""

    first: bpy.props.IntProperty(name="First", min=0)
    end: bpy.props.IntProperty(name="End", min=0)


class RangeProperties:
    """What of a take is made anew: the same settings in the panel and for the operator."""

    first: bpy.props.IntProperty(
        name="First", description="First frame of the scene that is made anew", default=1
    )
    last: bpy.props.IntProperty(
        name="Last", description="Last frame of the scene that is made anew", default=60
    )
    strength: bpy.props.FloatProperty(
        name="Strength",
        description="How far Vary may stray from the take: 0 nowhere, 1 as far as a new take",
        default=0.5,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
    )
    kept: bpy.props.EnumProperty(
        name="Keep",
        description="Parts that stay as they are throughout",
        items=[(part, *words) for part, words in _PARTS.items()],
        options={"ENUM_FLAG"},
    )


class A2PEditSettings(RangeProperties, bpy.types.PropertyGroup):
    """The Edit section's settings, kept in the .blend."""


CLASSES = (A2PLock, A2PEditSettings)
