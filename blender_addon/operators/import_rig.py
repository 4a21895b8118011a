"""Bring a character in."""

from __future__ import annotations

import bpy
from bpy_extras.io_utils import ImportHelper

from ..scene import import_rig
from .reporting import chosen_path, reported


class A2P_OT_import_rig(ImportHelper, bpy.types.Operator):
    """Import a character of any format that Blender reads into a new scene of its own"""

    bl_idname = "a2p.import_rig"
    bl_label = "Import Rig"
    bl_options = {"REGISTER", "UNDO"}

    filter_glob: bpy.props.StringProperty(
        default=";".join(f"*{ending}" for ending in import_rig.ENDINGS), options={"HIDDEN"}
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            scene = import_rig.import_rig(chosen_path(self.filepath, "a character file"))
            if context.window is not None:
                context.window.scene = scene
            return {"FINISHED"}
        return {"CANCELLED"}


CLASSES = (A2P_OT_import_rig,)
