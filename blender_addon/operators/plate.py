"""Render the video that the animator works against."""

from __future__ import annotations

import bpy

from a2p_backend.wire.settings import PlateSettings
from kinematics.errors import A2PError

from .. import jobs
from ..properties.plate import PlateProperties
from ..scene import takes
from ..services.plates import PlateOrder, rendering_plate
from .reporting import NO_TAKE, chosen_path, possible, reported


class A2P_OT_plate(PlateProperties, bpy.types.Operator):
    """Render the take's plate; show it behind the rig, through a camera of its own, and in the compositor"""

    bl_idname = "a2p.plate"
    bl_label = "Render Plate"

    filepath: bpy.props.StringProperty(
        name="Plate",
        description="The video file to write (.mp4); empty: beside the .blend",
        subtype="FILE_PATH",
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return possible(cls, takes.find_rig(context) is not None, NO_TAKE)

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            action = takes.take_of(takes.require_rig(context))
            if not self.filepath and not bpy.data.is_saved:
                raise A2PError("Save the .blend first: the plate is written beside it.")
            order = PlateOrder(
                performance=takes.attached_performance(action),
                clip=takes.attached_clip(action),
                target=chosen_path(self.filepath or f"//{action.name} plate.mp4", "a file for the plate"),
                first_frame=int(action.frame_range[0]),
            )
            settings = PlateSettings(width=self.plate_width, height=self.plate_height)
            jobs.start("Rendering the plate", rendering_plate(order, settings), "Plate")
            return {"FINISHED"}
        return {"CANCELLED"}


CLASSES = (A2P_OT_plate,)
