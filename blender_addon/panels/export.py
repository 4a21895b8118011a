"""The take for other programs."""

from __future__ import annotations

import bpy

from ..properties.export import ExportProperties
from ..scene import takes
from .layout import Sidebar, form, hand_over, hint


class A2P_PT_export(Sidebar, bpy.types.Panel):
    bl_label = "Export"

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.a2p.export, self.layout
        if takes.find_rig(context) is None:
            hint(layout, "Generate a take first")
            return
        column = form(layout)
        for name in ExportProperties.__annotations__:
            column.prop(settings, name)
        column = layout.column(align=True)
        for operator, text in (
            ("a2p.export", "Export This Take"),
            ("a2p.export_starred", f"Export {len(takes.starred())} Starred"),
        ):
            button = column.operator(operator, text=text, icon="EXPORT")
            hand_over(button, settings, ExportProperties.__annotations__)
        layout.operator("a2p.head_mesh", icon="SHAPEKEY_DATA")


CLASSES = (A2P_PT_export,)
