"""Say by hand which bone of a rig is which, and what of its copy is corrected."""

from __future__ import annotations

import bpy
from bpy_extras.io_utils import ImportHelper

from kinematics.retarget.corrections import PLAIN
from kinematics.retarget.detection import detect
from kinematics.retarget.maps import save_map

from ..scene import retargeting, takes
from ..scene import rig as rigs
from .reporting import chosen_path, possible, reported
from .saving import SavedAs, with_ending


def _target(context: bpy.types.Context) -> bpy.types.Object:
    """The rig that the section is about. Raises A2PError."""
    name = context.scene.a2p.rig.target
    return rigs.find_armature(context.scene, name, "rig", apart_from=takes.find_rig(context))


class A2P_OT_detect_rig(bpy.types.Operator):
    """Find out what kind of rig it is, and fill the map with what is found"""

    bl_idname = "a2p.detect_rig"
    bl_label = "Detect Rig"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            settings, rig = context.scene.a2p.rig, _target(context)
            found = detect(rigs.describe(rig), retargeting.user_maps())
            settings.target, settings.map_file = rig.name, ""
            kind = found.bone_map.label if found.humanoid else "No humanoid"
            settings.detected = f"{kind}, {found.confidence:.0%} sure"
            settings.fill(rig.name, found.bone_map)
            for reason in found.reasons[1:]:
                self.report({"WARNING"}, reason)
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_load_map(ImportHelper, bpy.types.Operator):
    """Load a map file (.json) for this rig"""

    bl_idname = "a2p.load_map"
    bl_label = "Load Map"
    bl_options = {"REGISTER", "UNDO"}

    filename_ext = ".json"
    filter_glob: bpy.props.StringProperty(default="*.json", options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            path, rig = chosen_path(self.filepath, "a map"), _target(context)
            bone_map, *_ = retargeting.choose_map(rigs.describe(rig), rig.name, path)
            settings = context.scene.a2p.rig
            settings.target, settings.map_file, settings.detected = rig.name, str(path), bone_map.label
            settings.fill(rig.name, bone_map)
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_save_edited_map(SavedAs, bpy.types.Operator):
    """Save the map as it is shown to a file (.json), which Retarget then uses and others can load"""

    bl_idname = "a2p.save_edited_map"
    bl_label = "Save Map"

    filename_ext = ".json"
    filter_glob: bpy.props.StringProperty(default="*.json", options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        settings = context.scene.a2p.rig
        return possible(cls, settings.shows(settings.target), "There is no map yet: detect or load one")

    def subject(self, context: bpy.types.Context) -> str:
        return context.scene.a2p.rig.mapped

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            settings = context.scene.a2p.rig
            rig = rigs.find_armature(context.scene, settings.mapped, "rig")
            bone_map = settings.to_bone_map()
            bone_map.indices(rigs.describe(rig))  # raises MapError for what the rig lacks
            path = with_ending(chosen_path(self.filepath, "a file for the map"), self.filename_ext)
            save_map(path, bone_map)
            settings.map_file = str(path)
            self.report({"INFO"}, f"Saved {path}")
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_clear_correction(bpy.types.Operator):
    """Copy the chosen joint as it comes again: no offset, full influence"""

    bl_idname = "a2p.clear_correction"
    bl_label = "Clear Correction"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        joint = context.scene.a2p.rig.chosen_joint
        corrected = joint is not None and not joint.correction.is_plain
        return possible(cls, corrected, "This joint is copied as it comes: there is nothing to clear")

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.a2p.rig.chosen_joint.correct(PLAIN)
        return {"FINISHED"}


CLASSES = (A2P_OT_detect_rig, A2P_OT_load_map, A2P_OT_save_edited_map, A2P_OT_clear_correction)
