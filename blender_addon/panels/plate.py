"""The video that the animator works against."""

from __future__ import annotations

import bpy

from ..properties.plate import PlateProperties
from .layout import Sidebar, form, hand_over


class A2P_PT_plate(Sidebar, bpy.types.Panel):
    bl_label = "Plate"

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.a2p.plate
        column = form(self.layout)
        column.prop(settings, "plate_width")
        column.prop(settings, "plate_height")
        button = self.layout.operator("a2p.plate", icon="FILE_MOVIE")
        hand_over(button, settings, PlateProperties.__annotations__)


CLASSES = (A2P_PT_plate,)
