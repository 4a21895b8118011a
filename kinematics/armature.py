"""A body's joints as the bones of an armature: rest matrices, bone lengths, and motion in bone axes.

Skeleton space is centimetres, +Y up, +Z forward. Armature space is metres, +Z up, the figure facing -Y; the
body's left stays +X. A bone runs along its own Y, so each joint's axes are relabelled. Left and centre joints
have their X along the bone; right joints, mirror images with all three axes negated, have it against.

Quaternions of joints are x y z w; those of bones, as animation programs key them, are w x y z.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kinematics import rotations
from kinematics.arrays import FloatArray, IntArray
from kinematics.pose import JointStates, channels_from_local, local_states
from kinematics.skeleton import Skeleton

if TYPE_CHECKING:
    from kinematics.body import Body

METRES_PER_CENTIMETRE = 0.01
ARMATURE_AXES = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""Skeleton axes to armature axes: armature = ARMATURE_AXES @ skeleton."""

_LEFT_BONE_AXES = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
_RIGHT_BONE_AXES = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
_RIGHT_SIDE = re.compile(r"(^|_)r_")

_MAIN_DESCENDANTS = {
    "b_root": "b_spine0",
    "b_head": "b_head_null",
    "b_l_wrist": "b_l_middle1",
    "b_r_wrist": "b_r_middle1",
    "b_l_talocrural": "b_l_transversetarsal",
    "b_r_talocrural": "b_r_transversetarsal",
}
"""Where a bone points if the most advanced of its children is not what an animator would expect."""

_NOMINAL_LENGTH = 2.0
"""Centimetres, for a bone with no child ahead of it: co-located joints and the world joint."""
_SHORTEST_LENGTH = 0.5
"""Centimetres. Blender deletes bones of no length when edit mode ends."""


@dataclass(frozen=True)
class BoneRest:
    """The rest pose of an armature, parents before children.

    names: (J,). parents: (J,) int, -1 for a root. matrices: (J, 4, 4) bone to armature space, in metres.
    lengths: (J,) metres, along each bone's Y.
    """

    names: tuple[str, ...]
    parents: IntArray
    matrices: FloatArray
    lengths: FloatArray


@dataclass(frozen=True)
class BoneMotion:
    """A performance as deltas from the rest pose, in each bone's own axes.

    rotation: (T, J, 4) w x y z, neighbouring frames in one hemisphere. location: (T, J, 3) metres.
    scale: (T, J, 3).
    rotates, moves, scales: (J,) bool, whether any pose parameter drives that part of the bone.
    """

    names: tuple[str, ...]
    rotation: FloatArray
    location: FloatArray
    scale: FloatArray
    rotates: NDArray[np.bool_]
    moves: NDArray[np.bool_]
    scales: NDArray[np.bool_]


def bone_axes(names: tuple[str, ...]) -> FloatArray:
    """(J, 3, 3): columns are the bone's X, Y, Z in its joint's axes; determinant +1."""
    return np.array([_RIGHT_BONE_AXES if _RIGHT_SIDE.search(name) else _LEFT_BONE_AXES for name in names])


def rest_states(body: Body) -> JointStates:
    """World joint states (J) of the actor standing in the zero pose at its own proportions."""
    return body.global_states(np.zeros(body.transform.pose_count))


def bone_rest(body: Body) -> BoneRest:
    """The actor's zero pose. Its proportions shape the bones themselves, so that no bone is scaled."""
    skeleton = body.skeleton
    states = rest_states(body)
    axes = rotations.matrix_from_quaternion(states.rotation) @ bone_axes(skeleton.names)
    matrices = np.tile(np.eye(4), (len(skeleton.names), 1, 1))
    matrices[:, :3, :3] = ARMATURE_AXES @ axes
    matrices[:, :3, 3] = to_armature_space(states.translation)
    lengths = METRES_PER_CENTIMETRE * _bone_lengths(skeleton, states.translation, axes[:, :, 1])
    return BoneRest(skeleton.names, skeleton.parents, matrices, lengths)


