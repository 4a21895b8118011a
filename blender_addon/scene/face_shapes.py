"""A take's face on any mesh that has shape keys for one, or on the jaw and eye bones of a rig."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np

from kinematics.arrays import FloatArray
from kinematics.errors import A2PError
from kinematics.face.arkit import JAW_RADIANS
from kinematics.face.eyes import EYE_RADIANS
from kinematics.face.motion import FaceMotion
from kinematics.face.names import known_shapes
from kinematics.face.shapes import ARKIT_SHAPES
from kinematics.face_codes import FACE_CODE_NAMES
from kinematics.retarget.channels import rotation_channels
from kinematics.retarget.detection import detect
from kinematics.rotations import quaternion_conjugate, rotate

from .. import compat
from . import keyframes, transaction
from . import rig as rigs
from .face import FACE_MARK

_GROUP = "Face"
_STILL = 1e-4


class NothingToMoveError(A2PError):
    """A character without shape keys or bones that a face could move."""


@dataclass(frozen=True, eq=False)
class FaceTake:
    """What the face of a take called `name` does, from `first_frame` on."""

    name: str
    motion: FaceMotion
    first_frame: int


@dataclass(frozen=True)
class AppliedFace:
    """What received the face. shapes: keyed shape keys of each mesh. bones: turned bones of the armature."""

    shapes: dict[str, tuple[str, ...]]
    bones: tuple[str, ...]

    @property
    def summary(self) -> str:
        """One sentence for the user."""
        parts = [
            f"{len(keys)} shape key{'s' * (len(keys) != 1)} of {mesh}" for mesh, keys in self.shapes.items()
        ]
        return f"The face moves {', '.join([*parts, *self.bones])}"


def has_named_codes(rig: bpy.types.Object) -> bool:
    """Whether the take that `rig` plays speaks of its face as the default actor's takes do."""
    return any(name in rig for name in FACE_CODE_NAMES)


def meshes_for(scene: bpy.types.Scene, target: bpy.types.Object | None) -> list[bpy.types.Object]:
    """The meshes with known shape keys: `target` or what it carries, or else all of the scene."""
    meshes = [member for member in scene.objects if member.type == "MESH" and shapes_of(member)]
    if target is None:
        return meshes
    return [mesh for mesh in meshes if mesh == target or _carries(target, mesh)]


def shapes_of(mesh: bpy.types.Object) -> dict[str, str]:
    """Known shape to the name of the mesh's shape key for it."""
    keys = mesh.data.shape_keys
    return known_shapes(block.name for block in keys.key_blocks[1:]) if keys is not None else {}


def apply_face(
    scene: bpy.types.Scene,
    face: FaceTake,
    meshes: Sequence[bpy.types.Object],
    armature: bpy.types.Object | None = None,
) -> AppliedFace:
    """New Actions for shape keys of `meshes`, or for jaw and eyes of `armature` where none opens the mouth.

    What was played before keeps its keys and stays in the file. Raises NothingToMoveError where there is
    nothing to move, A2PError for what else is wrong; then nothing has changed.
    """
    shapes: dict[str, tuple[str, ...]] = {}
    bones: tuple[str, ...] = ()
    with transaction.all_or_nothing(scene):
        done = set()
        for mesh in meshes:
            if mesh.data.shape_keys in done:
                continue  # two objects share their mesh
            done.add(mesh.data.shape_keys)
            known = shapes_of(mesh)
            _key_shapes(mesh.data.shape_keys, known, face)
            shapes[mesh.name] = tuple(known.values())
        opened = any("jawOpen" in shapes_of(mesh) or "viseme_aa" in shapes_of(mesh) for mesh in meshes)
        if armature is not None and not opened:
            bones = _key_bones(armature, face)
        if not shapes and not bones:
            raise NothingToMoveError(
                "No mesh here has shape keys with names of ARKit, VRM or Oculus, and no armature a jaw bone: "
                "choose a character with one of them."
            )
    return AppliedFace(shapes, bones)


def _carries(target: bpy.types.Object, mesh: bpy.types.Object) -> bool:
    modifiers = (modifier for modifier in mesh.modifiers if modifier.type == "ARMATURE")
    return mesh.parent == target or any(modifier.object == target for modifier in modifiers)


