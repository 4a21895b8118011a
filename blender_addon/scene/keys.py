"""An Action with fewer keys, or with less shake; the Action that it is made from stays as it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import bpy
import numpy as np

from kinematics.curves.reduction import (
    LOCATION,
    VALUE,
    ErrorBound,
    Figure,
    PosedError,
    Reduction,
    reduce_keys,
)
from kinematics.curves.rotation_curves import rotation_of
from kinematics.errors import A2PError
from kinematics.retarget.detection import detect
from kinematics.smoothing import smooth

from . import keyframes
from . import rig as rigs
from .action_curves import Playing, Track, curves_like, edited_copy, played_by

_HANDS = ("hand.L", "hand.R")


@dataclass(frozen=True)
class Simplified:
    """What came of it. before, after: keys of all the Action's curves that were understood.

    error: the worst distance from the Action before, posed by the bones' own keys; the hands' in metres.
    """

    action: bpy.types.Action
    before: int
    after: int
    error: PosedError

    @property
    def figures(self) -> str:
        """One sentence for the user."""
        return _figures_of(self.before, self.after, self.error)

    @property
    def summary(self) -> str:
        """The same, with the Action's name."""
        return summary_of(self.before, self.after, self.error, self.action.name)


def summary_of(before: int, after: int, error: PosedError, name: str) -> str:
    """One sentence about `name`, of which there were so many keys; error: with the hands' in metres."""
    return f"{_figures_of(before, after, error)}: {name}"


def _figures_of(before: int, after: int, error: PosedError) -> str:
    values = f", and {error.value:.4f} of shapes and properties" if error.value else ""
    return (
        f"{before} keys became {after} ({after / max(before, 1):.0%}), within "
        f"{np.rad2deg(error.rotation):.2f}° of each bone and {1000 * error.hand:.1f} mm of the hands{values}"
    )


def simplify(
    armature: bpy.types.Object, bound: ErrorBound | None = None, metres_per_unit: float = 1.0
) -> Simplified:
    """Have `armature` play a copy of its Action with as few Bezier keys as `bound` allows.

    The bound holds for where the bones' own keys put them, in every frame of the Action; constraints come on
    top. Curves that would not get fewer keys stay as they are. Raises A2PError before anything is changed.

    bound: its hand in metres, 2 mm by default. metres_per_unit: of the scene's lengths.
    """
    metric = bound or ErrorBound()
    bound = replace(metric, hand=metric.hand / metres_per_unit)
    playing = played_by(armature)
    reducible = [track for track in playing.tracks if _is_reducible(track)]
    if not reducible:
        raise A2PError(f"{playing.action.name} has no keys of bones or properties to simplify.")
    figure = _figure(armature, playing)
    reduction = reduce_keys([track.channel for track in reducible], figure, bound)
    # Without those that stay as they are, errors no longer cancel where they did: the rest is searched anew.
    while len(fewer := _with_fewer(reducible, reduction)) < len(reducible):
        reducible = fewer
        reduction = reduce_keys([track.channel for track in reducible], figure, bound)
    action, curves = edited_copy(armature, playing, f"{playing.action.name} simple")
    for (track, copies), keys in zip(curves_like(reducible, curves), reduction.keys, strict=True):
        points, (left, right) = keys.points(), keys.handles()
        for column, curve in zip(track.columns, copies, strict=True):
            first = np.array([playing.frames.start, 0.0])
            keyframes.rewrite_bezier(
                curve, points[:, column] + first, left[:, column] + first, right[:, column] + first
            )
    before = sum(track.key_count for track in playing.tracks)
    saved = sum(track.key_count for track in reducible) - _count(reducible, reduction)
    error = replace(reduction.error, hand=reduction.error.hand * metres_per_unit)
    return Simplified(action, before, before - saved, error)


def smooth_motion(
    armature: bpy.types.Object,
    cutoff: float,
    fps: float,
    frames: range | None = None,
    bones: set[str] | None = None,
) -> bpy.types.Action:
    """Have `armature` play a copy of its Action without motion that is faster than `cutoff` Hz.

    frames: the scene's frames to smooth, all by default. bones: those to smooth; by default all, and single
    values too. What is smoothed gets a key a frame. Raises A2PError before anything is changed.
    """
    playing = played_by(armature)
    chosen = [track for track in playing.tracks if bones is None or track.bone in bones]
    if not chosen:
        raise A2PError(f"{playing.action.name} moves none of the chosen bones: select others.")
    start = playing.frames.start
    first, last = (0, len(playing.frames) - 1) if frames is None else (frames[0] - start, frames[-1] - start)
    if first >= last or last <= 0 or first >= len(playing.frames) - 1:
        raise A2PError(
            f"Choose a range of several frames between {start} and {playing.frames[-1]} to smooth."
        )
    smoothed = [smooth(track.channel.dense, cutoff, fps, first, last) for track in chosen]
    action, curves = edited_copy(armature, playing, f"{playing.action.name} smooth")
    for (track, copies), dense in zip(curves_like(chosen, curves), smoothed, strict=True):
        for column, curve in zip(track.columns, copies, strict=True):
            keyframes.rewrite_linear(curve, dense[:, column], start)
    return action


def _is_reducible(track: Track) -> bool:
    return track.key_count > 2 * len(track.curves)


def _with_fewer(tracks: list[Track], reduction: Reduction) -> list[Track]:
    return [
        track
        for track, keys in zip(tracks, reduction.keys, strict=True)
        if len(keys) * len(track.curves) < track.key_count
    ]


def _count(tracks: list[Track], reduction: Reduction) -> int:
    return sum(len(keys) * len(track.curves) for track, keys in zip(tracks, reduction.keys, strict=True))


def _figure(armature: bpy.types.Object, playing: Playing) -> Figure:
    """The whole motion of the armature's bones, those that no curve moves in the pose that they are in."""
    rig = rigs.describe(armature)
    still = [armature.pose.bones[name].matrix_basis for name in rig.names]
    quaternions = np.array([matrix.to_quaternion() for matrix in still])
    rotation = np.tile(np.roll(quaternions, -1, axis=-1), (len(playing.frames), 1, 1))
    location = np.tile(np.array([matrix.translation for matrix in still]), (len(playing.frames), 1, 1))
    for track in playing.tracks:
        channel = track.channel
        if channel.mode == LOCATION:
            location[:, channel.bone] = channel.dense
        elif channel.mode != VALUE:
            rotation[:, channel.bone] = rotation_of(channel.dense, channel.mode)
    found = detect(rig).bone_map.bones
    hands = tuple(rig.index(found[slot][0]) for slot in _HANDS if slot in found)
    return Figure(rig, rotation, location, hands)
