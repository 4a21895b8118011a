"""A copy of a rig and what hangs on it, as other programs want it: plain bones, every frame keyed.

Control rigs, constraints, scaled and turned objects stay behind: the copy's object has no transform, its
bones have the rest pose and the motion that one sees, in the world's axes, and only the Action that plays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import bpy
import numpy as np
from mathutils import Matrix

from kinematics.arrays import FloatArray
from kinematics.errors import A2PError
from kinematics.pose import JointStates
from kinematics.retarget.rig import Rig
from kinematics.rotations import quaternion_from_matrix

from .. import compat
from . import isolation, keyframes, units
from . import rig as rigs

_STILL = 1e-6
_SHORTEST = 1e-3
"""Of the skeleton's height: Blender deletes bones of no length when edit mode ends."""
_ROOT = "root"
_OURS = "a2p_"
"""What the names of properties begin with that mark Actions as made by this add-on."""


@dataclass(frozen=True)
class BakeOptions:
    """deform_only: leave out bones that move no skin. unit: length of a metre in the copy. names: other names
    for bones. fps: of the copy, None the scene's.
    """

    deform_only: bool = False
    unit: float = 1.0
    names: Mapping[str, str] = field(default_factory=dict)
    fps: float | None = None


@dataclass(frozen=True, eq=False)
class Skeleton:
    """J plain bones over T frames, in the world.

    names: (J,). parents: (J,), before children. rest: (J, 4, 4). posed: (T, J, 4, 4). lengths: (J,).
    source: (J,) names of the rig's bones that they copy; "" for a bone that is new. fps: frames a second.
    frames: (T,) the scene's frames that were sampled.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    rest: FloatArray
    posed: FloatArray
    lengths: FloatArray
    source: tuple[str, ...]
    fps: float
    frames: tuple[float, ...]

    def states(self, matrices: FloatArray) -> JointStates:
        """Joint states of matrices (..., J, 4, 4)."""
        linear = matrices[..., :3, :3]
        scale = np.linalg.norm(linear, axis=-2)
        rotation = quaternion_from_matrix(linear / scale[..., None, :])
        return JointStates(matrices[..., :3, 3], rotation, scale.mean(axis=-1))


def skeleton_of(armature: bpy.types.Object, scene: bpy.types.Scene, options: BakeOptions) -> Skeleton:
    """What an armature plays, as plain bones. Raises A2PError."""
    animation = armature.animation_data
    if animation is None or animation.action is None:
        raise A2PError(f"{armature.name} plays no Action: there is no motion to export.")
    rig = rigs.describe(armature)
    kept = _kept(rig, armature, options.deform_only)
    parents = _parents(rig, kept)
    order = sorted(kept, key=lambda bone: _depth(parents, bone))
    first, last = animation.action.frame_range
    rate = units.frame_rate(scene)
    fps = options.fps or rate
    count = int((last - first) / rate * fps + 1e-6) + 1
    frames = [first + number * rate / fps for number in range(count)]

    to_world = np.diag([options.unit] * 3 + [1.0]) @ rig.to_world
    rest = _without_shear(to_world @ rig.rest[order])
    sampled = to_world @ rigs.sample(armature, frames)[:, order]
    if not np.all(np.isfinite(sampled)):
        raise A2PError(
            f"The Action {animation.action.name} holds a value that is not a finite number: repair it first."
        )
    # A bone's scale is what it has against its rest, which the object's scale is part of.
    sizes = np.linalg.norm((to_world @ rig.rest[order])[:, :3, :3], axis=-2)
    posed = _without_shear(sampled, sizes)
    names = tuple(options.names.get(rig.names[bone], rig.names[bone]) for bone in order)
    assert rig.tails is not None
    tails = np.einsum("ij,bj->bi", to_world[:3, :3], rig.tails[order] - rig.heads[order])
    height = float(np.ptp(rest[:, :3, 3], axis=0).max()) or 1.0
    return Skeleton(
        names,
        tuple(order.index(parents[bone]) if parents[bone] >= 0 else -1 for bone in order),
        rest,
        posed,
        np.maximum(np.linalg.norm(tails, axis=1), _SHORTEST * height),
        tuple(rig.names[bone] for bone in order),
        fps,
        tuple(frames),
    )


def with_root_motion(skeleton: Skeleton, hips: str, root: str) -> Skeleton:
    """The same motion with a bone below all others that travels over the floor as the hips do.

    hips, root: the rig's names; "" for none. The rig's own root bone serves where it carries all others, else
    one is added.
    """
    roots = [bone for bone, parent in enumerate(skeleton.parents) if parent < 0]
    mover = skeleton.source.index(hips) if hips in skeleton.source else roots[0]
    travel = skeleton.posed[:, mover, :2, 3] - skeleton.rest[mover, :2, 3]
    if len(roots) > 1 or not root or skeleton.source[roots[0]] != root:
        skeleton = _with_bone_below(skeleton)
    posed = skeleton.posed.copy()
    # Only level: rigs whose hips are joined to the root carry them up and down by it.
    posed[:, 0, :2, 3] = skeleton.rest[0, :2, 3] + travel
    return replace(skeleton, posed=posed)


def _with_bone_below(skeleton: Skeleton) -> Skeleton:
    """With a new bone at the origin that all others hang on."""
    name = _ROOT
    while name in skeleton.names:
        name += "_motion"
    still = np.tile(np.eye(4), (len(skeleton.posed), 1, 1, 1))
    height = float(np.ptp(skeleton.rest[:, :3, 3], axis=0).max()) or 1.0
    return Skeleton(
        (name, *skeleton.names),
        (-1, *(parent + 1 if parent >= 0 else 0 for parent in skeleton.parents)),
        np.concatenate([np.eye(4)[None], skeleton.rest]),
        np.concatenate([still, skeleton.posed], axis=1),
        np.concatenate([[0.1 * height], skeleton.lengths]),
        ("", *skeleton.source),
        skeleton.fps,
        skeleton.frames,
    )


@contextmanager
def baked(
    armature: bpy.types.Object, scene: bpy.types.Scene, skeleton: Skeleton, unit: float
) -> Iterator[tuple[bpy.types.Object, list[bpy.types.Object]]]:
    """A temporary armature that plays the skeleton's motion from frame 0, and copies of its meshes."""
    before = {kind: set(getattr(bpy.data, kind)) for kind in ("objects", "armatures", "meshes", "actions")}
    try:
        copy = _armature(armature.name, skeleton)
        twins = _meshes(armature, scene, copy, skeleton, unit)
        with _lent_names({armature: copy, **twins}):
            yield copy, list(twins.values())
    finally:
        for kind, known in before.items():
            collection = getattr(bpy.data, kind)
            for block in set(collection) - known:
                collection.remove(block)


