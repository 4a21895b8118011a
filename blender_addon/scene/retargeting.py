"""A motion on a character's own rig: one new Action, and nothing else changed.

What the rig played before, its switches and the pose that it was in are noted with the new Action, so that
`restore` brings them back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
import numpy as np

from kinematics.arrays import FloatArray
from kinematics.errors import A2PError
from kinematics.retarget.channels import rotation_channels
from kinematics.retarget.detection import detect
from kinematics.retarget.fidelity import Fidelity, measure
from kinematics.retarget.maps import BoneMap, Family, read_map
from kinematics.retarget.names import readings
from kinematics.retarget.options import RetargetOptions
from kinematics.retarget.rig import Rig
from kinematics.retarget.solver import RigMotion, retarget
from kinematics.retarget.source import MotionError, SourceMotion, resampled, source_from_rig

from .. import compat
from . import keyframes, transaction, units
from . import rig as rigs

_KEY = "a2p_retarget"
_MAPS = "a2p/maps"
_AT_REST = {"location": (0.0, 0.0, 0.0), "scale": (1.0, 1.0, 1.0)}


@dataclass(frozen=True)
class Retargeted:
    """What came of it. missing: slots that the rig lacks. notes: sentences for the user."""

    action: bpy.types.Action
    rig: Rig
    bone_map: BoneMap
    source: SourceMotion
    confidence: float
    missing: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def frames(self) -> range:
        """The scene's frames that the motion takes."""
        first = round(self.action.frame_range[0])
        return range(first, first + len(self.source))


def motion_of(armature: bpy.types.Object, fps: float, map_file: Path | None = None) -> SourceMotion:
    """What an armature plays, to be copied: every frame of its Action. Raises A2PError."""
    animation = armature.animation_data
    if animation is None or animation.action is None:
        raise A2PError(f"{armature.name} plays no Action: choose a source that moves.")
    first, last = animation.action.frame_range
    rig = rigs.describe(armature)
    bone_map, *_ = choose_map(rig, armature.name, map_file)
    try:
        matrices = rigs.sample(armature, range(int(first), int(last) + 1))
        return source_from_rig(rig, bone_map, matrices, fps)
    except MotionError as error:
        raise MotionError(f"The Action {animation.action.name} cannot be copied. {error}") from error


def choose_map(
    rig: Rig, name: str, given: BoneMap | Path | None = None
) -> tuple[BoneMap, float, tuple[str, ...], tuple[str, ...]]:
    """The map of a rig, how sure it is, the slots that are missing, and what to tell the user.

    given: a map of the user's, or its file, which is taken as it is; otherwise the rig must be a humanoid.
    Raises A2PError.
    """
    if isinstance(given, BoneMap):
        return given, 1.0, (), ()
    if given is not None:
        return _as_mapped(rig, name, read_map(given)), 1.0, (), ()
    found = detect(rig, user_maps())
    if not found.humanoid:
        raise A2PError(f"{name} cannot receive or give a person's motion: {found.objections}")
    return found.bone_map, found.confidence, found.missing, found.reasons[1:]


def found_map(rig: Rig, name: str) -> BoneMap:
    """What is found of a humanoid in a rig, be it too little: a start for a map by hand."""
    return replace(detect(rig, user_maps()).bone_map, label=name)


def maps_folder() -> Path:
    """Where the user's own maps are kept."""
    return Path(bpy.utils.user_resource("CONFIG")) / _MAPS


def user_maps() -> tuple[Family, ...]:
    """The user's own maps, tried before those that come with the add-on. Raises MapError."""
    return tuple(read_map(path) for path in sorted(maps_folder().glob("*.json")))


def retarget_onto(
    armature: bpy.types.Object,
    source: SourceMotion,
    name: str,
    scene: bpy.types.Scene,
    options: RetargetOptions | None = None,
    given_map: BoneMap | Path | None = None,
    first_frame: int = 1,
) -> Retargeted:
    """Copies `source` to a new Action called `name`, which the armature then plays, at the scene's rate.

    given_map: see `choose_map`. The rig's transforms, constraints, modes and other Actions stay; `restore`
    undoes it. Raises A2PError before anything is changed.
    """
    _require_editable(armature)
    rig = rigs.describe(armature)
    bone_map, confidence, missing, notes = choose_map(rig, armature.name, given_map)
    source = resampled(source, units.frame_rate(scene))
    motion = retarget(source, rig, bone_map, options)
    touched, switches = _touched(rig, motion), rigs.fk_switches(armature)
    with transaction.all_or_nothing(scene):
        action = bpy.data.actions.new(name)
        action.use_fake_user = True
        action[_KEY] = json.dumps(_before(armature, touched, switches))
        previous = armature.animation_data.action if armature.animation_data else None
        with compat.curves_of(action, armature) as curves:
            _key(curves, armature, touched, motion, first_frame)
            for (bone, switch), value in switches.items():
                path = f'{_path(bone)}["{bpy.utils.escape_identifier(switch)}"]'
                keyframes.key_property(curves, path, np.full(len(source), value), first_frame, bone)
    if previous is not None and previous.users == 0:
        previous.use_fake_user = True  # or it would not be saved with the .blend
    bpy.context.view_layer.update()  # constraints follow the switches
    notes = (*notes, *_hindrances(armature, motion.names))
    return Retargeted(action, rig, bone_map, source, confidence, missing, notes)


