"""How a take's poses carry a trained avatar's skin: by the actor's own joints, or retargeted to its bones."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from a2p_backend.avatar.trained.decoder import Decoder, FloatArray
from kinematics.armature import ARMATURE_AXES, METRES_PER_CENTIMETRE, bone_motion, to_armature_space
from kinematics.body import Body
from kinematics.retarget.detection import detect
from kinematics.retarget.rig import Rig, pose_matrices
from kinematics.retarget.solver import retarget
from kinematics.retarget.source import source_from_body
from kinematics.skinning import INFLUENCES, SkinnedMesh, skin

_FRAMES_AT_ONCE = 8


class Carrier(ABC):
    """Poses of a whole take, to be asked for by ranges of frames."""

    @abstractmethod
    def carry(self, rest: FloatArray, rows: slice) -> FloatArray:
        """Vertices (T, V, 3) in Blender's world, metres, from those at rest (T, V, 3) in frames `rows`."""

    @property
    @abstractmethod
    def bone_channels(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Rotation (T, J, 4) w x y z and location (T, J, 3) of the decoder's bones, in their own axes."""


def carrier_for(decoder: Decoder, body: Body, pose: np.ndarray, fps: float) -> Carrier:
    """pose: (T, 104), placed on the stage. A2PError where the character's skeleton is not a human's."""
    if set(decoder.bones) <= set(body.skeleton.names):
        return _ByJoints(decoder, body, pose)
    return _ByBones(decoder, body, pose, fps)


class _ByJoints(Carrier):
    def __init__(self, decoder: Decoder, body: Body, pose: np.ndarray) -> None:
        self._body, self._pose = body, pose
        self._joints = joints = np.array([body.skeleton.index(name) for name in decoder.bones])
        weights = np.zeros((len(decoder.vertices), INFLUENCES), np.float32)
        weights[:, : decoder.weights.shape[1]] = decoder.weights
        indices = np.zeros(weights.shape, np.int32)
        indices[:, : decoder.weights.shape[1]] = joints[decoder.indices]
        self._mesh = SkinnedMesh(
            vertices=_to_skeleton_space(decoder.vertices),
            normals=np.zeros_like(decoder.vertices),
            faces=decoder.source[decoder.faces],
            uvs=np.zeros((0, 2)),
            uv_faces=np.zeros((0, 3)),
            weights=weights,
            indices=np.where(weights > 0, indices, 0),
        )

    def carry(self, rest: FloatArray, rows: slice) -> FloatArray:
        states = self._body.global_states(self._pose[rows])
        return to_armature_space(skin(self._mesh, states, self._body.bind_states(), _to_skeleton_space(rest)))

    @property
    def bone_channels(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        motion = bone_motion(self._body, self._pose)
        return motion.rotation[:, self._joints], motion.location[:, self._joints]


class _ByBones(Carrier):
    def __init__(self, decoder: Decoder, body: Body, pose: np.ndarray, fps: float) -> None:
        rig = Rig(decoder.bones, decoder.parents, decoder.bone_rest, decoder.to_world)
        motion = retarget(source_from_body(body, pose, fps), rig, detect(rig).bone_map)
        self._channels = motion.channels(rig)
        matrices = pose_matrices(rig, *self._channels) @ np.linalg.inv(pose_matrices_at_rest(rig))
        world = decoder.to_world
        self._moves = (world @ matrices @ np.linalg.inv(world)).astype(np.float32)
        dense = np.zeros((len(decoder.vertices), len(rig)), np.float32)
        np.add.at(dense, (np.arange(len(dense))[:, None], decoder.indices), decoder.weights)
        self._shares = dense

    def carry(self, rest: FloatArray, rows: slice) -> FloatArray:
        moves = self._moves[rows]
        posed = np.empty_like(rest)
        for start in range(0, len(moves), _FRAMES_AT_ONCE):
            some = slice(start, start + _FRAMES_AT_ONCE)
            flat = moves[some, :, :3].reshape(len(moves[some]), -1, 12)
            blended = np.matmul(self._shares, flat).reshape(len(flat), -1, 3, 4)
            posed[some] = np.matmul(blended[..., :3], rest[some, :, :, None])[..., 0] + blended[..., 3]
        return posed

    @property
    def bone_channels(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        rotation, location = self._channels
        return rotation[..., [3, 0, 1, 2]], location


def pose_matrices_at_rest(rig: Rig) -> np.ndarray:
    """(J, 4, 4) as `pose_matrices` gives them for a rig that is not turned or moved."""
    still = np.zeros((1, len(rig), 4))
    still[..., 3] = 1.0
    return pose_matrices(rig, still, np.zeros((1, len(rig), 3)))[0]


def _to_skeleton_space(points: FloatArray) -> FloatArray:
    """The inverse of `to_armature_space`."""
    return (points @ ARMATURE_AXES / METRES_PER_CENTIMETRE).astype(points.dtype)
