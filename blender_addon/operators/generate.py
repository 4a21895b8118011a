"""Perform a clip, or stop doing so."""

from __future__ import annotations

import bpy

from .. import jobs, work
from ..properties import GenerationProperties, settings_of
from ..scene.performance import Placement
from .reporting import chosen_path, reported


class A2P_OT_generate(GenerationProperties, bpy.types.Operator):
    """Perform the clip: a new rig that plays a new Action, and the clip as a sound strip"""

    bl_idname = "a2p.generate"
    bl_label = "Generate"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return jobs.running() is None

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            clip = chosen_path(self.clip, "a recording")
            placement = Placement(self.first_frame, self.with_mesh)
            jobs.start("Generating", work.generating(clip, settings_of(self), placement))
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_cancel(bpy.types.Operator):
    """Stop what is under way; the scene stays as it is"""

    bl_idname = "a2p.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return jobs.running() is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        jobs.cancel()
        return {"FINISHED"}


CLASSES = (A2P_OT_generate, A2P_OT_cancel)
