"""A finished performance becomes a rig, an Action and a sound strip, wholly or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy

from a2p_backend.wire.performance import Performance
from kinematics.armature import bone_motion, bone_rest
from kinematics.body import Body
from kinematics.stage import place_on_stage

from .. import compat
from . import armature as armatures
from . import face, keyframes, sound, takes, transaction


@dataclass(frozen=True)
class Placement:
    """How a performance enters the scene.

    first_frame: where the take begins. with_mesh: also make the actor's skinned mesh. face_names: what the
    first face codes are called; empty where an actor's codes have no names.
    """

    first_frame: int = 1
    with_mesh: bool = True
    face_names: tuple[str, ...] = ()


def place_performance(
    scene: bpy.types.Scene, body: Body, performance: Performance, clip: Path, placement: Placement
) -> bpy.types.Object:
    """Build the rig in `scene`, playing a new Action; returns the armature. On an error nothing new stays."""
    with transaction.all_or_nothing(scene):
        name = f"A2P {performance.actor}"
        rig = armatures.build_armature(bone_rest(body), name)
        face.add_face_properties(rig, placement.face_names)
        members = [rig]
        if placement.with_mesh:
            mesh = armatures.build_body_mesh(body, rig, f"{name} body")
            members += [mesh] if mesh else []

        action = bpy.data.actions.new(takes.take_name(performance))
        action.use_fake_user = True
        motion = bone_motion(body, place_on_stage(body, performance.pose))
        with compat.curves_of(action, rig) as curves:
            keyframes.key_bones(curves, motion, placement.first_frame)
            face.key_face(curves, performance.face, placement.face_names, placement.first_frame)
        takes.attach_performance(action, performance, clip)

        sound.add_sound_strip(scene, clip, placement.first_frame)
        for member in members:
            scene.collection.objects.link(member)
            member.select_set(False)
        _set_timing(scene, performance, placement.first_frame)
    return rig


def _set_timing(scene: bpy.types.Scene, performance: Performance, first_frame: int) -> None:
    scene.render.fps = performance.fps
    scene.render.fps_base = 1.0
    scene.frame_start = first_frame
    scene.frame_end = first_frame + performance.frame_count - 1
