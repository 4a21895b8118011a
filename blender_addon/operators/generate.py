"""Perform a clip."""

from __future__ import annotations

from dataclasses import replace

import bpy

from .. import jobs
from ..properties.clip import ClipProperties
from ..properties.performance import GenerationProperties, settings_of
from ..scene import strips
from ..scene.performance import Placement
from ..services.clips import TrimmedClip, WholeClip
from ..services.generation import Order, generating
from .reporting import chosen_path, reported


class A2P_OT_generate(ClipProperties, GenerationProperties, bpy.types.Operator):
    """Perform the clip: a rig that plays the take as a new Action, and a sound strip of the clip"""

    bl_idname = "a2p.generate"
    bl_label = "Generate"

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            placement = Placement(self.first_frame, self.with_mesh, reuse_rig=not self.new_rig)
            if self.source == "strip":
                trim = strips.active_trim(context.scene)
                placement = replace(placement, first_frame=trim.first_frame, with_sound=False)
                clip = TrimmedClip(trim, strips.trims_folder())
            else:
                clip = WholeClip(chosen_path(self.clip, "a recording in the Clip section"))
            partner = (self.partner_actor or self.actor) if self.with_partner else None
            order = Order(clip, settings_of(self, self.speaker), placement)
            for each in order.multiplied(self.takes, partner):
                jobs.start(each.label, generating(each), "Performance")
            return {"FINISHED"}
        return {"CANCELLED"}


CLASSES = (A2P_OT_generate,)
