"""The default actor's head as geometry: its mesh at rest and what each expression code does to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from kinematics.arrays import FloatArray, IntArray, constant
from kinematics.body import Body
from kinematics.errors import A2PError
from kinematics.skinning import joint_matrices

_FILE = Path(__file__).parent / "actors" / "default" / "head.npz"
_MOST = 1.2
"""Codes beyond this would tear the face."""


class FaceMeshError(A2PError):
    """A head's file that cannot be used."""


@dataclass(frozen=True, eq=False)
class FaceMesh:
    """A head in the skeleton's bind pose.

    vertices: (V, 3) centimetres, skeleton space (Y up, Z ahead, X the figure's left).
    faces: (F, 3), counter-clockwise seen from outside. uvs: (U, 2), v up. uv_faces: (F, 3).
    names: of the E codes. moves: (E, V, 3) centimetres, each vertex's displacement at code 1.
    skin_vertices: how many of the vertices, the first ones, are skin; eyeballs, teeth and tongue follow.
    joints: names of the J joints that carry it. weights: (V, J) how far each vertex follows each, summing to
    1: the neck's edge bends as the body's does.

    Raises ValueError where the parts do not fit each other.
    """

    vertices: FloatArray
    faces: IntArray
    uvs: FloatArray
    uv_faces: IntArray
    names: tuple[str, ...]
    moves: FloatArray
    skin_vertices: int
    joints: tuple[str, ...]
    weights: FloatArray

    def __post_init__(self) -> None:
        for name in ("vertices", "uvs", "moves", "weights"):
            object.__setattr__(self, name, constant(getattr(self, name), np.float32))
        for name in ("faces", "uv_faces"):
            object.__setattr__(self, name, constant(getattr(self, name), np.int32))
        count = len(self.vertices)
        if self.vertices.shape != (count, 3) or self.moves.shape != (len(self.names), count, 3):
            raise ValueError("each code must move each vertex of the head")
        if self.weights.shape != (count, len(self.joints)):
            raise ValueError("each vertex of the head must follow the joints")
        if self.faces.shape != self.uv_faces.shape or self.faces.max(initial=0) >= count:
            raise ValueError("the head's faces do not fit its vertices")

    def codes(self, face: npt.ArrayLike) -> FloatArray:
        """How far each of the named codes is on, (T, E) float32, in expression codes (T, 256)."""
        return np.clip(np.asarray(face, np.float32)[:, : len(self.names)], 0.0, _MOST)

    def shaped(self, face: npt.ArrayLike) -> FloatArray:
        """Vertices (T, V, 3) float32, centimetres, in the bind pose, of expression codes (T, 256)."""
        codes = self.codes(face)
        offsets = codes @ self.moves.reshape(len(self.names), -1)
        shaped: FloatArray = self.vertices + offsets.reshape(len(codes), -1, 3)
        return shaped

    def posed(self, body: Body, pose: npt.ArrayLike, face: npt.ArrayLike) -> FloatArray:
        """The same (T, V, 3), carried by the joints of poses (T, 104). KeyError for a body without them."""
        carriers = [body.skeleton.index(name) for name in self.joints]
        moves = joint_matrices(body.global_states(pose), body.bind_states())[:, carriers].astype(np.float32)
        blended = (self.weights @ moves.reshape(len(moves), len(carriers), 12)).reshape(len(moves), -1, 3, 4)
        shaped = self.shaped(face)[..., None]
        posed: FloatArray = (blended[..., :3] @ shaped)[..., 0] + blended[..., 3]
        return posed


@cache
def load_default_face_mesh() -> FaceMesh:
    """The head of the default actor, which comes with this package."""
    return read_face_mesh(_FILE)


def read_face_mesh(path: Path) -> FaceMesh:
    """A head from an .npz file. FaceMeshError where it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return FaceMesh(
                vertices=arrays["vertices"],
                faces=arrays["faces"],
                uvs=arrays["uvs"],
                uv_faces=arrays["uv_faces"],
                names=tuple(map(str, arrays["names"])),
                moves=arrays["moves"],
                skin_vertices=int(arrays["skin_vertices"]),
                joints=tuple(map(str, arrays["joints"])),
                weights=arrays["weights"],
            )
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise FaceMeshError(
            f"The head's geometry {path} cannot be read ({error}): install a2p again."
        ) from error
