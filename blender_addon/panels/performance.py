"""Who performs the clip, and how."""

from __future__ import annotations

import bpy

from ..properties.clip import ClipProperties
from ..properties.performance import GenerationProperties
from .layout import Sidebar, form, hand_over
from .progress import draw_jobs


class A2P_PT_performance(Sidebar, bpy.types.Panel):
    bl_label = "Performance"

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.a2p
        column = form(self.layout)
        column.prop(settings.performance, "actor")
        column.prop(settings.performance, "preset")
        column.separator()
        row = column.row(align=True)
        row.prop(settings.performance, "seed")
        row.operator("a2p.reroll", text="", icon="FILE_REFRESH")
        column.prop(settings.performance, "takes")
        row = self.layout.row()
        row.scale_y = 1.5
        button = row.operator("a2p.generate", icon="OUTLINER_OB_ARMATURE")
        hand_over(button, settings.clip, ClipProperties.__annotations__)
        hand_over(button, settings.performance, GenerationProperties.__annotations__)
        draw_jobs(context, self.layout, self.bl_label)


class A2P_PT_quality(Sidebar, bpy.types.Panel):
    bl_label = "Advanced"
    bl_parent_id = "A2P_PT_performance"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.a2p.performance
        column = form(self.layout)
        column.label(text="Guidance")
        column.prop(settings, "face_guidance", text="Face")
        column.prop(settings, "body_guidance", text="Body")
        column.separator()
        for name in ("top_p", "steps"):
            column.prop(settings, name)
        column.separator()
        for name in ("first_frame", "with_mesh", "new_rig"):
            column.prop(settings, name)


CLASSES = (A2P_PT_performance, A2P_PT_quality)