@contextmanager
def _lent_names(copies: Mapping[bpy.types.Object, bpy.types.Object]) -> Iterator[None]:
    """The copies bear the names of what they are copies of: a file must not know of a "Body.001"."""
    pairs = [(a, b) for one, copy in copies.items() for a, b in ((one, copy), (one.data, copy.data))]
    names = [original.name for original, _ in pairs]
    try:
        for number, ((original, copy), name) in enumerate(zip(pairs, names, strict=True)):
            original.name = f"a2p {number} lent"
            copy.name = name
        yield
    finally:
        for number, ((original, copy), name) in enumerate(zip(pairs, names, strict=True)):
            copy.name = f"a2p {number} copy"
            original.name = name


def _kept(rig: Rig, armature: bpy.types.Object, deform_only: bool) -> list[int]:
    assert rig.deforms is not None
    moving = [bone for bone in range(len(rig)) if rig.deforms[bone]]
    carrying = {
        member.parent_bone
        for member in bpy.data.objects
        if member.parent == armature and member.parent_type == "BONE"
    }
    if not deform_only or not moving:
        return list(range(len(rig)))
    return sorted({*moving, *(rig.index(name) for name in carrying if name in rig)})


def _parents(rig: Rig, kept: list[int]) -> dict[int, int]:
    """For each kept bone the kept bone that carries it, -1 for none.

    Control rigs hang a limb's deform bones on helpers that the bones above follow as well: what follows a
    helper stands for it.
    """
    known = set(kept)
    stands_for: dict[int, int] = {}
    for bone in kept:
        leader = rig.follows.get(bone)
        while leader is not None and leader not in stands_for:
            stands_for[leader] = bone
            leader = rig.follows.get(leader)
    parents = {}
    for bone in kept:
        parents[bone] = next(
            (
                found
                for carrier in _above(rig, bone)
                for found in (carrier if carrier in known else stands_for.get(carrier, -1),)
                if found not in (-1, bone) and not _is_below(parents, found, bone)
            ),
            -1,
        )
    return parents


