"""What is remembered of takes: with each Action its star, with each scene which take was heard before."""

from __future__ import annotations

import bpy

from kinematics.errors import A2PError

from ..scene import layers, takes
from .edit import A2PLock


class A2PTake(bpy.types.PropertyGroup):
    """`action.a2p`, of Actions that are takes or were made from them."""

    star: bpy.props.BoolProperty(name="Star", description="A take to keep; Export can write all of them")
    locks: bpy.props.CollectionProperty(
        name="Locks", description="Frames that stay in whatever is made from the take", type=A2PLock
    )
    cleaned: bpy.props.StringProperty(name="Cleaned", description="What Clean Up did when it made this")


def _played(self: A2PTakesSettings) -> int:
    rig = takes.find_rig(bpy.context)
    action = takes.take_of(rig) if rig is not None else None
    return bpy.data.actions.find(action.name) if action is not None else -1


def _play(self: A2PTakesSettings, index: int) -> None:
    """A click in the list: play the take at once."""
    if not 0 <= index < len(bpy.data.actions):
        return
    try:
        layers.audition(bpy.context, bpy.data.actions[index])
    except A2PError as error:
        print(f"a2p: {error}")  # a property has nowhere else to report to


class A2PTakesSettings(bpy.types.PropertyGroup):
    """The Takes section's settings, kept in the .blend."""

    index: bpy.props.IntProperty(
        name="Take", description="Click to play this take on the rig", get=_played, set=_play
    )
    previous: bpy.props.PointerProperty(
        name="Other Take", description="The take that A/B changes to", type=bpy.types.Action
    )


CLASSES = (A2PTake, A2PTakesSettings)
