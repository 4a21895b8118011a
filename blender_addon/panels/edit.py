"""Change a take without losing it."""

from __future__ import annotations

import bpy

from .. import compat
from ..properties.edit import RangeProperties
from ..scene import layer_marks, takes
from .layout import Sidebar, form, hand_over, hint, sentence
from .progress import draw_jobs


class A2P_PT_edit(Sidebar, bpy.types.Panel):
    bl_label = "Edit"

    def draw(self, context: bpy.types.Context) -> None:
        rig = takes.find_rig(context)
        if rig is None:
            hint(self.layout, "Generate a take first")
            return
        self.layout.label(text=compat.playing(rig)[0].name, icon="ACTION")
        draw_jobs(context, self.layout, self.bl_label)


class _Part(Sidebar):
    bl_parent_id = "A2P_PT_edit"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return takes.find_rig(context) is not None


class A2P_PT_guide(_Part, bpy.types.Panel):
    bl_label = "Guide Poses"

    def draw(self, context: bpy.types.Context) -> None:
        rig = takes.find_rig(context)
        layout = self.layout
        if layer_marks.kind_of(compat.playing(rig)[0]) != layer_marks.GUIDE:
            layout.operator("a2p.show_guide", icon="HIDE_OFF")
            return
        sentence(context, layout, "Go to a marker, pose the rig in pose mode, and key the pose", "INFO")
        row = layout.row(align=True)
        for text, icon, onward in (("Previous", "PREV_KEYFRAME", False), ("Next", "NEXT_KEYFRAME", True)):
            row.operator("screen.marker_jump", text=text, icon=icon).next = onward
        layout.operator("a2p.regenerate_guide", text="Regenerate Around Keys", icon="FILE_REFRESH")
        layout.operator("a2p.hide_guide", icon="HIDE_ON")


class A2P_PT_range(_Part, bpy.types.Panel):
    bl_label = "Range"

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.a2p.edit, self.layout
        row = layout.row(align=True)
        row.prop(settings, "first")
        row.prop(settings, "last")
        row.operator("a2p.range_from_timeline", text="", icon="PREVIEW_RANGE")
        layout.label(text="Keep as they are:")
        flow = layout.grid_flow(columns=2, align=True, row_major=True)
        flow.prop(settings, "kept")
        row = layout.row(align=True)
        lock = row.operator("a2p.lock_range", icon="LOCKED")
        lock.first, lock.last = settings.first, settings.last
        hand_over(row.operator("a2p.regenerate_range", text="Regenerate"), settings, _SHARED)
        form(layout).prop(settings, "strength")
        vary = layout.operator("a2p.regenerate_range", text="Vary", icon="MOD_NOISE")
        hand_over(vary, settings, _SHARED)
        vary.vary = True
        _draw_locks(layout, takes.take_of(takes.find_rig(context)))


class A2P_PT_clean(_Part, bpy.types.Panel):
    bl_label = "Clean Up"

    def draw(self, context: bpy.types.Context) -> None:
        rig = takes.find_rig(context)
        column = self.layout.column(align=True)
        column.operator("a2p.simplify").armature = rig.name
        column.operator("a2p.smooth").armature = rig.name
        cleaned = compat.playing(rig)[0].a2p.cleaned
        if cleaned:
            sentence(context, self.layout, cleaned, "CHECKMARK")


class A2P_PT_tweak(_Part, bpy.types.Panel):
    bl_label = "Tweak Layer"

    def draw(self, context: bpy.types.Context) -> None:
        rig = takes.find_rig(context)
        column = self.layout.column(align=True)
        if layer_marks.kind_of(compat.playing(rig)[0]) != layer_marks.TWEAK:
            column.operator("a2p.add_tweak", icon="ADD")
            return
        column.label(text="Keys are added to the take")
        column.operator("a2p.push_down", icon="NLA_PUSHDOWN")
        column.operator("a2p.bake_down", icon="REC")
        column.operator("a2p.remove_layers", icon="X")


_SHARED = tuple(RangeProperties.__annotations__)


def _draw_locks(layout: bpy.types.UILayout, take: bpy.types.Action) -> None:
    origin = round(take.frame_range[0])
    column = layout.column(align=True)
    for index, lock in enumerate(take.a2p.locks):
        row = column.row(align=True)
        row.label(text=f"Frames {lock.first + origin} to {lock.end - 1 + origin}", icon="LOCKED")
        row.operator("a2p.unlock", text="", icon="X", emboss=False).index = index


CLASSES = (A2P_PT_edit, A2P_PT_guide, A2P_PT_range, A2P_PT_clean, A2P_PT_tweak)
