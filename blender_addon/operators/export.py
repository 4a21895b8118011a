"""Hand the take to another program."""

from __future__ import annotations

import math

import bpy

from kinematics.curves.error_bound import ErrorBound

from .. import compat
from ..properties.export import FORMATS, PROGRAMS
from ..scene import export, takes
from ..scene import rig as rigs
from .reporting import chosen_path, possible, reported
from .saving import SavedAs, with_ending

_ENDINGS = (*export.FORMATS.values(), ".usd", ".usda")
_SCENE_RATE = 0.0
"""A frame rate that stands for the scene's."""


class A2P_OT_export(SavedAs, bpy.types.Operator):
    """Export the rig with the take that it plays, and nothing else of the scene"""

    bl_idname = "a2p.export"
    bl_label = "Export Take"

    filename_ext = ""
    check_extension = None

    format: bpy.props.EnumProperty(
        name="Format",
        description="The kind of file",
        items=FORMATS,
    )
    rig: bpy.props.StringProperty(name="Rig", description="The armature; empty: the rig of the newest take")
    preset: bpy.props.EnumProperty(
        name="For",
        description="Axes, bones and names as a program expects them",
        items=PROGRAMS,
    )
    fps: bpy.props.FloatProperty(
        name="Frame Rate",
        description="Frames a second of the file; 0: the scene's",
        default=_SCENE_RATE,
        min=_SCENE_RATE,
        max=1000.0,
    )
    deform_only: bpy.props.BoolProperty(
        name="Deform Bones Only", description="Leave out bones that move no skin, whatever the program"
    )
    root_bone: bpy.props.BoolProperty(
        name="Root Motion", description="Let a root bone travel as the hips do, whatever the program"
    )

    simplify: bpy.props.FloatProperty(
        name="Simplify",
        description="glTF with few curve keys, each bone within so many degrees; 0: a key in every frame, as "
        "the other formats have",
        default=0.0,
        min=0.0,
        max=10.0,
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        there = any(member.type == "ARMATURE" for member in context.scene.objects)
        return possible(cls, there, "There is no armature to export in this scene")

    def subject(self, context: bpy.types.Context) -> str:
        rig = context.scene.objects.get(self.rig) if self.rig else takes.find_rig(context)
        action = compat.playing(rig)[0] if rig is not None else None
        return action.name if action is not None else ""

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            rig = None if self.rig else takes.find_rig(context)
            rig = rig or rigs.find_armature(context.scene, self.rig, "rig")
            target = chosen_path(self.filepath, "a file to export to")
            target = with_ending(target, export.FORMATS[self.format.lower()], _ENDINGS)
            options = export.ExportOptions(
                preset=self.preset,
                fps=round(self.fps, 4) or None,
                deform_only=self.deform_only or None,
                root_bone=self.root_bone or None,
                bound=ErrorBound(rotation=math.radians(self.simplify)) if self.simplify else None,
            )
            export.export(context.scene, rig, target, options)
            self.report({"INFO"}, f"Exported {target}")
            return {"FINISHED"}
        return {"CANCELLED"}


CLASSES = (A2P_OT_export,)
