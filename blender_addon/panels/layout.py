"""What the sections of the sidebar have in common."""

from __future__ import annotations

import textwrap
from typing import Any

import bpy


class Sidebar:
    """Where the sections are."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "A2P"


_EDGES = 58
"""What tabs and margins take of the sidebar's width."""
ICON = 20
LETTER = 6.1
"""Pixels that an icon and, on average, a letter take at an interface scale of 1."""


def room(context: bpy.types.Context) -> float:
    """How wide a section's contents are, in pixels at an interface scale of 1."""
    return context.region.width / context.preferences.system.ui_scale - _EDGES


def form(layout: bpy.types.UILayout) -> bpy.types.UILayout:
    """A column of labelled fields."""
    column = layout.column(align=True)
    column.use_property_split = True
    column.use_property_decorate = False
    return column


def sentence(context: bpy.types.Context, layout: bpy.types.UILayout, text: str, icon: str) -> None:
    """A text in as many lines as the sidebar's width asks for, the first with an icon."""
    column = layout.column(align=True)
    column.scale_y = 0.8
    for index, line in enumerate(textwrap.wrap(text, max(int((room(context) - ICON) / LETTER), 16))):
        column.label(text=line, icon="BLANK1" if index else icon)


def hand_over(button: Any, source: Any, names: Any) -> None:
    """Give an operator's button the settings of the panel."""
    for name in names:
        setattr(button, name, getattr(source, name))


def hint(layout: bpy.types.UILayout, text: str) -> None:
    """What to do first, where a section has nothing to show."""
    row = layout.row()
    row.active = False
    row.label(text=text, icon="INFO")
