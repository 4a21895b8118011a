"""A take's guide poses as keys, one a second, in an Action of their own, and as markers on the timeline."""

from __future__ import annotations

import bpy
import numpy as np

from a2p_backend.wire.performance import FPS, Performance
from kinematics.armature import bone_motion, pose_from_bones
from kinematics.arrays import FloatArray
from kinematics.body import Body
from kinematics.errors import A2PError
from kinematics.stage import stage_for

from .. import compat
from . import keyframes, layer_marks, layers, takes, transaction

_MARKER = "A2P guide"
_REST = {"location": (0.0, 0.0, 0.0), "rotation_quaternion": (1.0, 0.0, 0.0, 0.0)}
_UNTOUCHED = 1e-4
"""Radians or decimetres that a guide pose may differ by without having been edited."""


def guide_poses(performance: Performance) -> FloatArray:
    """(K, 104) the poses that steered the take, one a second; the take's own where it has none."""
    return performance.guide if len(performance.guide) else performance.pose[::FPS]


def show(scene: bpy.types.Scene, rig: bpy.types.Object, body: Body, take: bpy.types.Action) -> None:
    """Have the rig play the guide poses of its take as keys to edit; the take itself stays as it is.

    A guide layer that was edited before is shown as it was left. Raises A2PError.
    """
    performance = takes.attached_performance(take)
    first = take.frame_range[0]
    before = compat.playing(rig)
    try:
        with transaction.all_or_nothing(scene):
            action = layers.find(take, layer_marks.GUIDE)
            if action is None:
                action = bpy.data.actions.new(f"{take.name[: layers.LONGEST_STEM]} guide")
                layer_marks.mark(action, take, layer_marks.GUIDE)
                placed = stage_for(body, performance.pose).apply(guide_poses(performance))
                with compat.curves_of(action, rig) as curves:
                    keyframes.key_bones(curves, bone_motion(body, placed), first, step=FPS)
            else:
                compat.play(rig, action, compat.slot_for(action, rig))
    except BaseException:
        compat.play(rig, *before)
        raise
    clear_markers(scene)
    for second in range(len(guide_poses(performance))):
        scene.timeline_markers.new(f"{_MARKER} {second}", frame=round(first) + FPS * second)


def clear_markers(scene: bpy.types.Scene) -> None:
    """Take the guide's markers off the timeline; the user's own stay."""
    for marker in [marker for marker in scene.timeline_markers if marker.name.startswith(_MARKER)]:
        scene.timeline_markers.remove(marker)


def read_keys(
    action: bpy.types.Action, rig: bpy.types.Object, first: float, names: tuple[str, ...], count: int
) -> tuple[FloatArray, FloatArray]:
    """What a guide layer says at each of `count` seconds, for bones called `names`.

    Rotation (K, J, 4) w x y z, and location (K, J, 3) in metres. Raises A2PError.
    """
    curves = compat.curves_played(action, compat.slot_for(action, rig))
    frames = first + FPS * np.arange(count)
    read = {}
    for channel, rest in _REST.items():
        values = np.tile(np.array(rest), (count, len(names), 1))
        for joint, name in enumerate(names):
            path = f'pose.bones["{bpy.utils.escape_identifier(name)}"].{channel}'
            for index in range(len(rest)):
                curve = curves.find(path, index=index)
                if curve is not None:
                    values[:, joint, index] = [curve.evaluate(frame) for frame in frames]
        read[channel] = values
    rotation = read["rotation_quaternion"]
    lengths = np.linalg.norm(rotation, axis=-1, keepdims=True)
    if np.any(lengths < 1e-6):
        raise A2PError(f"A rotation in {action.name} is all zeros: key it anew.")
    return rotation / lengths, read["location"]


def edited_poses(
    body: Body, performance: Performance, rotation: FloatArray, location: FloatArray
) -> tuple[FloatArray, list[int]]:
    """The guide poses (K, 104) that keys say, in the take's own coordinates, and which of them were changed.

    What the keys leave as it was comes back exactly.
    """
    original = guide_poses(performance).astype(np.float64)
    stage = stage_for(body, performance.pose)
    shown = stage.apply(original)
    motion = bone_motion(body, shown)
    # Both ways through the bones, so that what parameters cannot express cancels out.
    before = pose_from_bones(body, motion.rotation, motion.location)
    change = pose_from_bones(body, rotation, location) - before
    turns = body.transform.matrix[:, :104].reshape(-1, 7, 104)[:, 3:6].any(axis=(0, 1))
    change[:, turns] -= 2 * np.pi * np.round(change[:, turns] / (2 * np.pi))
    changed = np.abs(change).max(axis=1) > _UNTOUCHED
    poses = np.where(changed[:, None], stage.undo(shown + change), original)
    return poses.astype(np.float32), np.flatnonzero(changed).tolist()
