"""Perform a clip."""

from __future__ import annotations

import bpy

from .. import jobs
from ..properties.clip import ClipProperties
from ..properties.performance import GenerationProperties, settings_of
from ..scene.performance import Placement
from ..services.generation import Order, generating
from .reporting import chosen_path, reported


class A2P_OT_generate(ClipProperties, GenerationProperties, bpy.types.Operator):
    """Perform the clip: a rig that plays a new Action, and the clip as a sound strip"""

    bl_idname = "a2p.generate"
    bl_label = "Generate"

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            clip = chosen_path(self.clip, "a recording")
            placement = Placement(self.first_frame, self.with_mesh, reuse_rig=not self.new_rig)
            partner = (self.partner_actor or self.actor) if self.with_partner else None
            order = Order(clip, settings_of(self, self.speaker), placement)
            for each in order.multiplied(self.takes, partner):
                jobs.start(f"Generating {each.label}", generating(each))
            return {"FINISHED"}
        return {"CANCELLED"}


CLASSES = (A2P_OT_generate,)
