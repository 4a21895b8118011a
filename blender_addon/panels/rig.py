"""The character that receives the motion."""

from __future__ import annotations

import bpy

from ..properties.rig import RetargetProperties, suggest_targets
from .layout import Sidebar, form, hand_over, hint
from .progress import draw_jobs


class A2P_PT_rig(Sidebar, bpy.types.Panel):
    bl_label = "Rig"

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.a2p.rig, self.layout
        row = layout.row(align=True)
        row.prop(settings, "target", text="", icon="ARMATURE_DATA")
        row.operator("a2p.detect_rig", text="", icon="VIEWZOOM")
        if settings.shows(settings.target) and settings.detected:
            layout.label(text=settings.detected, icon="INFO")
        elif not settings.target:
            hint(
                layout,
                "Choose your character"
                if suggest_targets(settings, context, "")
                else "Import your character",
            )
        row = layout.row()
        row.scale_y = 1.3
        button = row.operator("a2p.retarget", icon="CON_ARMATURE")
        hand_over(button, settings, RetargetProperties.__annotations__)
        button.edited_map = settings.shows(settings.target)
        layout.operator("a2p.restore_rig", icon="LOOP_BACK").target = settings.target
        layout.separator()
        row = layout.row(align=True)
        button = row.operator("a2p.apply_face", icon="SHAPEKEY_DATA")
        button.target, button.shape_keys = settings.face_target or settings.target, settings.face_shape_keys
        form(layout).prop(settings, "face_target", icon="MESH_DATA")
        draw_jobs(context, layout, self.bl_label)


class A2P_PT_rig_options(Sidebar, bpy.types.Panel):
    bl_label = "Options"
    bl_parent_id = "A2P_PT_rig"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        column = form(self.layout)
        for name in ("root_motion", "hips_height", "plant_feet", "reach_hands", "fingers"):
            column.prop(context.scene.a2p.rig, name)
        column.prop(context.scene.a2p.rig, "face_shape_keys", text="Shape Keys")


CLASSES = (A2P_PT_rig, A2P_PT_rig_options)
