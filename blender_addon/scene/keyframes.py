"""Keys written in bulk: one call for the times and values of a curve, never one for a key."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from kinematics.armature import BoneMotion

_LINEAR = bpy.types.Keyframe.bl_rna.properties["interpolation"].enum_items["LINEAR"].value


def key_bones(curves: Any, motion: BoneMotion, first_frame: float) -> None:
    """Write `motion`, one key a frame from `first_frame`, to an action's curves (`compat.curves_of`).

    Only what the actor's parameters drive gets curves, so an animator's F-curve list shows what moves.
    """
    for joint, name in enumerate(motion.names):
        path = f'pose.bones["{bpy.utils.escape_identifier(name)}"].'
        if motion.moves[joint]:
            key_property(curves, path + "location", motion.location[:, joint], first_frame, name)
        if motion.rotates[joint]:
            key_property(curves, path + "rotation_quaternion", motion.rotation[:, joint], first_frame, name)
        if motion.scales[joint]:
            key_property(curves, path + "scale", motion.scale[:, joint], first_frame, name)


def key_property(
    curves: Any, path: str, values: NDArray[np.floating[Any]], first_frame: float, group: str
) -> None:
    """Key an array property with values (T, N), or a single one with (T,)."""
    owner_group = curves.groups.get(group) or curves.groups.new(group)
    single = values.ndim == 1
    columns = values[:, None] if single else values
    for index in range(columns.shape[1]):
        curve = curves.fcurves.new(path, index=index)
        curve.group = owner_group
        _write_keys(curve, columns[:, index], first_frame)


def _write_keys(curve: bpy.types.FCurve, values: NDArray[np.floating[Any]], first_frame: float) -> None:
    points = np.stack([first_frame + np.arange(len(values)), values], axis=1).astype(np.float32)
    if np.ptp(values) == 0.0:
        points = points[[0, -1]]  # what does not move needs no more, and still spans the take
    count = len(points)
    keys = curve.keyframe_points
    keys.add(count)
    keys.foreach_set("co", points.ravel())
    keys.foreach_set("interpolation", np.full(count, _LINEAR, np.int32))
    # Handles a third of the way along the chords: a key turned to Bezier by hand bends nothing yet.
    before = points - np.vstack([points[:1] - np.array([1.0, 0.0]), points[:-1]])
    after = np.vstack([points[1:], points[-1:] + np.array([1.0, 0.0])]) - points
    keys.foreach_set("handle_left", (points - before / 3).astype(np.float32).ravel())
    keys.foreach_set("handle_right", (points + after / 3).astype(np.float32).ravel())
    curve.update()
