"""Keys written in bulk: one call for the times and values of a curve, never one for a key."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from kinematics.armature import BoneMotion

from .. import compat


def _number(name: str, item: str) -> int:
    return bpy.types.Keyframe.bl_rna.properties[name].enum_items[item].value


_LINEAR, _BEZIER = _number("interpolation", "LINEAR"), _number("interpolation", "BEZIER")


def key_bones(curves: Any, motion: BoneMotion, first_frame: float, step: float = 1.0) -> None:
    """Write `motion`, a key each `step` frames from `first_frame`, to curves as of `compat.curves_of`.

    Only what the actor's parameters drive gets curves, so an animator's F-curve list shows what moves.
    """
    for joint, name in enumerate(motion.names):
        path = f'pose.bones["{bpy.utils.escape_identifier(name)}"].'
        if motion.moves[joint]:
            key_property(curves, path + "location", motion.location[:, joint], first_frame, name, step)
        if motion.rotates[joint]:
            key_property(
                curves, path + "rotation_quaternion", motion.rotation[:, joint], first_frame, name, step
            )
        if motion.scales[joint]:
            key_property(curves, path + "scale", motion.scale[:, joint], first_frame, name, step)


def key_property(
    curves: Any,
    path: str,
    values: NDArray[np.floating[Any]],
    first_frame: float,
    group: str,
    step: float = 1.0,
) -> None:
    """Key an array property with values (T, N), or a single one with (T,), each `step` frames."""
    owner_group = curves.groups.get(group) or curves.groups.new(group)
    single = values.ndim == 1
    columns = values[:, None] if single else values
    for index in range(columns.shape[1]):
        curve = curves.fcurves.new(path, index=index)
        curve.group = owner_group
        _write_keys(curve, columns[:, index], first_frame, step)


def rewrite_linear(curve: bpy.types.FCurve, values: NDArray[np.floating[Any]], first_frame: float) -> None:
    """Replace the keys of a curve by one a frame with values (T,)."""
    curve.keyframe_points.clear()
    _write_keys(curve, values, first_frame)


def rewrite_bezier(
    curve: bpy.types.FCurve,
    points: NDArray[np.floating[Any]],
    left: NDArray[np.floating[Any]],
    right: NDArray[np.floating[Any]],
) -> None:
    """Replace the keys of a curve by Bezier keys with aligned handles; all (K, 2), frame and value."""
    keys, count = curve.keyframe_points, len(points)
    keys.clear()
    keys.add(count)
    keys.foreach_set("interpolation", np.full(count, _BEZIER, np.int32))
    compat.align_handles(keys)
    for name, values in (("co", points), ("handle_left", left), ("handle_right", right)):
        keys.foreach_set(name, values.astype(np.float32).ravel())
    curve.update()


def _write_keys(
    curve: bpy.types.FCurve, values: NDArray[np.floating[Any]], first_frame: float, step: float = 1.0
) -> None:
    points = np.stack([first_frame + step * np.arange(len(values)), values], axis=1).astype(np.float32)
    if np.ptp(values) == 0.0:
        points = points[[0, -1]]  # what does not move needs no more, and still spans the take
    count = len(points)
    keys = curve.keyframe_points
    keys.add(count)
    keys.foreach_set("co", points.ravel())
    keys.foreach_set("interpolation", np.full(count, _LINEAR, np.int32))
    # Handles a third of the way along the chords: a key turned to Bezier by hand bends nothing yet.
    before = points - np.vstack([points[:1] - np.array([step, 0.0]), points[:-1]])
    after = np.vstack([points[1:], points[-1:] + np.array([step, 0.0])]) - points
    keys.foreach_set("handle_left", (points - before / 3).astype(np.float32).ravel())
    keys.foreach_set("handle_right", (points + after / 3).astype(np.float32).ravel())
    curve.update()
