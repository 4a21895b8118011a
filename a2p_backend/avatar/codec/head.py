"""A codec avatar's head as geometry; an `a2p_backend.avatar.head.Head`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from a2p_backend.avatar.codec.config import AvatarError
from a2p_backend.avatar.codec.fused import FusedAvatar
from a2p_backend.avatar.codec.render import checked, faces_at_once
from a2p_backend.avatar.codec.storage import StoredAvatar
from a2p_backend.avatar.head import FloatArray, HeadSurface, OnFrame
from a2p_backend.avatar.views import stage_of
from a2p_backend.wire.performance import Performance
from kinematics.body import Body
from kinematics.face.landmarks import guessed_eyes
from kinematics.face.motion import EYE_JOINTS, FaceMotion, ShapedHead, shaped_head

_HEAD = "head"
_LEAST_SHARE = 0.5
"""Of a vertex's weight on the head's joints, from which on it belongs to the head."""


class CodecHead:
    """The part of a released avatar's mesh that its head carries, as its decoder shapes it by face codes.

    At rest is what the decoder makes of face code 0 and the bind pose: the networks' own neutral face.
    """

    def __init__(self, stored: StoredAvatar, device: torch.device) -> None:
        """The avatar's weights are fused and moved to the device.

        AvatarError where its skeleton names no head.
        """
        self._avatar = FusedAvatar(stored.model.to(device))
        skin = self._avatar.avatar.lbs_fn
        self._body = skin.body
        self._template = skin.template.cpu().numpy()
        self._used = _head_vertices(self._body)
        config = self._avatar.avatar.config
        still, neutral = np.zeros((1, config.pose)), np.zeros((1, config.face_code))
        rest = next(self._shaped(still.astype(np.float32), neutral.astype(np.float32)))
        self._surface = self._cut_out(rest)

    @property
    def surface(self) -> HeadSurface:
        return self._surface

    def frames(self, performance: Performance, in_place: bool) -> Iterator[FloatArray]:
        pose, face = self._checked(performance)
        if in_place:
            yield from self._shaped(_held_still(pose), face)
            return
        skin = self._avatar.avatar.lbs_fn
        rotation, translation = stage_of(self._body, performance.pose)
        scaling = skin.global_scaling.cpu().numpy()
        for vertices in self._avatar.meshes(pose, face):
            in_cm = vertices[self._used].cpu().numpy() / scaling
            yield (in_cm @ rotation.T + translation).astype(np.float32)

    def motion(self, performance: Performance, on_frame: OnFrame) -> FaceMotion:
        pose, face = self._checked(performance)
        pose = _held_still(pose)
        neutral = next(self._shaped(pose, np.zeros_like(face)))
        head = self._shaped_head()
        return head.motion(self._displacements(pose, face, neutral, on_frame))

    def _displacements(
        self, pose: FloatArray, face: FloatArray, neutral: FloatArray, on_frame: OnFrame
    ) -> Iterator[FloatArray]:
        for number, vertices in enumerate(self._shaped(pose, face), start=1):
            yield vertices - neutral
            on_frame(number)

    def _shaped_head(self) -> ShapedHead:
        skeleton, vertices = self._body.skeleton, self._surface.vertices
        if all(name in skeleton for name in EYE_JOINTS):
            joints = self._body.bind_states().translation
            eyes = np.array([joints[skeleton.index(name)] for name in EYE_JOINTS])
        else:
            eyes = guessed_eyes(vertices)
        return shaped_head(vertices, self._surface.faces, eyes)

    def _shaped(self, pose: FloatArray, face: FloatArray) -> Iterator[FloatArray]:
        """The head (V, 3) in the bind pose, cm, in each of poses (T, 104) with face codes (T, 256)."""
        avatar = self._avatar
        at_once = faces_at_once(avatar.device)
        for start in range(0, len(face), at_once):
            rows = slice(start, start + at_once)
            with torch.inference_mode():
                maps = avatar.face_maps(torch.tensor(face[rows], device=avatar.device))
                poses = torch.tensor(pose[rows], device=avatar.device)
            for frame in range(len(maps)):
                at = slice(frame, frame + 1)
                with torch.inference_mode():
                    offsets = avatar.offsets(poses[at], maps[at])[0, self._used].cpu().numpy()
                yield self._template[self._used] + offsets

    def _checked(self, performance: Performance) -> tuple[FloatArray, FloatArray]:
        config = self._avatar.avatar.config
        return checked("pose", performance.pose, config.pose), checked(
            "face", performance.face, config.face_code
        )

    def _cut_out(self, rest: FloatArray) -> HeadSurface:
        geometry = self._avatar.avatar.geo_fn
        corners, uv_corners = (values.cpu().numpy() for values in (geometry.vi, geometry.vti))
        number = np.full(len(self._template), -1)
        number[self._used] = np.arange(len(self._used))
        kept = (number[corners] >= 0).all(axis=1)
        uv_used, uv_faces = np.unique(uv_corners[kept], return_inverse=True)
        uvs = geometry.vt.cpu().numpy()[uv_used] * (1.0, -1.0) + (0.0, 1.0)
        return HeadSurface(
            rest,
            number[corners[kept]].astype(np.int32),
            uvs.astype(np.float32),
            uv_faces.reshape(-1, 3).astype(np.int32),
        )


def _held_still(pose: FloatArray) -> FloatArray:
    """The take's mean pose in every frame: what the skin does for the body's sake is none of the face's."""
    return np.broadcast_to(pose.mean(axis=0), pose.shape).astype(np.float32)


def _head_vertices(body: Body) -> np.ndarray:
    skeleton, mesh = body.skeleton, body.mesh
    heads = [joint for joint, name in enumerate(skeleton.names) if _HEAD in name.lower()]
    if mesh is None or not heads:
        raise AvatarError(
            f"The skeleton of {body.name} has no joint with {_HEAD} in its name, so that part cannot be told."
        )
    on_head = np.zeros(len(skeleton), bool)
    on_head[heads[0]] = True
    for joint, parent in enumerate(skeleton.parents):
        on_head[joint] |= parent >= 0 and on_head[parent]
    share = (mesh.weights * on_head[mesh.indices]).sum(axis=1)
    return np.flatnonzero(share > _LEAST_SHARE)