def _above(rig: Rig, bone: int) -> Iterator[int]:
    """What carries a bone, nearest first, helpers' parents before what the helpers follow."""
    waiting, seen = [bone], {bone}
    while waiting:
        current = waiting.pop(0)
        for found in (rig.follows.get(current, -1), int(rig.parents[current])):
            if found >= 0 and found not in seen:
                seen.add(found)
                yield found
                waiting.append(found)


def _is_below(parents: Mapping[int, int], bone: int, other: int) -> bool:
    while bone >= 0:
        if bone == other:
            return True
        bone = parents.get(bone, -1)
    return False


def _depth(parents: Mapping[int, int], bone: int) -> int:
    depth = 0
    while (bone := parents[bone]) >= 0:
        depth += 1
    return depth


def _without_shear(matrices: FloatArray, sizes: FloatArray | None = None) -> FloatArray:
    """The nearest matrices of turns, and of scales against `sizes` (J, 3) where these are given."""
    clean = matrices.copy()
    u, _, vt = np.linalg.svd(matrices[..., :3, :3])
    turn = u @ vt
    # A mirrored object cannot be without a mirrored bone: its X is turned over.
    turn[..., :, 0] *= np.sign(np.linalg.det(turn))[..., None]
    if sizes is None:
        clean[..., :3, :3] = turn
        return clean
    scale = np.linalg.norm(matrices[..., :3, :3], axis=-2) / sizes
    scale[np.abs(scale - 1.0) < 1e-4] = 1.0
    clean[..., :3, :3] = turn * scale[..., None, :]
    return clean


def _armature(name: str, skeleton: Skeleton) -> bpy.types.Object:
    data = bpy.data.armatures.new(name)
    armature = bpy.data.objects.new(name, data)
    with isolation.scene_with([armature], armature):
        bpy.ops.object.mode_set(mode="EDIT")
        for bone, parent, matrix, length in zip(
            skeleton.names, skeleton.parents, skeleton.rest, skeleton.lengths, strict=True
        ):
            edit_bone = data.edit_bones.new(bone)
            edit_bone.length = length
            edit_bone.matrix = Matrix(matrix.tolist())
            edit_bone.length = length
            if parent >= 0:
                edit_bone.parent = data.edit_bones[skeleton.names[parent]]
        bpy.ops.object.mode_set(mode="OBJECT")
    action = bpy.data.actions.new(name)
    with compat.curves_of(action, armature) as curves:
        for bone, (location, rotation, scale) in enumerate(_local(skeleton)):
            path = f'pose.bones["{bpy.utils.escape_identifier(skeleton.names[bone])}"].'
            keyframes.key_property(curves, path + "rotation_quaternion", rotation, 0, skeleton.names[bone])
            if np.abs(location).max() > _STILL * skeleton.lengths.max():
                keyframes.key_property(curves, path + "location", location, 0, skeleton.names[bone])
            if np.abs(scale - 1.0).max() > _STILL:
                keyframes.key_property(curves, path + "scale", scale, 0, skeleton.names[bone])
    return armature


