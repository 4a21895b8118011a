"""The takes in the file: click one to play it."""

from __future__ import annotations

from typing import Any

import bpy

from a2p_backend.wire.performance import FPS

from ..scene import takes
from .layout import ICON, LETTER, Sidebar, hint, room
from .progress import draw_jobs

_ROOMY = 240
"""Width from which on there is room for more than names; see `room`."""


class A2P_UL_takes(bpy.types.UIList):
    """Those of the file's Actions that are takes."""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: Any,
        item: bpy.types.Action,
        icon: int,
        active_data: Any,
        active_property: str,
        index: int,
        flag: int,
    ) -> None:
        row = layout.row(align=True)
        row.prop(item.a2p, "star", text="", icon="SOLO_ON" if item.a2p.star else "SOLO_OFF", emboss=False)
        if room(context) < _ROOMY:
            if LETTER * len(item.name) > room(context) - 2 * ICON:  # for the star and the margins
                cell = row.row()
                cell.alignment = "LEFT"
                cell.label(text=takes.distinction(item))
            row.prop(item, "name", text="", emboss=False)
            return
        row.prop(item, "name", text="", emboss=False)
        seed, length = str(takes.header(item).get("seed", "")), f"{takes.frame_count(item) / FPS:.1f} s"
        for text, width in ((seed, 2.4), (length, 2.1)):
            cell = row.row()
            cell.ui_units_x = width
            cell.alignment = "RIGHT"
            cell.label(text=text)

    def filter_items(
        self, context: bpy.types.Context, data: Any, property: str
    ) -> tuple[list[int], list[int]]:
        actions = getattr(data, property)
        wanted = self.filter_name.lower()
        shown = [takes.is_take(action) and wanted in action.name.lower() for action in actions]
        return [self.bitflag_filter_item if show else 0 for show in shown], []


class A2P_PT_takes(Sidebar, bpy.types.Panel):
    bl_label = "Takes"

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.a2p.takes
        layout = self.layout
        layout.template_list("A2P_UL_takes", "", bpy.data, "actions", settings, "index", rows=4)
        row = layout.row(align=True)
        row.operator("a2p.import_take", text="", icon="IMPORT")
        row.operator("a2p.export_take", text="", icon="EXPORT")
        row.operator("a2p.delete_take", text="", icon="TRASH")
        row.operator("a2p.compare_takes", text="A/B", icon="FILE_REFRESH")
        draw_jobs(context, layout, self.bl_label)
        rig = takes.find_rig(context)
        if rig is None:
            hint(layout, "Generate a take first")
            return
        _draw_details(layout, rig)


def _draw_details(layout: bpy.types.UILayout, rig: bpy.types.Object) -> None:
    """What made the take that plays."""
    action = takes.take_of(rig)
    header = takes.header(action)
    first, last = action.frame_range
    grid = layout.column(align=True)
    grid.scale_y = 0.85
    for name, value in (
        ("Seed", header.get("seed", "")),
        ("Actor", header.get("actor", "")),
        ("Rig", rig.name),
        ("Frames", f"{first:.0f} to {last:.0f}"),
    ):
        split = grid.split(factor=0.35)
        split.label(text=name)
        split.label(text=str(value))


CLASSES = (A2P_UL_takes, A2P_PT_takes)
