"""The map as the sidebar edits it: which bone is which, and what is corrected about the copy of each."""

from __future__ import annotations

import math

import bpy

from kinematics.errors import A2PError
from kinematics.retarget.corrections import LARGEST_OFFSET, PLAIN, Correction
from kinematics.retarget.maps import BoneMap
from kinematics.retarget.slots import SLOTS

_LIMIT = math.radians(LARGEST_OFFSET)
_DIGITS = 4
"""Of degrees and influences: Blender keeps single precision, and what the user typed is what counts."""


def suggest_bones(self: A2PJoint, context: bpy.types.Context, text: str) -> list[str]:
    """The bones of the rig in question whose names hold what was typed last."""
    rig = context.scene.objects.get(context.scene.a2p.rig.target)
    before, _, typed = text.rpartition(",")
    start = f"{before}, " if before else ""
    names = [bone.name for bone in rig.data.bones] if rig is not None and rig.type == "ARMATURE" else []
    return [f"{start}{name}" for name in names if typed.strip().lower() in name.lower()]


class A2PJoint(bpy.types.PropertyGroup):
    """A joint of a humanoid, the bones of a rig that are it, and how its copy is corrected.

    Its name is that of `kinematics.retarget.slots`.
    """

    bones: bpy.props.StringProperty(
        name="Bones",
        description="The bone, or for spine, neck and fingers the bones from the body outward, with commas",
        search=suggest_bones,
    )
    offset: bpy.props.FloatVectorProperty(
        name="Offset",
        description="Turn the bone on top of the copied motion, about its own axes (Y along the bone); "
        "what it carries turns along",
        size=3,
        subtype="EULER",
        min=-_LIMIT,
        max=_LIMIT,
    )
    influence: bpy.props.FloatProperty(
        name="Influence",
        description="How far the joint follows the motion: 1 all the way, 0 not at all",
        default=PLAIN.influence,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
    )

    @property
    def label(self) -> str:
        """The joint in words: "Upper Arm L"."""
        return self.name.replace("_", " ").replace(".", " ").title()

    @property
    def correction(self) -> Correction:
        """What is corrected, as the solver takes it."""
        x, y, z = (round(math.degrees(angle), _DIGITS) for angle in self.offset)
        return Correction((x, y, z), round(self.influence, _DIGITS))

    def correct(self, correction: Correction) -> None:
        """Take over a correction."""
        self.offset = [math.radians(angle) for angle in correction.offset]
        self.influence = correction.influence


class EditedMap:
    """A map in an editor, kept in the .blend: part of a section's settings."""

    joints: bpy.props.CollectionProperty(
        name="Map", description="Which bone of the rig is which", type=A2PJoint
    )
    joint: bpy.props.IntProperty(name="Joint", description="The joint that was clicked last")
    mapped: bpy.props.StringProperty(name="Mapped Rig", description="The armature that the map is for")

    def fill(self, rig: str, bone_map: BoneMap) -> None:
        """Show a map of the armature called `rig`, with a row for every joint."""
        self.joints.clear()
        self.mapped = rig
        for slot in SLOTS:
            joint = self.joints.add()
            joint.name = slot
            joint.bones = ", ".join(bone_map[slot])
            joint.correct(bone_map.corrections.get(slot, PLAIN))

    @property
    def chosen_joint(self) -> A2PJoint | None:
        """The joint that was clicked last; None where no map is shown."""
        return self.joints[self.joint] if 0 <= self.joint < len(self.joints) else None

    def shows(self, rig: str) -> bool:
        """Whether the map that is shown is for the armature called `rig`."""
        return bool(rig) and self.mapped == rig and len(self.joints) > 0

    def to_bone_map(self) -> BoneMap:
        """The map as it is shown. Raises A2PError where it is empty."""
        bones = {joint.name: _split(joint.bones) for joint in self.joints if joint.bones.strip()}
        if not bones:
            raise A2PError("The map is empty: name at least the hips, or press Detect Rig.")
        corrections = {joint.name: joint.correction for joint in self.joints if not joint.correction.is_plain}
        return BoneMap(self.mapped, bones, corrections)


def _split(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


CLASSES = (A2PJoint,)
