"""The character that receives the motion."""

from __future__ import annotations

from typing import Any

import bpy

from ..properties.rig import RetargetProperties
from .layout import Sidebar, form, hand_over, hint


class A2P_PT_rig(Sidebar, bpy.types.Panel):
    bl_label = "Rig"

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.a2p.rig, self.layout
        row = layout.row(align=True)
        row.prop_search(settings, "target", context.scene, "objects", text="", icon="ARMATURE_DATA")
        row.operator("a2p.detect_rig", text="", icon="VIEWZOOM")
        if settings.detected:
            layout.label(text=settings.detected, icon="INFO")
        row = layout.row()
        row.scale_y = 1.3
        button = row.operator("a2p.retarget", icon="CON_ARMATURE")
        hand_over(button, settings, RetargetProperties.__annotations__)
        layout.operator("a2p.restore_rig", icon="LOOP_BACK").target = settings.target
        layout.separator()
        row = layout.row(align=True)
        button = row.operator("a2p.apply_face", icon="SHAPEKEY_DATA")
        button.target, button.shape_keys = settings.face_target or settings.target, settings.face_shape_keys
        form(layout).prop_search(settings, "face_target", context.scene, "objects", icon="MESH_DATA")


class A2P_PT_rig_options(Sidebar, bpy.types.Panel):
    bl_label = "Options"
    bl_parent_id = "A2P_PT_rig"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        column = form(self.layout)
        for name in ("root_motion", "hips_height", "plant_feet", "reach_hands", "fingers"):
            column.prop(context.scene.a2p.rig, name)
        column.prop(context.scene.a2p.rig, "face_shape_keys")


class A2P_UL_slots(bpy.types.UIList):
    """Slots of a humanoid, and the bones that fill them."""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: Any,
        item: Any,
        icon: int,
        active_data: Any,
        active_property: str,
        index: int,
        flag: int,
    ) -> None:
        split = layout.split(factor=0.45)
        split.label(text=item.name.replace("_", " "))
        split.prop(item, "bones", text="", emboss=False)


class A2P_PT_map(Sidebar, bpy.types.Panel):
    bl_label = "Map"
    bl_parent_id = "A2P_PT_rig"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.a2p.rig, self.layout
        if len(settings.slots):
            layout.template_list("A2P_UL_slots", "", settings, "slots", settings, "slot", rows=6)
        else:
            hint(layout, "Detect, or load a map")
        row = layout.row(align=True)
        row.operator("a2p.load_map", text="Load", icon="IMPORT")
        row.operator("a2p.save_edited_map", text="Save", icon="EXPORT")
        layout.prop(settings, "map_file", text="")


CLASSES = (A2P_UL_slots, A2P_PT_rig, A2P_PT_rig_options, A2P_PT_map)