def bone_motion(body: Body, pose: FloatArray) -> BoneMotion:
    """Express pose (T, P) as bone channels relative to `bone_rest(body)`."""
    skeleton, transform = body.skeleton, body.transform
    pose = np.asarray(pose, np.float64)
    local = local_states(skeleton, transform.channels(pose, body.scale_parameters))
    rest_channels = transform.channels(np.zeros(transform.pose_count), body.scale_parameters)
    local_rest = local_states(skeleton, rest_channels)
    driven = np.any(transform.matrix[:, : transform.pose_count] != 0.0, axis=1).reshape(-1, 7)

    parent_scale = np.where(skeleton.parents < 0, 1.0, rest_states(body).scale[skeleton.parents])
    travel = (local.translation - local_rest.translation) * parent_scale[:, None]

    to_bone = bone_axes(skeleton.names)
    from_rest = rotations.quaternion_conjugate(local_rest.rotation)
    turn = rotations.align_hemispheres(rotations.quaternion_multiply(from_rest, local.rotation), axis=0)
    location = rotations.rotate(from_rest, travel)
    rotation = np.concatenate([turn[..., 3:], _in_bone_axes(turn[..., :3], to_bone)], axis=-1)
    scale = np.repeat((local.scale / local_rest.scale)[..., None], 3, axis=-1)
    return BoneMotion(
        names=skeleton.names,
        rotation=rotation,
        location=METRES_PER_CENTIMETRE * _in_bone_axes(location, to_bone),
        scale=scale,
        rotates=driven[:, 3:6].any(axis=1),
        moves=driven[:, 0:3].any(axis=1),
        scales=driven[:, 6],
    )


def pose_from_bones(body: Body, rotation: FloatArray, location: FloatArray) -> FloatArray:
    """Pose (T, P) from bone channels, as in `BoneMotion`: the inverse of `bone_motion` for unscaled bones.

    rotation: (T, J, 4) w x y z. location: (T, J, 3) metres. What no parameter drives is left out, so the pose
    is the nearest that the actor's parameters can take.
    """
    skeleton, transform = body.skeleton, body.transform
    rest_channels = transform.channels(np.zeros(transform.pose_count), body.scale_parameters)
    local_rest = local_states(skeleton, rest_channels)
    from_bone = np.swapaxes(bone_axes(skeleton.names), -1, -2)
    parent_scale = np.where(skeleton.parents < 0, 1.0, rest_states(body).scale[skeleton.parents])

    turn = np.concatenate([_in_bone_axes(rotation[..., 1:], from_bone), rotation[..., :1]], axis=-1)
    travel = _in_bone_axes(np.asarray(location) / METRES_PER_CENTIMETRE, from_bone)
    local = JointStates(
        translation=local_rest.translation
        + rotations.rotate(local_rest.rotation, travel) / parent_scale[:, None],
        rotation=rotations.quaternion_multiply(local_rest.rotation, turn),
        scale=np.broadcast_to(local_rest.scale, turn.shape[:-1]),
    )
    channels = channels_from_local(skeleton, local)
    return transform.solve_pose(channels, body.scale_parameters)


def posed_bone_matrices(body: Body, states: JointStates) -> FloatArray:
    """(..., J, 4, 4) armature-space matrices, with scale, of the bones when the joints (..., J) are so."""
    rest = rest_states(body)
    matrices = np.zeros((*states.rotation.shape[:-1], 4, 4))
    axes = rotations.matrix_from_quaternion(states.rotation) @ bone_axes(body.skeleton.names)
    relative_scale = states.scale / rest.scale
    matrices[..., :3, :3] = ARMATURE_AXES @ axes * relative_scale[..., None, None]
    matrices[..., :3, 3] = to_armature_space(states.translation)
    matrices[..., 3, 3] = 1.0
    return matrices


def to_armature_space(points: FloatArray) -> FloatArray:
    """Points (..., 3) in cm and skeleton axes, as metres in armature axes, in the precision that they have.

    An armature that a take is placed on stands at the world's origin, so these are Blender's world axes too.
    """
    in_armature: FloatArray = points @ (METRES_PER_CENTIMETRE * ARMATURE_AXES.T).astype(points.dtype)
    return in_armature


def _in_bone_axes(vectors: FloatArray, axes: FloatArray) -> FloatArray:
    """Vectors (..., J, 3) in joint axes; axes (J, 3, 3) as from `bone_axes`."""
    in_bone: FloatArray = np.einsum("jca,...jc->...ja", axes, vectors)
    return in_bone


def _bone_lengths(skeleton: Skeleton, heads: FloatArray, directions: FloatArray) -> FloatArray:
    """Lengths (J,) in the unit of heads (J, 3); directions (J, 3) are the bones' own Y."""
    lengths = np.full(len(skeleton), _NOMINAL_LENGTH)
    for joint, name in enumerate(skeleton.names):
        children = list(skeleton.children[joint])
        main = _MAIN_DESCENDANTS.get(name, "")
        if main in skeleton:
            lengths[joint] = np.linalg.norm(heads[skeleton.index(main)] - heads[joint])
        elif children:
            reach = (heads[children] - heads[joint]) @ directions[joint]
            if reach.max() >= _SHORTEST_LENGTH:
                lengths[joint] = np.linalg.norm(heads[children[reach.argmax()]] - heads[joint])
        elif skeleton.parents[joint] >= 0:
            lengths[joint] = lengths[skeleton.parents[joint]] / 2.0
    return np.maximum(lengths, _SHORTEST_LENGTH)