def _local(skeleton: Skeleton) -> Iterator[tuple[FloatArray, FloatArray, FloatArray]]:
    """For each bone its location (T, 3), rotation (T, 4) w x y z and scale (T, 3) from rest."""
    for bone, parent in enumerate(skeleton.parents):
        rest, posed = skeleton.rest[bone], skeleton.posed[:, bone]
        if parent >= 0:
            rest = np.linalg.inv(skeleton.rest[parent]) @ rest
            posed = np.linalg.inv(skeleton.posed[:, parent]) @ posed
        basis = np.linalg.inv(rest) @ posed
        scale = np.linalg.norm(basis[:, :3, :3], axis=-2)
        rotation = quaternion_from_matrix(basis[:, :3, :3] / scale[:, None, :])
        yield basis[:, :3, 3], np.roll(_aligned(rotation), 1, axis=-1), scale


def _aligned(rotation: FloatArray) -> FloatArray:
    signs = np.cumprod(np.where(np.sum(rotation[1:] * rotation[:-1], axis=1) < 0, -1.0, 1.0))
    return np.concatenate([rotation[:1], rotation[1:] * signs[:, None]])


def _meshes(
    armature: bpy.types.Object,
    scene: bpy.types.Scene,
    copy: bpy.types.Object,
    skeleton: Skeleton,
    unit: float,
) -> dict[bpy.types.Object, bpy.types.Object]:
    """Copies of the meshes that the armature moves, moved by the copy of the armature instead."""
    grown = Matrix.Diagonal((unit, unit, unit, 1.0))
    copies = {}
    for mesh in scene.objects:
        if mesh.type != "MESH":
            continue
        modifiers = [
            one
            for one in mesh.modifiers
            if one.type == "ARMATURE" and one.object == armature and one.show_viewport
        ]
        bone = _carrying_bone(mesh, armature)
        if not modifiers and bone is None:
            continue
        twin = mesh.copy()
        twin.data = mesh.data.copy()
        twin.animation_data_clear()
        if twin.data.shape_keys is not None:
            _bake_shapes(mesh.data.shape_keys, twin.data.shape_keys, skeleton)
        for modifier in twin.modifiers:
            if modifier.type == "ARMATURE" and modifier.object == armature:
                modifier.object = copy
        for name, source in zip(skeleton.names, skeleton.source, strict=True):
            if source and name != source and source in twin.vertex_groups:
                twin.vertex_groups[source].name = name
        placed = grown @ mesh.matrix_world
        twin.constraints.clear()
        twin.parent, twin.parent_type = copy, "OBJECT"
        twin.matrix_parent_inverse = Matrix()
        if not modifiers and bone and bone in skeleton.source:
            number = skeleton.source.index(bone)
            shown = grown @ armature.matrix_world @ armature.pose.bones[bone].matrix
            relative = shown.normalized().inverted() @ placed
            twin.parent_type, twin.parent_bone = "BONE", skeleton.names[number]
            # A bone carries its children from its tail.
            placed = Matrix.Translation((0.0, -float(skeleton.lengths[number]), 0.0)) @ relative
        twin.matrix_basis = placed
        copies[mesh] = twin
    return copies


def _bake_shapes(played: bpy.types.Key, copy: bpy.types.Key, skeleton: Skeleton) -> None:
    """Keys the shapes as they play along with the rig; other Actions that a file came with stay behind."""
    action, slot = compat.playing(played)
    copy.animation_data_clear()
    if action is None or not any(name.startswith(_OURS) for name in action.keys()):  # noqa: SIM118
        return
    new = bpy.data.actions.new(action.name)
    with compat.curves_of(new, copy) as curves:
        for curve in compat.curves_played(action, slot):
            values = np.array([curve.evaluate(frame) for frame in skeleton.frames])
            keyframes.key_property(curves, curve.data_path, values, 0, "Shapes")


def _carrying_bone(member: bpy.types.Object, armature: bpy.types.Object) -> str | None:
    """The bone that carries an object, through objects between; "" for the armature itself; None: neither."""
    while member.parent is not None:
        if member.parent == armature:
            return member.parent_bone if member.parent_type == "BONE" else ""
        member = member.parent
    return None
