"""The motion to copy: any skeleton's rest and world joint rotations and places over time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from kinematics.armature import ARMATURE_AXES, METRES_PER_CENTIMETRE, rest_states
from kinematics.arrays import FloatArray
from kinematics.body import Body
from kinematics.bvh import BVHMotion
from kinematics.errors import A2PError
from kinematics.pose import JointStates, global_states
from kinematics.retarget.detection import detect
from kinematics.retarget.figure import Figure
from kinematics.retarget.maps import BoneMap
from kinematics.retarget.rig import Rig, RigError
from kinematics.rotations import (
    matrix_from_quaternion,
    quaternion_conjugate,
    quaternion_from_matrix,
    quaternion_multiply,
    rotate,
    slerp,
)
from kinematics.skeleton import Skeleton
from kinematics.stage import place_on_stage


class MotionError(A2PError):
    """Motion that cannot be copied."""


@dataclass(frozen=True, eq=False)
class SourceMotion:
    """T frames of J bones.

    rig: their rest. bone_map: which of them are the humanoid's.
    rotation: (T, J, 4) unit quaternions x y z w, bone axes to rig axes. position: (T, J, 3) heads, rig space.
    fps: frames a second.

    Raises MotionError where there is no frame, or a number is not finite.
    """

    rig: Rig
    bone_map: BoneMap
    rotation: FloatArray
    position: FloatArray
    fps: float

    def __post_init__(self) -> None:
        frames, bones = self.rotation.shape[:2]
        if frames == 0 or bones != len(self.rig) or self.position.shape != (frames, bones, 3):
            raise MotionError(f"The motion does not fit its {len(self.rig)} bones, or has no frame.")
        if not (np.all(np.isfinite(self.rotation)) and np.all(np.isfinite(self.position))):
            raise MotionError(
                "The motion holds a value that is not a finite number: repair or trim it first."
            )
        if not 0 < self.fps < np.inf:
            raise MotionError(f"The motion has a frame rate of {self.fps}, which is none.")

    def __len__(self) -> int:
        return len(self.rotation)

    @cached_property
    def figure(self) -> Figure:
        """The humanoid that the map sees in the rest pose."""
        return Figure(self.rig, self.bone_map.indices(self.rig))


def resampled(source: SourceMotion, fps: float) -> SourceMotion:
    """The same motion at another frame rate, from its first frame to its last or just before."""
    if abs(source.fps - fps) < 1e-6 * fps:
        return source
    count = int((len(source) - 1) * fps / source.fps + 1e-6) + 1
    times = np.minimum(np.arange(count) * source.fps / fps, len(source) - 1)
    before = np.minimum(times.astype(np.int64), max(len(source) - 2, 0))
    after = np.minimum(before + 1, len(source) - 1)
    part = (times - before)[:, None]
    rotation = slerp(source.rotation[before], source.rotation[after], part)
    position = np.empty((count, len(source.rig), 3))
    for bone, parent in enumerate(source.rig.parents):
        # Seen from the parent, where most bones rest: straight ways in the world would shorten limbs.
        path = source.position[:, bone]
        if parent >= 0:
            back = quaternion_conjugate(source.rotation[:, parent])
            path = rotate(back, path - source.position[:, parent])
        path = (1 - part) * path[before] + part * path[after]
        if parent >= 0:
            path = position[:, parent] + rotate(rotation[:, parent], path)
        position[:, bone] = path
    return SourceMotion(source.rig, source.bone_map, rotation, position, fps)


def source_from_body(body: Body, pose: npt.ArrayLike, fps: float) -> SourceMotion:
    """A take: poses (T, P) of an actor's body, placed on the stage, in metres with Z up as in Blender."""
    rest, states = rest_states(body), body.global_states(place_on_stage(body, np.asarray(pose)))
    matrices = np.tile(np.eye(4), (len(body.skeleton), 1, 1))
    matrices[:, :3, :3] = ARMATURE_AXES @ matrix_from_quaternion(rest.rotation)
    matrices[:, :3, 3] = _to_metres(rest)
    rig = Rig(body.skeleton.names, body.skeleton.parents, matrices)
    turn = quaternion_from_matrix(ARMATURE_AXES)
    rotation = quaternion_multiply(turn, states.rotation)
    return SourceMotion(rig, detect(rig).bone_map, rotation, _to_metres(states), fps)


def rig_from_bvh(motion: BVHMotion) -> Rig:
    """The skeleton of a BVH file in its pose of all-zero rotations.

    Some programs write bones that all point one way there, which is no figure: then the first frame serves.
    """
    skeleton = motion.skeleton
    still = JointStates(skeleton.offsets, skeleton.pre_rotations, np.ones(len(skeleton)))
    zero = _rig_in(skeleton, global_states(skeleton, still))
    if len(motion.local.scale) == 0 or detect(zero).humanoid:
        return zero
    local = motion.local
    first = JointStates(local.translation[0], local.rotation[0], local.scale[0])
    posed = _rig_in(skeleton, global_states(skeleton, first))
    return posed if detect(posed).humanoid else zero


def _rig_in(skeleton: Skeleton, states: JointStates) -> Rig:
    rest = np.tile(np.eye(4), (len(skeleton), 1, 1))
    rest[:, :3, :3] = matrix_from_quaternion(states.rotation)
    rest[:, :3, 3] = states.translation
    return Rig(skeleton.names, skeleton.parents, rest)


def source_from_bvh(motion: BVHMotion, bone_map: BoneMap) -> SourceMotion:
    """A capture in a BVH file; `bone_map` as `detect(rig_from_bvh(motion))` finds it, or the user's."""
    states = global_states(motion.skeleton, motion.local)
    return SourceMotion(rig_from_bvh(motion), bone_map, states.rotation, states.translation, motion.fps)


def source_from_rig(rig: Rig, bone_map: BoneMap, matrices: FloatArray, fps: float) -> SourceMotion:
    """A rig that plays: matrices (T, J, 4, 4) in rig space (Blender: `pose_bone.matrix`)."""
    if matrices.shape[1:] != (len(rig), 4, 4):
        raise RigError(f"The motion has {matrices.shape[1:]} matrices a frame, the rig {len(rig)} bones.")
    linear = matrices[..., :3, :3]
    rotation = quaternion_from_matrix(linear / np.linalg.norm(linear, axis=-2, keepdims=True))
    return SourceMotion(rig, bone_map, rotation, matrices[..., :3, 3] @ rig.stretch.T, fps)


def _to_metres(states: JointStates) -> FloatArray:
    metres: FloatArray = METRES_PER_CENTIMETRE * states.translation @ ARMATURE_AXES.T
    return metres
