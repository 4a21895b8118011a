"""Who performs the clip, and how."""

from __future__ import annotations

import bpy

from .. import compat, jobs
from ..properties.clip import ClipProperties
from ..properties.performance import GenerationProperties
from .layout import Sidebar, form, hand_over, sentence


class A2P_PT_performance(Sidebar, bpy.types.Panel):
    bl_label = "Performance"

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.a2p
        column = form(self.layout)
        column.prop(settings.performance, "actor")
        column.prop(settings.performance, "preset")
        column.prop(settings.performance, "seed")
        row = self.layout.row()
        row.scale_y = 1.5
        button = row.operator("a2p.generate", icon="OUTLINER_OB_ARMATURE")
        hand_over(button, settings.clip, ClipProperties.__annotations__)
        hand_over(button, settings.performance, GenerationProperties.__annotations__)
        _draw_job(context, self.layout)


class A2P_PT_quality(Sidebar, bpy.types.Panel):
    bl_label = "Advanced"
    bl_parent_id = "A2P_PT_performance"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        column = form(self.layout)
        for name in ("steps", "face_guidance", "body_guidance", "top_p", "first_frame", "with_mesh"):
            column.prop(context.scene.a2p.performance, name)


def _draw_job(context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
    """What is under way with a way to stop it, or how the last job ended."""
    running, outcome = jobs.running(), jobs.outcome()
    if running is not None:
        progress = running.progress
        layout.label(text=running.label, icon="SORTTIME")
        if progress is not None:
            compat.draw_progress(layout, progress.stage, progress.fraction)
        layout.operator("a2p.cancel", icon="CANCEL")
    elif outcome is not None:
        sentence(context, layout, outcome.message, "ERROR" if outcome.failed else "CHECKMARK")


CLASSES = (A2P_PT_performance, A2P_PT_quality)
