"""A take in the .blend: an Action, and the performance that it came from.

The performance is kept with the Action as custom properties, so that it is saved, copied and undone with it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from a2p_backend.wire.performance import FACE_SIZE, POSE_SIZE, Performance
from kinematics.errors import A2PError

from .. import compat
from .layer_marks import take_below

_KEY = "a2p_take"
_RIG_KEY = "a2p_rig"
_SEED = " seed "
_LONGEST_NAME = 63
"""Bytes of a data-block's name before Blender 5.0."""


def take_name(performance: Performance, remark: str = "") -> str:
    """What the Action is called: the clip, the seed, and what tells it from other takes of that seed."""
    ending = " ".join(filter(None, (f"{_SEED}{performance.seed}", remark)))
    stem = performance.clip_name.rpartition(".")[0] or performance.clip_name
    room = _LONGEST_NAME - len(ending) - len(".001")
    return stem.encode()[:room].decode(errors="ignore") + ending


def distinction(action: bpy.types.Action) -> str:
    """What tells the take from others of its clip, as its name has it; empty where the user renamed it."""
    return action.name.rpartition(_SEED)[2] if _SEED in action.name else ""


def packed(performance: Performance, clip: Path) -> dict[str, str | bytes]:
    """A performance, and where its clip lies, as `attach` keeps them; any thread may call it."""
    return {
        "clip": str(clip),
        "header": json.dumps(performance.header()),
        **{name: zlib.compress(array.tobytes(), 1) for name, array in performance.arrays().items()},
    }


def attach(action: bpy.types.Action, packed: Mapping[str, str | bytes]) -> None:
    """Keep a performance with its Action."""
    action[_KEY] = dict(packed)


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


def take_of(rig: bpy.types.Object) -> bpy.types.Action | None:
    """The take that a rig plays, be it below a layer; None if it plays none."""
    action, _ = compat.playing(rig)
    return action if is_take(action) else take_below(action)


def copy_performance(take: bpy.types.Action, action: bpy.types.Action) -> None:
    """Make an Action a take that remembers what another one came from."""
    action[_KEY] = take[_KEY].to_dict()


def header(action: bpy.types.Action) -> dict[str, Any]:
    """What made a take: `Performance.header`; empty where that cannot be read any more."""
    try:
        found = json.loads(action[_KEY]["header"])
    except (KeyError, TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def frame_count(action: bpy.types.Action) -> int:
    """How many frames the take spans."""
    first, last = action.frame_range
    return round(last - first) + 1


def starred() -> list[bpy.types.Action]:
    """The takes that the user gave a star."""
    return [action for action in bpy.data.actions if is_take(action) and action.a2p.star]


def mark_rig(rig: bpy.types.Object, performance: Performance) -> None:
    """Remember whose rig it is, so that the same person's next take plays on it."""
    rig[_RIG_KEY] = _identity(performance.header())


def is_built(rig: bpy.types.Object) -> bool:
    """Whether the armature was built for takes, rather than brought in by the user."""
    return _RIG_KEY in rig


def rig_for(scene: bpy.types.Scene, performance: Performance) -> bpy.types.Object | None:
    """The rig that was built in this scene for the same person: actor and channel; the newest of several."""
    identity = _identity(performance.header())
    rigs = [
        member
        for member in scene.objects
        if member.type == "ARMATURE" and member.get(_RIG_KEY) == identity and member.library is None
    ]
    return rigs[-1] if rigs else None


def remove(context: bpy.types.Context, action: bpy.types.Action) -> None:
    """Delete a take; a rig that plays it plays the same person's nearest other one."""
    others = [
        other
        for other in bpy.data.actions
        if other != action and is_take(other) and _identity(header(other)) == _identity(header(action))
    ]
    for rig in [member for member in context.scene.objects if _plays(member, action)]:
        other = others[-1] if others else None
        compat.play(rig, other, compat.slot_for(other, rig) if other is not None else "")
    bpy.data.actions.remove(action)


def find_rig(context: bpy.types.Context) -> bpy.types.Object | None:
    """The armature to work on: the active one if it plays a take, else the newest in the scene that does."""
    if context.object is not None and _plays_take(context.object):
        return context.object
    rigs = [member for member in context.scene.objects if _plays_take(member)]
    return rigs[-1] if rigs else None


def require_rig(context: bpy.types.Context) -> bpy.types.Object:
    """As `find_rig`. Raises A2PError where there is none."""
    rig = find_rig(context)
    if rig is None:
        raise A2PError("No rig of this scene plays a take: generate one first.")
    return rig


def rig_of_take(context: bpy.types.Context, action: bpy.types.Action) -> bpy.types.Object:
    """The rig that plays takes of this one's person. Raises A2PError where the scene has none."""
    made_by = header(action)
    identity = _identity(made_by)
    chosen = find_rig(context)
    rigs = [member for member in context.scene.objects if member.get(_RIG_KEY) == identity]
    if chosen in rigs:
        return chosen
    if rigs:
        return rigs[-1]
    raise A2PError(f"No rig of this scene is {identity}'s: generate a take with that actor first.")


def _identity(header: Mapping[str, Any]) -> str:
    """Who performs, from a performance's header: the actor, and the channel if it is not the left."""
    speaker = header.get("settings", {}).get("speaker", "left")
    return f"{header.get('actor', '')}" + ("" if speaker == "left" else f" {speaker}")


def _plays(member: bpy.types.Object, action: bpy.types.Action) -> bool:
    return member.animation_data is not None and member.animation_data.action == action


def _plays_take(member: bpy.types.Object) -> bool:
    return member.type == "ARMATURE" and take_of(member) is not None
