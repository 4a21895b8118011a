"""A take in the .blend: an Action, and the performance that it came from.

The performance is kept with the Action as custom properties, so that it is saved, copied and undone with it.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import bpy
import numpy as np

from a2p_backend.wire.performance import FACE_SIZE, POSE_SIZE, Performance
from kinematics.errors import A2PError

_KEY = "a2p_take"
_LONGEST_NAME = 63
"""Bytes of a data-block's name before Blender 5.0."""


def take_name(performance: Performance) -> str:
    """What the Action is called: the clip and the seed."""
    ending = f" seed {performance.seed}"
    stem = performance.clip_name.rpartition(".")[0] or performance.clip_name
    room = _LONGEST_NAME - len(ending) - len(".001")
    return stem.encode()[:room].decode(errors="ignore") + ending


def attach_performance(action: bpy.types.Action, performance: Performance, clip: Path) -> None:
    """Keep the performance, and where its clip lies, with its Action."""
    action[_KEY] = {
        "clip": str(clip),
        "header": json.dumps(performance.header()),
        **{name: zlib.compress(array.tobytes(), 1) for name, array in performance.arrays().items()},
    }


def attached_clip(action: bpy.types.Action) -> Path:
    """Where the clip of a take's Action lay when the take was made."""
    return Path(action[_KEY]["clip"])


def attached_performance(action: bpy.types.Action) -> Performance:
    """The performance of a take's Action. Raises A2PError."""
    kept = action.get(_KEY)
    if kept is None:
        raise A2PError(f"The Action {action.name} is not a take: choose an armature that A2P made.")
    try:
        header = json.loads(kept["header"])
        widths = {"pose": POSE_SIZE, "face": FACE_SIZE, "guide": POSE_SIZE}
        arrays = {
            name: np.frombuffer(zlib.decompress(kept[name]), "<f4").reshape(-1, width)
            for name, width in widths.items()
        }
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise A2PError(f"The take in the Action {action.name} is damaged: generate it again.") from error
    return Performance.from_parts(header, arrays)


def is_take(action: bpy.types.Action | None) -> bool:
    """Whether the Action holds a performance."""
    return action is not None and _KEY in action


def find_rig(context: bpy.types.Context) -> bpy.types.Object | None:
    """The armature to work on: the active one if it plays a take, else the newest in the scene that does."""
    if context.object is not None and _plays_take(context.object):
        return context.object
    rigs = [member for member in context.scene.objects if _plays_take(member)]
    return rigs[-1] if rigs else None


def _plays_take(member: bpy.types.Object) -> bool:
    animation = member.animation_data
    return member.type == "ARMATURE" and animation is not None and is_take(animation.action)
