"""What an armature plays, read from its Action's curves: a value a frame, sorted by what it moves."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import bpy
import numpy as np

from kinematics.arrays import FloatArray
from kinematics.curves.reduction import LOCATION, VALUE, Channel
from kinematics.curves.rotation_curves import AXIS_ANGLE, QUATERNION, continuous
from kinematics.errors import A2PError

from .. import compat

_BONE = re.compile(r'pose\.bones\["((?:[^"\\]|\\.)*)"\]\.(\w+)')
_SINGLE_VALUE = re.compile(r'.*\["(?:[^"\\]|\\.)*"\]')
_ROTATIONS = {QUATERNION: "rotation_quaternion", AXIS_ANGLE: "rotation_axis_angle"}


@dataclass(frozen=True, eq=False)
class Track:
    """Curves of one property, keyed together.

    columns: which of the channel's columns each of `curves` is. bone: "" for a single value.
    """

    channel: Channel
    curves: tuple[bpy.types.FCurve, ...]
    columns: tuple[int, ...]
    bone: str

    @cached_property
    def key_count(self) -> int:
        return sum(len(curve.keyframe_points) for curve in self.curves)


@dataclass(frozen=True, eq=False)
class Playing:
    """The Action that an armature plays, and the tracks in it that are understood.

    frames: those of the scene that the Action spans. Curves that are muted, locked, stepped or modified, and
    what moves neither bones nor custom properties, are in no track.
    """

    action: bpy.types.Action
    slot: str
    frames: range
    tracks: tuple[Track, ...]


def find_animated(scene: bpy.types.Scene, active: bpy.types.Object | None, name: str) -> bpy.types.Object:
    """The armature called `name`, or else the active one, that plays an Action. Raises A2PError."""
    found = scene.objects.get(name) if name else active
    if found is None or found.type != "ARMATURE":
        raise A2PError(
            f"{name} is no armature of this scene: choose one." if name else "Select an armature first."
        )
    if compat.playing(found)[0] is None:
        raise A2PError(f"{found.name} plays no Action: generate or choose a take first.")
    if found.animation_data.use_tweak_mode:
        raise A2PError(f"A strip of {found.name} is being edited: leave the NLA's tweak mode first.")
    return found


def played_by(armature: bpy.types.Object) -> Playing:
    """What `armature` plays. Raises A2PError where a curve holds a number that is not finite."""
    action, slot = compat.playing(armature)
    first, last = (round(frame) for frame in action.frame_range)
    frames = range(first, last + 1)
    by_path: dict[str, list[bpy.types.FCurve]] = {}
    for curve in compat.curves_played(action, slot):
        if _is_plain(curve):
            by_path.setdefault(curve.data_path, []).append(curve)
    tracks = (_track(armature, path, curves, frames) for path, curves in by_path.items())
    return Playing(action, slot, frames, tuple(track for track in tracks if track is not None))


def edited_copy(armature: bpy.types.Object, playing: Playing, name: str) -> tuple[bpy.types.Action, Any]:
    """A copy of the Action, which the armature plays from now on, and its curves in the same order.

    What it was made from stays with its take, its name and all its keys.
    """
    if playing.action.users == int(playing.action.use_fake_user) + 1:
        playing.action.use_fake_user = True  # or it would not be saved with the .blend
    copied = playing.action.copy()
    copied.name = name
    copied.use_fake_user = True
    compat.play(armature, copied, playing.slot)
    return copied, compat.curves_played(copied, playing.slot)


def curves_like(tracks: Iterable[Track], curves: Any) -> list[tuple[Track, list[bpy.types.FCurve]]]:
    """Each track with the curves of a copied Action that are its own."""
    return [
        (track, [curves.find(curve.data_path, index=curve.array_index) for curve in track.curves])
        for track in tracks
    ]


def _is_plain(curve: bpy.types.FCurve) -> bool:
    keys = curve.keyframe_points
    stepped = any(key.interpolation == "CONSTANT" for key in keys)
    return not (curve.mute or curve.lock or len(curve.modifiers) or stepped or not len(keys))


def _track(
    armature: bpy.types.Object, path: str, curves: list[bpy.types.FCurve], frames: range
) -> Track | None:
    bone_path = _BONE.fullmatch(path)
    if bone_path is None:
        return _single(curves, frames) if _SINGLE_VALUE.fullmatch(path) else None
    name, prop = bpy.utils.unescape_identifier(bone_path[1]), bone_path[2]
    bone = armature.pose.bones.get(name)
    if bone is None:
        return None
    if prop == "location":
        mode = LOCATION
    elif prop == _ROTATIONS.get(bone.rotation_mode, "rotation_euler"):
        mode = bone.rotation_mode
    else:
        return None  # scale, or a rotation that is not in use
    dense = np.tile(np.array(getattr(bone, prop), np.float64), (len(frames), 1))
    columns = tuple(curve.array_index for curve in curves)
    for column, curve in zip(columns, curves, strict=True):
        dense[:, column] = _sampled(curve, frames)
    if mode != LOCATION:
        dense = continuous(dense, mode)
    return Track(Channel(dense, mode, armature.data.bones.find(name)), tuple(curves), columns, name)


def _single(curves: list[bpy.types.FCurve], frames: range) -> Track:
    dense = np.stack([_sampled(curve, frames) for curve in curves], axis=1)
    return Track(Channel(dense, VALUE), tuple(curves), tuple(range(len(curves))), "")


def _sampled(curve: bpy.types.FCurve, frames: range) -> FloatArray:
    values = np.array([curve.evaluate(frame) for frame in frames])
    if not np.all(np.isfinite(values)):
        raise A2PError(
            f"The curve {curve.data_path} of {curve.id_data.name} holds a value that is no number: "
            "delete its bad keys first."
        )
    return values