def measure_onto(armature: bpy.types.Object, done: Retargeted) -> Fidelity:
    """How faithful the copy is, as Blender evaluates the rig's bones, constraints included."""
    return measure(done.source, done.rig, done.bone_map, rigs.sample(armature, done.frames))


def restore(armature: bpy.types.Object) -> None:
    """Gives a rig its former Action, switches and pose back; the retargeted Action is kept. A2PError."""
    animation = armature.animation_data
    kept = animation.action.get(_KEY) if animation and animation.action else None
    if kept is None:
        raise A2PError(f"{armature.name} plays no Action that was retargeted: there is nothing to restore.")
    try:
        before = json.loads(kept)
        pose, switches = dict(before["pose"]), list(before["switches"])
    except (ValueError, KeyError, TypeError) as error:
        raise A2PError(
            f"{animation.action.name} no longer tells how {armature.name} was: choose its Action by hand."
        ) from error
    compat.play(armature, bpy.data.actions.get(before.get("action") or ""), before.get("slot") or "")
    for name, values in pose.items():
        if name in armature.pose.bones:
            rigs.set_channels(armature.pose.bones[name], values)
    for bone, switch, value in switches:
        if bone in armature.pose.bones and switch in armature.pose.bones[bone]:
            armature.pose.bones[bone][switch] = value
    armature.update_tag()


def _as_mapped(rig: Rig, name: str, family: Family) -> BoneMap:
    matches = [family.find(rig.names, reading) for reading in readings(rig.names)]
    bones = max(matches, key=len)
    if not bones:
        raise A2PError(f"The map {family.label} names no bone of {name}: save one from this rig and edit it.")
    return family.map_of(rig, bones)


def _require_editable(armature: bpy.types.Object) -> None:
    if armature.library is not None and armature.override_library is None:
        raise A2PError(f"{armature.name} is linked from another file: make a library override of it first.")
    if armature.animation_data is not None and armature.animation_data.use_tweak_mode:
        raise A2PError(f"A strip of {armature.name} is being edited: leave the NLA's tweak mode first.")


def _touched(rig: Rig, motion: RigMotion) -> list[str]:
    """The bones that are to be keyed, parents first: what moves, and what carries that."""
    moving = {*motion.names, *motion.locations}
    carriers = {rig.names[carrier] for name in moving for carrier in rig.carriers(rig.index(name))}
    return sorted(moving | carriers, key=rig.index)


def _before(
    armature: bpy.types.Object, touched: Iterable[str], switches: Iterable[tuple[str, str]]
) -> dict[str, object]:
    """What `restore` needs."""
    action, slot = compat.playing(armature)
    return {
        "action": action.name if action else None,
        "slot": slot,
        "switches": [[bone, name, armature.pose.bones[bone][name]] for bone, name in switches],
        "pose": {name: rigs.channels(armature.pose.bones[name]) for name in touched},
    }


def _key(
    curves: object,
    armature: bpy.types.Object,
    touched: Iterable[str],
    motion: RigMotion,
    first_frame: int,
) -> None:
    """Keys what moves, and holds at rest what would else carry an old pose into it."""
    frames = len(motion.rotation)
    columns = {name: column for column, name in enumerate(motion.names)}
    for name in touched:
        bone = armature.pose.bones[name]
        values: dict[str, FloatArray] = {}
        if name in motion.locations:
            values["location"] = motion.locations[name]
        if name in columns or _is_posed(bone):
            still = np.tile([1.0, 0.0, 0.0, 0.0], (frames, 1))
            turn = motion.rotation[:, columns[name]] if name in columns else still
            path, rotation = rotation_channels(turn, bone.rotation_mode)
            values[path] = rotation
        for path, rest in _AT_REST.items():
            if path not in values and not np.allclose(getattr(bone, path), rest, atol=1e-6):
                values[path] = np.tile(rest, (frames, 1))
        for path, rows in values.items():
            keyframes.key_property(curves, f"{_path(name)}.{path}", rows, first_frame, name)


def _is_posed(bone: bpy.types.PoseBone) -> bool:
    return not np.allclose(bone.matrix_basis, np.eye(4), atol=1e-6)


def _path(bone: str) -> str:
    return f'pose.bones["{bpy.utils.escape_identifier(bone)}"]'


def _hindrances(armature: bpy.types.Object, names: Iterable[str]) -> tuple[str, ...]:
    """What keeps keys from being seen."""
    notes = []
    if armature.data.pose_position == "REST":
        notes.append(f"{armature.name} is shown in its rest position, which hides its keys.")
    held = [
        name
        for name in names
        for constraint in armature.pose.bones[name].constraints
        if not constraint.mute and constraint.influence > 0 and constraint.type.startswith(("IK", "COPY_"))
    ]
    if held:
        notes.append(
            f"Constraints hold {', '.join(dict.fromkeys(held))}: mute them where they are in the way."
        )
    return tuple(notes)
