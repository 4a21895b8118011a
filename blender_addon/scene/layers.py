"""Layers of a take: Actions that belong to it and leave it as it is.

A guide layer holds the take's guide poses; a tweak layer adds to the take, which plays in the NLA below it.
"""

from __future__ import annotations

import bpy
import numpy as np

from kinematics.errors import A2PError

from .. import compat
from . import isolation, keyframes, takes, transaction
from .layer_marks import TWEAK, kind_of, mark, take_below

LONGEST_STEM = 50
"""Letters of a take's name that its layers begin with."""

_TRACK = "A2P take"
_TWEAK_TRACK = "A2P tweak"


def find(take: bpy.types.Action, kind: str) -> bpy.types.Action | None:
    """The newest layer of a take of this kind, if it has one."""
    found = [action for action in bpy.data.actions if kind_of(action) == kind and take_below(action) == take]
    return found[-1] if found else None


def add_tweak(rig: bpy.types.Object) -> bpy.types.Action:
    """Lay an empty Action over the take, to be keyed on top of it; the rig plays both. Raises A2PError."""
    take = takes.take_of(rig)
    if kind_of(compat.playing(rig)[0]) == TWEAK:
        raise A2PError(f"{rig.name} has a tweak layer already: push it down to add another.")
    if rig.animation_data.use_tweak_mode:
        raise A2PError(f"A strip of {rig.name} is being edited: leave the NLA's tweak mode first.")
    leave(rig)
    _lay_strip(rig, _TRACK, take, "REPLACE")
    action = bpy.data.actions.new(f"{take.name[:LONGEST_STEM]} tweak")
    mark(action, take, TWEAK)
    compat.play_empty(rig, action)
    rig.animation_data.action_blend_type = "COMBINE"
    return action


def push_down(rig: bpy.types.Object) -> None:
    """Make the tweak layer a strip above the take, so that another can be added. Raises A2PError."""
    tweak, _ = compat.playing(rig)
    if kind_of(tweak) != TWEAK:
        raise A2PError(f"{rig.name} has no tweak layer to push down: add one first.")
    if not len(compat.curves_played(tweak, compat.slot_for(tweak, rig))):
        raise A2PError(f"{tweak.name} holds no keys yet: there is nothing to push down.")
    _lay_strip(rig, _TWEAK_TRACK, tweak, "COMBINE")
    again = bpy.data.actions.new(tweak.name)
    mark(again, take_below(tweak), TWEAK)
    compat.play_empty(rig, again)


def bake_down(scene: bpy.types.Scene, rig: bpy.types.Object) -> bpy.types.Action:
    """What the rig plays with all layers, as one new Action that is a take too. Raises A2PError."""
    take = takes.take_of(rig)
    first, last = (round(frame) for frame in take.frame_range)
    bones = [bone.name for bone in rig.pose.bones]
    location, rotation, scale = _sampled(rig, bones, range(first, last + 1))
    with transaction.all_or_nothing(scene):
        action = bpy.data.actions.new(f"{take.name[:LONGEST_STEM]} baked")
        action.use_fake_user = True
        takes.copy_performance(take, action)
        leave(rig)
        with compat.curves_of(action, rig) as curves:
            for index, name in enumerate(bones):
                path = f'pose.bones["{bpy.utils.escape_identifier(name)}"].'
                for channel, values in (("location", location), ("scale", scale)):
                    if np.ptp(values[:, index], axis=0).any():
                        keyframes.key_property(curves, path + channel, values[:, index], first, name)
                keyframes.key_property(curves, path + "rotation_quaternion", rotation[:, index], first, name)
            _copy_properties(take, rig, curves, first, last)
    return action


def leave(rig: bpy.types.Object) -> None:
    """Have the rig play its take alone again; the layers' Actions stay in the file, strips of ours go."""
    take = takes.take_of(rig)
    animation = rig.animation_data
    for track in [track for track in animation.nla_tracks if track.name in (_TRACK, _TWEAK_TRACK)]:
        animation.nla_tracks.remove(track)
    animation.action_blend_type = "REPLACE"
    compat.play(rig, take, compat.slot_for(take, rig))


def audition(context: bpy.types.Context, action: bpy.types.Action) -> None:
    """Play a take on its person's rig, and remember the one before for A/B. Raises A2PError."""
    if not takes.is_take(action):
        return
    rig = takes.rig_of_take(context, action)
    before = takes.take_of(rig)
    leave(rig)
    if before == action:
        return
    compat.play(rig, action, compat.slot_for(action, rig))
    if before is not None:
        context.scene.a2p.takes.previous = before


def _lay_strip(rig: bpy.types.Object, track: str, action: bpy.types.Action, blending: str) -> None:
    first, last = action.frame_range
    lane = rig.animation_data.nla_tracks.new()
    lane.name = track
    strip = lane.strips.new(action.name, round(first), action)
    strip.action_frame_start, strip.action_frame_end = first, last
    strip.blend_type, strip.extrapolation = blending, "HOLD"
    compat.set_strip_slot(strip, compat.slot_for(action, rig))
    lane.name = track  # Blender names it after its first strip


def _sampled(
    rig: bpy.types.Object, bones: list[str], frames: range
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Location (T, B, 3), rotation (T, B, 4) w x y z and scale (T, B, 3) of the bones' own channels."""
    location, rotation, scale = (np.empty((len(frames), len(bones), width)) for width in (3, 4, 3))
    with isolation.scene_with([rig], rig) as scene:
        layer = scene.view_layers[0]
        for row, frame in enumerate(frames):
            scene.frame_set(frame)
            posed = rig.evaluated_get(layer.depsgraph).pose.bones
            for column, name in enumerate(bones):
                location[row, column], rotation[row, column], scale[row, column] = posed[
                    name
                ].matrix_basis.decompose()
    # q and -q are one rotation: each key takes the one that is nearer to the key before.
    flips = np.where((rotation[1:] * rotation[:-1]).sum(axis=-1) < 0.0, -1.0, 1.0)
    rotation[1:] *= np.cumprod(flips, axis=0)[..., None]
    return location, rotation, scale


def _copy_properties(
    take: bpy.types.Action, rig: bpy.types.Object, curves: object, first: int, last: int
) -> None:
    """The face codes and whatever else of the take moves no bone's transform."""
    for curve in compat.curves_played(take, compat.slot_for(take, rig)):
        if not curve.data_path.startswith("pose."):
            values = np.array([curve.evaluate(frame) for frame in range(first, last + 1)])
            keyframes.key_property(curves, curve.data_path, values, first, "Face")
