"""Hand the take to another program."""

from __future__ import annotations

import bpy
from bpy_extras.io_utils import ExportHelper

from ..scene import export, takes
from .reporting import chosen_path, reported

_EXPORTERS = {"FBX": export.export_fbx, "BVH": export.export_bvh}


class A2P_OT_export(ExportHelper, bpy.types.Operator):
    """Export the rig with the take that it plays, and nothing else of the scene"""

    bl_idname = "a2p.export"
    bl_label = "Export Take"

    filename_ext = ""
    check_extension = None

    format: bpy.props.EnumProperty(
        name="Format",
        items=(
            ("FBX", "FBX", "Rig, body mesh and motion"),
            ("BVH", "BVH", "Bones and motion, in centimetres with Y up"),
        ),
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return takes.find_rig(context) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            target = chosen_path(self.filepath, "a file to export to")
            target = target.with_suffix(f".{self.format.lower()}")
            _EXPORTERS[self.format](context.scene, takes.find_rig(context), target)
            self.report({"INFO"}, f"Exported {target}")
            return {"FINISHED"}
        return {"CANCELLED"}


CLASSES = (A2P_OT_export,)
