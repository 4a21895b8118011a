"""An actor's head as geometry, frame after frame, and what known shapes say of its motion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from a2p_backend.wire.performance import Performance
from kinematics.body import load_default_body
from kinematics.face.motion import FaceMotion, default_motion
from kinematics.face_mesh import load_default_face_mesh
from kinematics.stage import place_on_stage

_FRAMES_AT_ONCE = 60

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]
OnFrame = Callable[[int], None]
"""Hears how many frames are done."""


@dataclass(frozen=True, eq=False)
class HeadSurface:
    """A head's mesh at rest.

    vertices: (V, 3) cm, skeleton axes. faces, uv_faces: (F, 3). uvs: (U, 2), v up.
    """

    vertices: FloatArray
    faces: IntArray
    uvs: FloatArray
    uv_faces: IntArray


class Head(Protocol):
    """An actor's head."""

    @property
    def surface(self) -> HeadSurface: ...

    def frames(self, performance: Performance, in_place: bool) -> Iterator[FloatArray]:
        """Vertices (V, 3) in each frame, cm, skeleton axes; in place: as at rest, the face alone moving.

        Else they are where the take's rig, placed on the stage, has its head. Raises A2PError for a
        performance that the head cannot show.
        """
        ...

    def motion(self, performance: Performance, on_frame: OnFrame) -> FaceMotion:
        """What ARKit's shapes say of the face. Raises A2PError where no face is found on the head."""
        ...


class DefaultHead:
    """The sculpted head, which whoever has the default actor's codes may move."""

    def __init__(self) -> None:
        self._mesh = load_default_face_mesh()

    @property
    def surface(self) -> HeadSurface:
        mesh = self._mesh
        return HeadSurface(mesh.vertices, mesh.faces, mesh.uvs, mesh.uv_faces)

    def frames(self, performance: Performance, in_place: bool) -> Iterator[FloatArray]:
        body = load_default_body()
        pose = place_on_stage(body, performance.pose)
        for start in range(0, len(pose), _FRAMES_AT_ONCE):
            rows = slice(start, start + _FRAMES_AT_ONCE)
            face = performance.face[rows]
            yield from self._mesh.shaped(face) if in_place else self._mesh.posed(body, pose[rows], face)

    def motion(self, performance: Performance, on_frame: OnFrame) -> FaceMotion:
        motion = default_motion(performance.face)
        on_frame(performance.frame_count)
        return motion
