"""What a face does in a take, as far as known shapes can copy it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from kinematics.arrays import BoolArray, FloatArray, IntArray, constant
from kinematics.body import load_default_body
from kinematics.face.arkit import arkit_displacements
from kinematics.face.landmarks import FaceLandmarks, find_landmarks
from kinematics.face.pieces import is_ball, pieces
from kinematics.face.shapes import ARKIT_SHAPES, UNSEEN, mixtures
from kinematics.face.solve import SMOOTHNESS, solve_weights
from kinematics.face_mesh import load_default_face_mesh

EYE_JOINTS = ("b_l_eye", "b_r_eye")
_EYEBALL_REACH = 0.3
"""How far from its joint an eyeball's middle may be, in distances between the eyes."""


@dataclass(frozen=True, eq=False)
class FaceMotion:
    """A face's motion over T frames, seen through ARKit's shapes: all that the solve asks of the geometry.

    gram: (52, 52) inner products of the shapes on the actor's head. products: (T, 52) of the displacements in
    each frame with them. Other known shapes are mixtures of these, so that any mesh's can be solved for.

    Raises ValueError where the arrays are of other shapes.
    """

    gram: FloatArray
    products: FloatArray

    def __post_init__(self) -> None:
        for name in ("gram", "products"):
            object.__setattr__(self, name, constant(getattr(self, name), np.float64))
        count = len(ARKIT_SHAPES)
        if self.gram.shape != (count, count) or self.products.shape[1:] != (count,):
            raise ValueError(f"a face's motion is of {count} shapes, not {self.gram.shape}")

    def weights(self, names: Sequence[str] = ARKIT_SHAPES, smoothness: float = SMOOTHNESS) -> FloatArray:
        """Weights (T, S), 0 to 1, of the known shapes `names`; 0 of the UNSEEN ones. KeyError for others."""
        shares = mixtures(names)
        shares[[name in UNSEEN for name in names]] = 0.0
        return solve_weights(shares @ self.gram @ shares.T, self.products @ shares.T, smoothness)


@dataclass(frozen=True, eq=False)
class ShapedHead:
    """A head with ARKit's shapes on it.

    area: (V,) of the skin about each vertex, the mean being 1: by it, displacements count the same on any
    mesh; 0 for teeth and tongue. shapes: (52, V, 3) displacements, in the head's unit.
    """

    area: FloatArray
    shapes: FloatArray

    @classmethod
    def on(
        cls, vertices: FloatArray, faces: IntArray, marks: FaceLandmarks, skin: BoolArray | None = None
    ) -> ShapedHead:
        """See `arkit_displacements`."""
        shapes = arkit_displacements(vertices, faces, marks, skin)
        seen = np.ones(len(vertices), bool) if skin is None else skin
        eyes = shapes[[ARKIT_SHAPES.index(name) for name in ARKIT_SHAPES if name.startswith("eye")]]
        seen = seen | eyes.any(axis=(0, 2))
        return cls(_areas(vertices, faces[seen[faces].all(axis=1)]), shapes)

    @property
    def gram(self) -> FloatArray:
        """(52, 52) inner products of the shapes."""
        return self.products(self.shapes)

    def products(self, displacements: npt.ArrayLike) -> FloatArray:
        """(N, 52) inner products of displacements (N, V, 3) with the shapes."""
        moved = np.asarray(displacements, np.float64) * self.area[:, None]
        found: FloatArray = moved.reshape(len(moved), -1) @ self.shapes.reshape(len(self.shapes), -1).T
        return found

    def motion(self, displacements: Iterable[FloatArray]) -> FaceMotion:
        """Of displacements from rest, (V, 3) in each frame."""
        rows = [self.products(frame[None])[0] for frame in displacements]
        return FaceMotion(self.gram, np.array(rows).reshape(-1, len(self.shapes)))


def shaped_head(vertices: FloatArray, faces: IntArray, eyes: npt.ArrayLike) -> ShapedHead:
    """An actor's head with ARKit's shapes on it. Its largest piece is the skin.

    vertices: (V, 3). faces: (F, 3). eyes: (2, 3) the left and the right eye's joint; where eyeballs are,
    their middles count instead.

    Raises FaceGeometryError where no face can be found.
    """
    vertices = np.asarray(vertices, np.float64)
    skin_piece, *others = sorted(pieces(faces, np.ones(len(vertices), bool)), key=len, reverse=True)
    skin = np.zeros(len(vertices), bool)
    skin[skin_piece] = True
    middles = [vertices[piece].mean(axis=0) for piece in others if is_ball(vertices[piece])]
    joints = np.asarray(eyes, np.float64)
    reach = _EYEBALL_REACH * float(np.linalg.norm(joints[0] - joints[1]))
    eyeballs = np.array([_near(joint, middles, reach) for joint in joints])
    marks = find_landmarks(vertices, faces[skin[faces].all(axis=1)], eyeballs)
    return ShapedHead.on(vertices, faces, marks, skin)


@cache
def default_head() -> ShapedHead:
    """The default actor's."""
    body = load_default_body()
    joints = body.bind_states().translation
    eyes = [joints[body.skeleton.index(name)] for name in EYE_JOINTS]
    mesh = load_default_face_mesh()
    return shaped_head(mesh.vertices, mesh.faces, eyes)


def default_motion(face: npt.ArrayLike) -> FaceMotion:
    """The motion of the default actor's expression codes (T, 256)."""
    mesh, head = load_default_face_mesh(), default_head()
    return FaceMotion(head.gram, mesh.codes(face) @ head.products(mesh.moves))


def _near(joint: FloatArray, middles: Sequence[FloatArray], reach: float) -> FloatArray:
    return min(
        (middle for middle in middles if np.linalg.norm(middle - joint) < reach),
        key=lambda middle: float(np.linalg.norm(middle - joint)),
        default=joint,
    )


def _areas(vertices: FloatArray, faces: IntArray) -> FloatArray:
    a, b, c = vertices[faces].swapaxes(0, 1)
    third = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6.0
    area = np.bincount(faces.ravel(), np.repeat(third, 3), minlength=len(vertices))
    mean: FloatArray = area / area.mean()
    return mean
