"""Who performs the clip, and how; and what is under way."""

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
        draw_jobs(context, self.layout)


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


def draw_jobs(context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
    """What is under way and what waits, each with a way to stop it, or how the last job ended."""
    running, outcome = jobs.running(), jobs.outcome()
    if running is None:
        if outcome is not None:
            sentence(context, layout, outcome.message, "ERROR" if outcome.failed else "CHECKMARK")
        return
    box = layout.box().column(align=True)
    _draw_job(box, running, "PLAY")
    if running.progress is not None:
        compat.draw_progress(box, _stage(running), running.progress.fraction)
    for job in jobs.waiting():
        _draw_job(box, job, "SORTTIME")


def _draw_job(layout: bpy.types.UILayout, job: jobs.Running, icon: str) -> None:
    row = layout.row(align=True)
    row.label(text=job.label, icon=icon)
    row.operator("a2p.cancel", text="", icon="X", emboss=False).job = job.number


def _stage(job: jobs.Running) -> str:
    """The stage that a job is in, and how long it still takes."""
    left = job.seconds_left
    if left is None or job.progress.fraction >= 1.0:
        return job.progress.stage
    if left < 90:
        return f"{job.progress.stage}, {max(left, 1):.0f} s left"
    return f"{job.progress.stage}, {left / 60:.0f} min left"


CLASSES = (A2P_PT_performance, A2P_PT_quality)
