"""The take for other programs."""

from __future__ import annotations

import bpy

from .layout import Sidebar


class A2P_PT_export(Sidebar, bpy.types.Panel):
    bl_label = "Export"

    def draw(self, context: bpy.types.Context) -> None:
        row = self.layout.row(align=True)
        row.operator("a2p.export", text="FBX").format = "FBX"
        row.operator("a2p.export", text="BVH").format = "BVH"


CLASSES = (A2P_PT_export,)
