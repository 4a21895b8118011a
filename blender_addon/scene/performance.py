"""A finished performance becomes a rig, an Action and a sound strip, wholly or not at all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import bpy

from a2p_backend.wire.performance import Performance
from kinematics.armature import BoneMotion, bone_motion, bone_rest
from kinematics.body import Body
from kinematics.stage import place_on_stage

from .. import compat
from . import armature as armatures
from . import face, keyframes, layers, sound, takes, transaction

_PARTNER_DISTANCE = 1.6
"""Metres between two people who talk."""


@dataclass(frozen=True)
class Placement:
    """How a performance enters the scene.

    first_frame: where the take begins. with_mesh: also make the actor's skinned mesh. face_names: what the
    first face codes are called; empty where an actor's codes have no names. reuse_rig: play the take on the
    rig that the scene has for this person, if it has one. opposite: a new rig faces whoever stands at the
    origin, as a partner does. with_sound: also make a sound strip of the clip. remark: what the take's name
    ends with.
    """

    first_frame: int = 1
    with_mesh: bool = True
    face_names: tuple[str, ...] = ()
    reuse_rig: bool = False
    opposite: bool = False
    with_sound: bool = True
    remark: str = ""


@dataclass(frozen=True, eq=False)
class ReadyTake:
    """A performance of a body, worked out as far as that goes without Blender's data.

    motion: of the bones. packed: what the Action remembers.
    """

    body: Body
    performance: Performance
    clip: Path
    motion: BoneMotion
    packed: Mapping[str, str | bytes]


def ready_take(body: Body, performance: Performance, clip: Path) -> ReadyTake:
    """Work out a take of a recording. It takes a while for long ones; any thread may do it."""
    motion = bone_motion(body, place_on_stage(body, performance.pose))
    return ReadyTake(body, performance, clip, motion, takes.packed(performance, clip))


def place_performance(
    scene: bpy.types.Scene, body: Body, performance: Performance, clip: Path, placement: Placement
) -> bpy.types.Object:
    """Work out a take and place it: see `ready_take` and `place_take`."""
    return place_take(scene, ready_take(body, performance, clip), placement)


def place_take(scene: bpy.types.Scene, take: ReadyTake, placement: Placement) -> bpy.types.Object:
    """Have a rig in `scene` play the take as a new Action; returns it. An error leaves nothing."""
    performance = take.performance
    rig = takes.rig_for(scene, performance) if placement.reuse_rig else None
    before = compat.playing(rig) if rig is not None else (None, "")
    heard = takes.take_of(rig) if rig is not None else None
    try:
        with transaction.all_or_nothing(scene):
            if rig is None:
                new = _build_rig(take.body, performance, placement)
                _key_take(new[0], take, placement)
            else:
                new = []
                _key_take(rig, take, placement)
            if placement.with_sound:
                sound.add_sound_strip(scene, take.clip, placement.first_frame)
            for member in new:
                scene.collection.objects.link(member)
                member.select_set(False)
            _set_timing(scene, performance, placement.first_frame)
    except BaseException:
        if rig is not None:
            compat.play(rig, *before)
        raise
    if heard is not None:
        layers.leave(rig)
        scene.a2p.takes.previous = heard
    return rig or new[0]


def _build_rig(body: Body, performance: Performance, placement: Placement) -> list[bpy.types.Object]:
    """The armature, then its mesh if there is to be one; linked nowhere yet."""
    name = f"A2P {performance.actor}"
    rig = armatures.build_armature(bone_rest(body), name)
    takes.mark_rig(rig, performance)
    face.add_face_properties(rig, placement.face_names)
    if placement.opposite:
        rig.location.y = -_PARTNER_DISTANCE
        rig.rotation_euler.z = math.pi
    mesh = armatures.build_body_mesh(body, rig, f"{name} body") if placement.with_mesh else None
    return [rig, mesh] if mesh else [rig]


def _key_take(rig: bpy.types.Object, take: ReadyTake, placement: Placement) -> None:
    action = bpy.data.actions.new(takes.take_name(take.performance, placement.remark))
    action.use_fake_user = True
    names = tuple(name for name in placement.face_names if name in rig)
    with compat.curves_of(action, rig) as curves:
        keyframes.key_bones(curves, take.motion, placement.first_frame)
        face.key_face(curves, take.performance.face, names, placement.first_frame)
    takes.attach(action, take.packed)


def _set_timing(scene: bpy.types.Scene, performance: Performance, first_frame: int) -> None:
    scene.render.fps = performance.fps
    scene.render.fps_base = 1.0
    scene.frame_start = first_frame
    scene.frame_end = first_frame + performance.frame_count - 1
