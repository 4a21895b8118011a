"""Copy a motion to a character's own rig, and take it back."""

from __future__ import annotations

from pathlib import Path

import bpy

from kinematics.errors import A2PError
from kinematics.retarget.maps import BoneMap, save_map

from ..properties.rig import RetargetProperties, options_of, suggest_armatures
from ..scene import retargeting, takes, units
from ..scene import rig as rigs
from .reporting import chosen_path, reported
from .saving import SavedAs, with_ending


class A2P_OT_retarget(RetargetProperties, bpy.types.Operator):
    """Copy the motion to another rig as a new Action; the rig and its other Actions stay as they are"""

    bl_idname = "a2p.retarget"
    bl_label = "Retarget"
    bl_options = {"REGISTER", "UNDO"}

    edited_map: bpy.props.BoolProperty(
        name="Edited Map",
        description="Use the map as it is shown in the sidebar, if it is for this rig, instead of Map",
        options={"SKIP_SAVE"},
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        with reported(self):
            source = _source(context, self.source, self.target)
            target = rigs.find_armature(scene, self.target, "rig", apart_from=source)
            action = source.animation_data.action if source.animation_data else None
            motion = retargeting.motion_of(source, units.frame_rate(scene))
            done = retargeting.retarget_onto(
                target,
                motion,
                f"{action.name} on {target.name}",
                scene,
                options_of(self),
                self._given_map(scene, target),
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

    def _given_map(self, scene: bpy.types.Scene, target: bpy.types.Object) -> BoneMap | Path | None:
        if self.edited_map and scene.a2p.rig.shows(target.name):
            return scene.a2p.rig.to_bone_map()
        return chosen_path(self.map_file, "a map") if self.map_file else None


class A2P_OT_restore_rig(bpy.types.Operator):
    """Give the rig back the Action, switches and pose that it had before Retarget; the new Action is kept"""

    bl_idname = "a2p.restore_rig"
    bl_label = "Restore Rig"
    bl_options = {"REGISTER", "UNDO"}

    target: bpy.props.StringProperty(
        name="Rig", description="The armature; empty: the scene's only one", search=suggest_armatures
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            retargeting.restore(rigs.find_armature(context.scene, self.target, "rig"))
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_save_map(SavedAs, bpy.types.Operator):
    """Save what is found of a rig to a map file (.json), to edit; without a name, where Detect looks first"""

    bl_idname = "a2p.save_map"
    bl_label = "Save Found Map"

    filename_ext = ".json"
    target: bpy.props.StringProperty(
        name="Rig", description="The armature; empty: the scene's only one", search=suggest_armatures
    )

    def subject(self, context: bpy.types.Context) -> str:
        return self.target

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            target = rigs.find_armature(context.scene, self.target, "rig")
            if self.filepath:
                path = with_ending(chosen_path(self.filepath, "a file for the map"), ".json")
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
