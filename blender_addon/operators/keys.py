"""Cleaner keys in a new Action: fewer of them, or without shake."""

from __future__ import annotations

import bpy
import numpy as np

from kinematics.curves.error_bound import ErrorBound
from kinematics.errors import A2PError

from .. import compat
from ..scene import keys, takes, units
from ..scene.action_curves import find_animated
from .reporting import possible, reported


class _OnArmature:
    bl_options = {"REGISTER", "UNDO"}

    armature: bpy.props.StringProperty(
        name="Rig",
        description="The armature whose Action to work on; empty: the active one, or else the newest take's",
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        rigs = [member for member in context.scene.objects if member.type == "ARMATURE"]
        moves = any(compat.playing(rig)[0] for rig in rigs)
        return possible(cls, moves, "No armature of this scene is animated")

    def chosen(self, context: bpy.types.Context) -> bpy.types.Object:
        """The armature to work on. Raises A2PError where there is none, or it plays nothing."""
        active = context.object
        if active is None or active.type != "ARMATURE":
            active = takes.find_rig(context)
        return find_animated(context.scene, active, self.armature)


class A2P_OT_simplify(_OnArmature, bpy.types.Operator):
    """Copy what the rig plays to a new Action with as few Bezier keys as the stated error allows"""

    bl_idname = "a2p.simplify"
    bl_label = "Simplify Keys"

    rotation_error: bpy.props.FloatProperty(
        name="Rotation",
        description="Degrees by which any bone may turn away from where it was in the world",
        default=float(np.rad2deg(ErrorBound.rotation)),
        min=0.001,
        soft_max=5.0,
        max=180.0,
    )
    hand_error: bpy.props.FloatProperty(
        name="Hands",
        description="Millimetres by which the hands may move away from where they were",
        default=1000.0 * ErrorBound.hand,
        min=0.001,
        soft_max=20.0,
    )
    value_error: bpy.props.FloatProperty(
        name="Values",
        description="By how much a face control, from 0 to 1, or another custom property may differ",
        default=ErrorBound.value,
        min=1e-5,
        soft_max=0.1,
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            bound = ErrorBound(np.deg2rad(self.rotation_error), self.hand_error / 1000.0, self.value_error)
            rig = self.chosen(context)
            done = keys.simplify(rig, bound, units.metres_per_unit(context.scene))
            done.action.a2p.cleaned = done.figures
            self.report({"INFO"}, done.summary)
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_smooth(_OnArmature, bpy.types.Operator):
    """Copy what the rig plays to a new Action without its fast shake; nothing moves in time"""

    bl_idname = "a2p.smooth"
    bl_label = "Smooth Motion"

    cutoff: bpy.props.FloatProperty(
        name="Frequency",
        description="Motion that goes back and forth more often than this a second is taken out",
        default=5.0,
        min=0.05,
        soft_max=15.0,
        max=1000.0,
    )
    use_range: bpy.props.BoolProperty(name="Range Only", description="Only from first to last frame")
    frame_start: bpy.props.IntProperty(name="First", description="First frame to smooth", default=1)
    frame_end: bpy.props.IntProperty(name="Last", description="Last frame to smooth", default=250)
    selected_only: bpy.props.BoolProperty(
        name="Selected Bones", description="Only bones that are selected in pose mode"
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            rig = self.chosen(context)
            frames = range(self.frame_start, self.frame_end + 1) if self.use_range else None
            if frames is not None and not frames:
                raise A2PError("The first frame to smooth comes after the last: choose a range of frames.")
            bones = compat.selected_bones(rig) if self.selected_only else None
            action = keys.smooth_motion(rig, self.cutoff, units.frame_rate(context.scene), frames, bones)
            action.a2p.cleaned = f"Smoothed to {self.cutoff:g} Hz"
            self.report({"INFO"}, f"{action.a2p.cleaned}: {action.name}")
            return {"FINISHED"}
        return {"CANCELLED"}


CLASSES = (A2P_OT_simplify, A2P_OT_smooth)
