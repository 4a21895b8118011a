"""Copy a motion to a character's own rig, and take it back."""

from __future__ import annotations

import bpy
from bpy_extras.io_utils import ExportHelper

from kinematics.errors import A2PError
from kinematics.retarget.maps import save_map
from kinematics.retarget.solver import RetargetOptions

from ..scene import retargeting, takes
from ..scene import rig as rigs
from .reporting import chosen_path, reported


def suggest_armatures(self: object, context: bpy.types.Context, text: str) -> list[str]:
    """The scene's armatures whose names hold what was typed."""
    names = [member.name for member in context.scene.objects if member.type == "ARMATURE"]
    return [name for name in names if text.lower() in name.lower()]


class RetargetProperties:
    """How a motion goes to another rig: the same settings in the panel and for the operator."""

    source: bpy.props.StringProperty(
        name="Source",
        description="The armature whose motion is copied; empty: the rig of the newest take",
        search=suggest_armatures,
    )
    target: bpy.props.StringProperty(
        name="Rig",
        description="The armature that receives the motion; empty: the only other one",
        search=suggest_armatures,
    )
    map_file: bpy.props.StringProperty(
        name="Map",
        description="A file that says which bone is which (.json); empty: found by name and shape",
        subtype="FILE_PATH",
    )
    root_motion: bpy.props.EnumProperty(
        name="Travel",
        description="What moves over the floor",
        items=(
            ("hips", "Hips", "The hips travel, and the root bone stays"),
            ("root", "Root Bone", "The root bone travels, as game engines want it"),
            ("none", "In Place", "The figure stays where it rests"),
        ),
        default=RetargetOptions.root_motion,
    )
    hips_height: bpy.props.FloatProperty(
        name="Hips Height",
        description="How high the hips are carried; 1: as in the source",
        default=RetargetOptions.hips_height,
        min=0.5,
        max=1.5,
    )
    plant_feet: bpy.props.BoolProperty(
        name="Plant Feet",
        description="Hold the feet still while the source's feet stand",
        default=True,
    )
    reach_hands: bpy.props.BoolProperty(
        name="Reach Hands",
        description="Keep the hands where the source has them, seen from between the shoulders",
        default=False,
    )
    fingers: bpy.props.BoolProperty(
        name="Fingers",
        description="Copy the fingers too",
        default=RetargetOptions.fingers,
    )


def options_of(source: RetargetProperties) -> RetargetOptions:
    """Options from an operator or a panel's properties."""
    return RetargetOptions(
        plant_feet=source.plant_feet,
        reach_hands=source.reach_hands,
        root_motion=source.root_motion,
        hips_height=round(source.hips_height, 6),
        fingers=source.fingers,
    )


class A2P_OT_retarget(RetargetProperties, bpy.types.Operator):
    """Copy the motion to another rig as a new Action; the rig and its other Actions stay as they are"""

    bl_idname = "a2p.retarget"
    bl_label = "Retarget"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        with reported(self):
            source = _source(context, self.source, self.target)
            target = rigs.find_armature(scene, self.target, "rig", apart_from=source)
            map_file = chosen_path(self.map_file, "a map") if self.map_file else None
            action = source.animation_data.action if source.animation_data else None
            motion = retargeting.motion_of(source, scene.render.fps / scene.render.fps_base)
            done = retargeting.retarget_onto(
                target,
                motion,
                f"{action.name} on {target.name}",
                scene,
                options_of(self),
                map_file,
                first_frame=round(action.frame_range[0]),
            )
            for note in done.notes:
                self.report({"WARNING"}, note)
            count = sum(map(len, done.bone_map.bones.values()))
            self.report(
                {"INFO"}, f"{target.name} plays {done.action.name}: {done.bone_map.label}, {count} bones"
            )
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_restore_rig(bpy.types.Operator):
    """Give the rig back the Action, switches and pose that it had before Retarget; the new Action is kept"""

    bl_idname = "a2p.restore_rig"
    bl_label = "Restore Rig"
    bl_options = {"REGISTER", "UNDO"}

    target: bpy.props.StringProperty(name="Rig", search=suggest_armatures)

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            retargeting.restore(rigs.find_armature(context.scene, self.target, "rig"))
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_save_map(ExportHelper, bpy.types.Operator):
    """Save which bone of a rig is which, to edit; maps in the add-on's own folder are tried first"""

    bl_idname = "a2p.save_map"
    bl_label = "Save Map"

    filename_ext = ".json"
    target: bpy.props.StringProperty(name="Rig", search=suggest_armatures)

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            target = rigs.find_armature(context.scene, self.target, "rig")
            if self.filepath:
                path = chosen_path(self.filepath, "a file for the map").with_suffix(".json")
            else:
                path = retargeting.maps_folder() / f"{bpy.path.clean_name(target.name)}.json"
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise A2PError(f"Cannot make the folder {path.parent}: {error.strerror}.") from error
            save_map(path, retargeting.found_map(rigs.describe(target), target.name))
            self.report({"INFO"}, f"Saved {path}")
            return {"FINISHED"}
        return {"CANCELLED"}


def _source(context: bpy.types.Context, name: str, target: str) -> bpy.types.Object:
    """The armature to copy from. Raises A2PError."""
    take = None if name else takes.find_rig(context)
    if take is not None and take.name != target:
        return take
    excluded = context.scene.objects.get(target) if target else None
    return rigs.find_armature(context.scene, name, "source", apart_from=excluded)


CLASSES = (A2P_OT_retarget, A2P_OT_restore_rig, A2P_OT_save_map)