def _key_shapes(keys: bpy.types.Key, known: dict[str, str], face: FaceTake) -> None:
    weights = face.motion.weights(tuple(known))
    previous, _ = compat.playing(keys)
    action = bpy.data.actions.new(f"{face.name} face")
    action.use_fake_user = True
    action[FACE_MARK] = face.name
    with compat.curves_of(action, keys) as curves:
        for column, name in enumerate(known.values()):
            path = f'key_blocks["{bpy.utils.escape_identifier(name)}"].value'
            keyframes.key_property(curves, path, weights[:, column], face.first_frame, _GROUP)
    _keep(previous)


def _key_bones(armature: bpy.types.Object, face: FaceTake) -> tuple[str, ...]:
    """Turns the jaw and eye bones that the armature has; returns their names."""
    turns = _bone_turns(armature, face)
    if not turns:
        return ()
    channels = {
        name: rotation_channels(turn, armature.pose.bones[name].rotation_mode) for name, turn in turns.items()
    }
    previous, slot = compat.playing(armature)
    if previous is None:
        action = bpy.data.actions.new(f"{face.name} face")
        with compat.curves_of(action, armature):
            pass
        _, slot = compat.playing(armature)
    else:
        action = previous.copy()
        action.name = f"{previous.name} face"
        compat.play(armature, action, slot)
        _keep(previous)
    action.use_fake_user = True
    curves = compat.curves_played(action, slot)
    for name, (prop, values) in channels.items():
        path = f'pose.bones["{bpy.utils.escape_identifier(name)}"].{prop}'
        for index, column in enumerate(values.T):
            curve = curves.find(path, index=index) or curves.new(path, index=index)
            keyframes.rewrite_linear(curve, column, face.first_frame)
    return tuple(turns)


def _bone_turns(armature: bpy.types.Object, face: FaceTake) -> dict[str, FloatArray]:
    """Rotations (T, 4) w x y z, in the bones' own axes, of the jaw and eyes that move."""
    rig = rigs.describe(armature)
    found = detect(rig).bone_map.bones
    pairs = (("upper_arm.L", "upper_arm.R"), ("thigh.L", "thigh.R"))
    sides = next((pair for pair in pairs if found.keys() >= set(pair)), None)
    if sides is None or not found.keys() >= {"hips", "head"}:
        return {}
    left = np.subtract(*(rig.heads[rig.index(found[side][0])] for side in sides))
    left /= np.linalg.norm(left)
    up = rig.heads[rig.index(found["head"][0])] - rig.heads[rig.index(found["hips"][0])]
    up -= (up @ left) * left
    up /= np.linalg.norm(up)

    weights = face.motion.weights(ARKIT_SHAPES)
    weight = dict(zip(ARKIT_SHAPES, weights.T, strict=True))
    vectors = {"jaw": JAW_RADIANS * weight["jawOpen"][:, None] * left}
    for slot, side, outward in (("eye.L", "Left", 1.0), ("eye.R", "Right", -1.0)):
        down = weight[f"eyeLookDown{side}"] - weight[f"eyeLookUp{side}"]
        out = outward * (weight[f"eyeLookOut{side}"] - weight[f"eyeLookIn{side}"])
        vectors[slot] = EYE_RADIANS * (down[:, None] * left + out[:, None] * up)
    turns = {}
    for slot, vector in vectors.items():
        if slot in found and np.abs(vector).max() > _STILL:
            bone = rig.index(found[slot][0])
            in_bone = rotate(quaternion_conjugate(rig.rest_rotations[bone]), vector)
            turns[found[slot][0]] = _turn(in_bone)
    return turns


def _turn(vector: FloatArray) -> FloatArray:
    """Quaternions (T, 4) w x y z that turn about vectors (T, 3) by their length."""
    half = 0.5 * np.linalg.norm(vector, axis=1, keepdims=True)
    return np.concatenate([np.cos(half), 0.5 * np.sinc(half / np.pi) * vector], axis=1)


def _keep(action: bpy.types.Action | None) -> None:
    if action is not None and action.users == 0:
        action.use_fake_user = True  # or it would not be saved with the .blend
