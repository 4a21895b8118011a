"""How a motion goes to another rig."""

from __future__ import annotations

import bpy

from kinematics.retarget.options import RetargetOptions

from ..scene import takes
from . import bone_map
from .bone_map import EditedMap


def suggest_armatures(self: object, context: bpy.types.Context, text: str) -> list[str]:
    """The scene's armatures whose names hold what was typed."""
    names = [member.name for member in context.scene.objects if member.type == "ARMATURE"]
    return [name for name in names if text.lower() in name.lower()]


def suggest_targets(self: object, context: bpy.types.Context, text: str) -> list[str]:
    """As `suggest_armatures`, without those that were built for takes."""
    names = suggest_armatures(self, context, text)
    return [name for name in names if not takes.is_built(context.scene.objects[name])]


def suggest_faces(self: object, context: bpy.types.Context, text: str) -> list[str]:
    """The scene's meshes and armatures whose names hold what was typed."""
    names = [member.name for member in context.scene.objects if member.type in ("MESH", "ARMATURE")]
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
        search=suggest_targets,
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
        description="Hold the feet still while the performer's feet stand",
        default=True,
    )
    reach_hands: bpy.props.BoolProperty(
        name="Reach Hands",
        description="Bring the hands near to where the performer has them, in relation to the shoulders, "
        "as far as a few degrees of the arms' directions do; hands that touch keep touching",
        default=True,
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


class A2PRigSettings(RetargetProperties, EditedMap, bpy.types.PropertyGroup):
    """The Rig section's settings, kept in the .blend."""

    face_target: bpy.props.StringProperty(
        name="Face",
        description="The mesh, or the armature that carries meshes, whose face moves; empty: the rig's",
        search=suggest_faces,
    )
    face_shape_keys: bpy.props.BoolProperty(
        name="Face Shape Keys",
        description="Apply Face keys shape keys; off: it turns the jaw and eye bones",
        default=True,
    )
    detected: bpy.props.StringProperty(name="Type", description="What kind of rig it was found to be")


CLASSES = (*bone_map.CLASSES, A2PRigSettings)
