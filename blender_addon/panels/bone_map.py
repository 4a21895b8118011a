"""The map editor: joints, the bones that are them, and what is corrected about each one's copy."""

from __future__ import annotations

from typing import Any

import bpy

from ..properties.bone_map import A2PJoint
from .layout import Sidebar, form, hint, room

_ROOMY = 320
"""Width from which on the list shows corrections in figures; see `room`."""


class A2P_UL_joints(bpy.types.UIList):
    """Joints of a humanoid, the bones that are them, and whether their copy is corrected."""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: Any,
        item: A2PJoint,
        icon: int,
        active_data: Any,
        active_property: str,
        index: int,
        flag: int,
    ) -> None:
        roomy = room(context) >= _ROOMY
        if not roomy and not item.bones:
            layout.label(text=item.label)
            return
        split = layout.split(factor=0.3 if roomy else 0.5)
        split.label(text=item.label)
        row = split.row(align=True)
        if roomy:
            row.prop(item, "bones", text="", emboss=False)
            cell = row.row()
            cell.ui_units_x = 7
            cell.label(text=_in_figures(item))
        else:
            row.label(text=_short(item.bones))
            if not item.correction.is_plain:
                row.label(text="", icon="MODIFIER")


class A2P_PT_map(Sidebar, bpy.types.Panel):
    bl_label = "Map"
    bl_parent_id = "A2P_PT_rig"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.a2p.rig, self.layout
        if settings.shows(settings.target):
            layout.template_list("A2P_UL_joints", "", settings, "joints", settings, "joint", rows=6)
            if settings.chosen_joint is not None:
                _draw_joint(layout.box(), settings.chosen_joint)
        else:
            hint(layout, "Detect, or load a map")
        row = layout.row(align=True)
        row.operator("a2p.load_map", text="Load", icon="IMPORT")
        row.operator("a2p.save_edited_map", text="Save", icon="EXPORT")


def _draw_joint(layout: bpy.types.UILayout, joint: A2PJoint) -> None:
    """What is said of one joint, to edit."""
    row = layout.row(align=True)
    row.label(text=joint.label, icon="BONE_DATA")
    row.operator("a2p.clear_correction", text="", icon="LOOP_BACK", emboss=False)
    column = form(layout)
    column.prop(joint, "bones")
    column.prop(joint, "offset")
    column.prop(joint, "influence", slider=True)


def _short(bones: str) -> str:
    """Bones without what a whole rig's names begin with, such as "mixamorig:"."""
    return ", ".join(name.rpartition(":")[2].strip() for name in bones.split(","))


def _in_figures(joint: A2PJoint) -> str:
    correction = joint.correction
    parts = []
    if any(correction.offset):
        parts.append(" ".join(f"{round(angle, 1):g}°" for angle in correction.offset))
    if correction.influence != 1.0:
        parts.append(f"{correction.influence:.0%}")
    return ", ".join(parts)


CLASSES = (A2P_UL_joints, A2P_PT_map)
