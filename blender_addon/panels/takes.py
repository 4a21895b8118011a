"""The takes in the file."""

from __future__ import annotations

import bpy

from ..scene import takes
from .layout import Sidebar


class A2P_PT_takes(Sidebar, bpy.types.Panel):
    bl_label = "Takes"

    def draw(self, context: bpy.types.Context) -> None:
        rig = takes.find_rig(context)
        if rig is None:
            self.layout.label(text="Generate a take first", icon="INFO")
            return
        action = rig.animation_data.action
        first, last = action.frame_range
        column = self.layout.column(align=True)
        column.label(text=action.name, icon="ACTION")
        column.label(text=rig.name, icon="ARMATURE_DATA")
        column.label(text=f"Frames {first:.0f} to {last:.0f}", icon="PREVIEW_RANGE")


CLASSES = (A2P_PT_takes,)
