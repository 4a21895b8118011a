"""What an Action remembers of being a layer: of which take, and of which kind."""

from __future__ import annotations

import bpy

GUIDE = "guide"
TWEAK = "tweak"

_TAKE = "a2p_layer_of"
_KIND = "a2p_layer"


def mark(action: bpy.types.Action, take: bpy.types.Action, kind: str) -> None:
    """Remember which take an Action is a layer of."""
    action[_TAKE], action[_KIND] = take, kind
    action.use_fake_user = True


def kind_of(action: bpy.types.Action | None) -> str:
    """GUIDE or TWEAK; "" for an Action that is no layer."""
    return action.get(_KIND, "") if action is not None else ""


def take_below(action: bpy.types.Action | None) -> bpy.types.Action | None:
    """The take that a layer belongs to."""
    return action.get(_TAKE) if kind_of(action) else None
