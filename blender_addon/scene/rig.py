"""An armature object as `kinematics.retarget` sees rigs, and what it plays as a motion to copy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import bpy
import numpy as np
from mathutils import Matrix

from kinematics.arrays import FloatArray
from kinematics.errors import A2PError
from kinematics.retarget.rig import Rig

from .. import compat
from . import isolation

_FULL = 1.0 - 1e-4
"""The influence from which on a constraint leaves nothing of the bone's own."""


def find_armature(
    scene: bpy.types.Scene, name: str, what: str, apart_from: bpy.types.Object | None = None
) -> bpy.types.Object:
    """The armature object called `name`, or the scene's only one where that is empty. Raises A2PError.

    what: what it is to be, "rig" or "source", for the message. apart_from: one that does not count.
    """
    armatures = [member for member in scene.objects if member.type == "ARMATURE" and member != apart_from]
    listed = ", ".join(member.name for member in armatures)
    if name:
        found = next((member for member in armatures if member.name == name), None)
        if found is None:
            raise A2PError(
                f"There is no armature called {name}: choose a {what} among {listed}."
                if armatures
                else f"There is no armature called {name}, nor any other: import or link a {what} first."
            )
        return found
    if not armatures:
        raise A2PError(f"There is no armature to be the {what}: import or link one first.")
    if len(armatures) > 1:
        raise A2PError(f"There are {len(armatures)} armatures: choose the {what} by name, one of {listed}.")
    return armatures[0]


def describe(armature: bpy.types.Object) -> Rig:
    """The rig in its rest pose, with what its constraints make follow what, FK switches on. RigError.

    The object, its pose and its switches are as before when this returns.
    """
    with rest_with_fk(armature) as posed:
        rig = _described(armature, posed)
    # What drivers set from the switches follows them back.
    bpy.context.view_layer.update()
    return rig


def fk_switches(armature: bpy.types.Object) -> dict[tuple[str, str], float]:
    """What makes a control rig's limbs, neck and head follow rotations of their own bones.

    Keys are (bone, custom property); values are what to set. Rigify's names: IK_FK on the limbs' parents,
    neck_follow and head_follow on the torso, where 1 makes them turn with the body that carries them.
    """
    return {
        (bone.name, name): 1.0
        for bone in armature.pose.bones
        for name in ("IK_FK", "neck_follow", "head_follow")
        if isinstance(bone.get(name), (int, float))
    }


@contextmanager
def rest_with_fk(armature: bpy.types.Object) -> Iterator[bpy.types.Object]:
    """The evaluated armature, at rest and without its action, for as long as the block takes."""
    switches = {key: armature.pose.bones[key[0]][key[1]] for key in fk_switches(armature)}
    with _shown_as_posed(armature), without_animation(armature), at_rest(armature):
        try:
            for bone, name in switches:
                _set_switch(armature, bone, name, 1.0)
            with isolation.scene_with([armature], armature) as scene:
                layer = scene.view_layers[0]
                layer.update()
                yield armature.evaluated_get(layer.depsgraph)
        finally:
            for (bone, name), value in switches.items():
                _set_switch(armature, bone, name, value)


@contextmanager
def at_rest(armature: bpy.types.Object) -> Iterator[None]:
    """All bones in their rest pose, and back in the pose that they were in."""
    # Copies: what Blender hands out changes with the bone.
    kept = {bone.name: channels(bone) for bone in armature.pose.bones}
    try:
        for bone in armature.pose.bones:
            bone.matrix_basis = Matrix()
        yield
    finally:
        for name, values in kept.items():
            set_channels(armature.pose.bones[name], values)


@contextmanager
def without_animation(armature: bpy.types.Object) -> Iterator[None]:
    """The armature's action and strips put aside; drivers stay at work."""
    animation = armature.animation_data
    if animation is None:
        yield
        return
    if animation.use_tweak_mode:
        raise A2PError(f"A strip of {armature.name} is being edited: leave the NLA's tweak mode first.")
    (action, slot), strips = compat.playing(armature), animation.use_nla
    try:
        animation.use_nla = False
        compat.play(armature, None, "")
        yield
    finally:
        compat.play(armature, action, slot)
        animation.use_nla = strips


def channels(bone: bpy.types.PoseBone) -> dict[str, list[float]]:
    """A pose bone's own location, rotation in all its forms, and scale."""
    return {
        "location": list(bone.location),
        "rotation_quaternion": list(bone.rotation_quaternion),
        "rotation_euler": list(bone.rotation_euler),
        "rotation_axis_angle": list(bone.rotation_axis_angle),
        "scale": list(bone.scale),
    }


def set_channels(bone: bpy.types.PoseBone, values: dict[str, list[float]]) -> None:
    """The inverse of `channels`."""
    for name, value in values.items():
        setattr(bone, name, value)


def sample(armature: bpy.types.Object, frames: Sequence[float]) -> FloatArray:
    """Where the armature's bones are in some frames of what it plays: (T, J, 4, 4) in armature space.

    Bones in the order of `describe`. Nothing of the user's scene is evaluated but what drives the armature.
    """
    found = np.empty((len(frames), len(armature.pose.bones), 4, 4))
    names = [bone.name for bone in armature.data.bones]
    with _shown_as_posed(armature), isolation.scene_with([armature], armature) as scene:
        layer = scene.view_layers[0]
        for row, frame in enumerate(frames):
            scene.frame_set(int(frame // 1), subframe=float(frame % 1))
            bones = armature.evaluated_get(layer.depsgraph).pose.bones
            found[row] = [bones[name].matrix for name in names]
    return found


@contextmanager
def _shown_as_posed(armature: bpy.types.Object) -> Iterator[None]:
    """An armature that is shown in its rest position hides its keys, from us as well."""
    position = armature.data.pose_position
    if position == "POSE":
        yield
        return
    try:
        armature.data.pose_position = "POSE"
        yield
    finally:
        armature.data.pose_position = position


def _set_switch(armature: bpy.types.Object, bone: str, name: str, value: float) -> None:
    # A switch may be of whole numbers, and stays so.
    armature.pose.bones[bone][name] = type(armature.pose.bones[bone][name])(value)
    armature.update_tag()


def _described(armature: bpy.types.Object, posed: bpy.types.Object) -> Rig:
    bones = list(armature.data.bones)
    number = {bone.name: position for position, bone in enumerate(bones)}
    return Rig(
        names=tuple(number),
        parents=np.array([number[bone.parent.name] if bone.parent else -1 for bone in bones]),
        rest=np.array([bone.matrix_local for bone in bones]),
        to_world=np.array(posed.matrix_world),
        tails=np.array([bone.tail_local for bone in bones]),
        deforms=np.array([bone.use_deform for bone in bones]),
        follows={
            number[bone.name]: number[leader] for bone in posed.pose.bones if (leader := _leader(bone, posed))
        },
        unturned=frozenset(number[bone.name] for bone in bones if not bone.use_inherit_rotation),
        joined=frozenset(number[bone.name] for bone in bones if bone.use_connect),
    )


def _leader(bone: bpy.types.PoseBone, posed: bpy.types.Object) -> str:
    """The bone of the same armature whose place and turn this one copies in full; "" where there is none."""
    leader = ""
    for constraint in bone.constraints:
        if constraint.type != "COPY_TRANSFORMS" or constraint.mute or constraint.influence < _FULL:
            continue
        own = constraint.target is not None and constraint.target.name == posed.name
        world = constraint.owner_space == constraint.target_space == "WORLD"
        if own and world and constraint.subtarget in posed.pose.bones:
            leader = constraint.subtarget  # the last has the say
    return leader
