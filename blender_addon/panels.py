"""View3D > Sidebar > A2P, from top to bottom as the work goes."""

from __future__ import annotations

import textwrap

import bpy

from . import backend, compat, jobs
from .properties import GenerationProperties, PlateProperties
from .scene import takes


class _Sidebar:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "A2P"


class A2P_PT_backend(_Sidebar, bpy.types.Panel):
    bl_label = "Backend"

    def draw(self, context: bpy.types.Context) -> None:
        known = backend.known()
        if known is None:
            self.layout.label(text="Not connected", icon="UNLINKED")
        else:
            self.layout.label(text=f"Ready on {known.info.device} ({known.info.version})", icon="LINKED")
        row = self.layout.row(align=True)
        row.operator("a2p.connect")
        row.operator("a2p.start_backend")
        row.operator("a2p.stop_backend")


class A2P_PT_performance(_Sidebar, bpy.types.Panel):
    bl_label = "Performance"

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.a2p
        self.layout.prop(settings, "clip", text="")
        column = _form(self.layout)
        column.prop(settings, "actor")
        column.prop(settings, "seed")
        row = self.layout.row()
        row.scale_y = 1.5
        button = row.operator("a2p.generate", icon="OUTLINER_OB_ARMATURE")
        for name in GenerationProperties.__annotations__:
            setattr(button, name, getattr(settings, name))
        _draw_job(context, self.layout)


class A2P_PT_quality(_Sidebar, bpy.types.Panel):
    bl_label = "Advanced"
    bl_parent_id = "A2P_PT_performance"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        column = _form(self.layout)
        for name in (
            "preset",
            "steps",
            "face_guidance",
            "body_guidance",
            "top_p",
            "first_frame",
            "with_mesh",
        ):
            column.prop(context.scene.a2p, name)


class A2P_PT_take(_Sidebar, bpy.types.Panel):
    bl_label = "Take"

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


class A2P_PT_plate(_Sidebar, bpy.types.Panel):
    bl_label = "Plate"

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.a2p
        column = _form(self.layout)
        column.prop(settings, "plate_width")
        column.prop(settings, "plate_height")
        button = self.layout.operator("a2p.plate", icon="FILE_MOVIE")
        for name in PlateProperties.__annotations__:
            setattr(button, name, getattr(settings, name))


class A2P_PT_export(_Sidebar, bpy.types.Panel):
    bl_label = "Export"

    def draw(self, context: bpy.types.Context) -> None:
        row = self.layout.row(align=True)
        row.operator("a2p.export", text="FBX").format = "FBX"
        row.operator("a2p.export", text="BVH").format = "BVH"


def _form(layout: bpy.types.UILayout) -> bpy.types.UILayout:
    """A column of labelled fields."""
    column = layout.column(align=True)
    column.use_property_split = True
    column.use_property_decorate = False
    return column


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
        column = layout.column(align=True)
        room = context.region.width / context.preferences.system.ui_scale - 60
        for index, line in enumerate(textwrap.wrap(outcome.message, max(int(room / 7), 20))):
            icon = "BLANK1" if index else "ERROR" if outcome.failed else "CHECKMARK"
            column.label(text=line, icon=icon)


CLASSES = (
    A2P_PT_backend,
    A2P_PT_performance,
    A2P_PT_quality,
    A2P_PT_take,
    A2P_PT_plate,
    A2P_PT_export,
)
