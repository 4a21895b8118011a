"""Forward kinematics, and its inverse: joint channels to joint states and back.

A joint has seven channels, in this order: translation tx ty tz (centimetres), rotation rx ry rz (radians),
and sc, the log2 of its scale. A state is a translation, a rotation and one uniform scale; as a 4 x 4 matrix:
T(t) R(q) S(s).
Source: the Momentum body model (its parameterisation is public) as measured against pymomentum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kinematics.arrays import FloatArray
from kinematics.rotations import (
    euler_xyz_from_matrix,
    matrix_from_quaternion,
    quaternion_conjugate,
    quaternion_from_euler_xyz,
    quaternion_multiply,
    rotate,
)
from kinematics.skeleton import Skeleton


@dataclass(frozen=True, eq=False)
class JointStates:
    """Where J joints are: local (seen from the parent) or global.

    translation: (..., J, 3) centimetres.
    rotation: (..., J, 4) unit quaternions x y z w.
    scale: (..., J).
    """

    translation: FloatArray
    rotation: FloatArray
    scale: FloatArray

    def matrices(self) -> FloatArray:
        """(..., J, 3, 4): the upper rows of T(t) R(q) S(s)."""
        linear = matrix_from_quaternion(self.rotation) * self.scale[..., None, None]
        return np.concatenate([linear, self.translation[..., None]], axis=-1)

    def to_array(self) -> FloatArray:
        """(..., J, 8): translation, rotation, scale."""
        return np.concatenate([self.translation, self.rotation, self.scale[..., None]], axis=-1)


def local_states(skeleton: Skeleton, channels: npt.ArrayLike) -> JointStates:
    """States seen from each joint's parent, from channels (..., J, 7)."""
    channels = np.asarray(channels)
    return JointStates(
        translation=skeleton.offsets + channels[..., :3],
        rotation=quaternion_multiply(skeleton.pre_rotations, quaternion_from_euler_xyz(channels[..., 3:6])),
        scale=np.exp2(channels[..., 6]),
    )


def global_states(skeleton: Skeleton, local: JointStates) -> JointStates:
    """States seen from skeleton space, from local ones.

    A joint's scale acts on what hangs below it and on its skin, not on its own offset.
    """
    translation, rotation, scale = local.translation.copy(), local.rotation.copy(), local.scale.copy()
    for joints in skeleton.levels[1:]:
        parents = skeleton.parents[joints]
        turn, size = rotation[..., parents, :], scale[..., parents]
        moved = rotate(turn, size[..., None] * translation[..., joints, :])
        translation[..., joints, :] = translation[..., parents, :] + moved
        rotation[..., joints, :] = quaternion_multiply(turn, rotation[..., joints, :])
        scale[..., joints] *= size
    return JointStates(translation, rotation, scale)


def forward_kinematics(skeleton: Skeleton, channels: npt.ArrayLike) -> JointStates:
    """Global states from channels (..., J, 7)."""
    return global_states(skeleton, local_states(skeleton, channels))


def local_from_global(skeleton: Skeleton, states: JointStates) -> JointStates:
    """Local states from global ones: the inverse of `global_states`."""
    children = np.flatnonzero(skeleton.parents >= 0)
    parents = skeleton.parents[children]
    back, size = quaternion_conjugate(states.rotation[..., parents, :]), states.scale[..., parents]
    translation, rotation, scale = states.translation.copy(), states.rotation.copy(), states.scale.copy()
    arm = states.translation[..., children, :] - states.translation[..., parents, :]
    translation[..., children, :] = rotate(back, arm) / size[..., None]
    rotation[..., children, :] = quaternion_multiply(back, states.rotation[..., children, :])
    scale[..., children] /= size
    return JointStates(translation, rotation, scale)


def channels_from_local(skeleton: Skeleton, local: JointStates) -> FloatArray:
    """Channels (..., J, 7) from local states: the inverse of `local_states`.

    ry lies within +-pi/2, rx and rz within +-pi: channels outside come back as other angles of the same
    rotation.
    """
    turn = quaternion_multiply(quaternion_conjugate(skeleton.pre_rotations), local.rotation)
    return np.concatenate(
        [
            local.translation - skeleton.offsets,
            euler_xyz_from_matrix(matrix_from_quaternion(turn)),
            np.log2(local.scale)[..., None],
        ],
        axis=-1,
    )
