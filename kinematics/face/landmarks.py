"""Where a face's parts are on a head's mesh, found from its eyes and its profile, whatever its vertices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinematics.arrays import FloatArray, IntArray, constant
from kinematics.errors import A2PError

_NOSE_HALF_WIDTH = 1.2
_EYES_APART = 6.4
"""Centimetres between the pupils of the face of average size that all measures here are for."""
_STEP = 0.02
_NOSE = (-6.0, -1.5)
_MOUTH = (-8.0, -5.4)
_CHIN = (-11.5, -8.4)
"""Centimetres below the eyes, on a face of average size, between which each is looked for."""
_USUAL_MOUTH = -6.7
_LEAST_DIP = 0.1
_SLIT = (0.15, 0.8)
"""How far behind the profile the skin between two closed lips is looked for."""
_BESIDE = 1e-4
_ASIDE, _USUAL_BOW, _MOST_BOW = 0.75, 0.13, 0.6
_LIPS_REACH = 1.4
_BROWS = 2.3
_HALF_MOUTH = 2.45
_HINGE = (-4.4, -6.5)
"""Of the jaw, below and behind the eyes."""


class FaceGeometryError(A2PError):
    """A mesh on which no face can be found."""


@dataclass(frozen=True, eq=False)
class FaceLandmarks:
    """A face's measures; lengths in the mesh's own unit, axes: x to the face's left, y up, z ahead.

    centre: (3,) between the eyes. axes: (3, 3), rows x, y, z of the face in the mesh's space. unit: of the
    mesh, in a centimetre of a face of average size. All that follows is in such centimetres and in the face's
    axes, from its centre: eye: (3,) the left one's middle. mouth: (3,) where the lips meet, in the middle.
    bow: how much higher they meet at their corners. chin, nose: (3,) their most forward points. hinge: (3,)
    the axis's middle about which the jaw turns.
    """

    centre: FloatArray
    axes: FloatArray
    unit: float
    eye: FloatArray
    mouth: FloatArray
    bow: float
    chin: FloatArray
    nose: FloatArray
    hinge: FloatArray

    def __post_init__(self) -> None:
        for name in ("centre", "axes", "eye", "mouth", "chin", "nose", "hinge"):
            object.__setattr__(self, name, constant(getattr(self, name), np.float64))

    @property
    def brows(self) -> float:
        """Their height."""
        return _BROWS

    @property
    def half_mouth(self) -> float:
        """Half the mouth's width."""
        return _HALF_MOUTH

    def to_face(self, points: FloatArray) -> FloatArray:
        """Points (..., 3) of the mesh in the face's axes and centimetres."""
        local: FloatArray = (np.asarray(points, np.float64) - self.centre) @ self.axes.T / self.unit
        return local

    def directions_to_mesh(self, vectors: FloatArray) -> FloatArray:
        """Displacements (..., 3) of the face in the mesh's axes and unit."""
        turned: FloatArray = vectors @ self.axes * self.unit
        return turned


def find_landmarks(
    vertices: FloatArray, faces: IntArray, eyes: FloatArray, up: tuple[float, float, float] = (0.0, 1.0, 0.0)
) -> FaceLandmarks:
    """The landmarks of a head that looks ahead with its mouth closed.

    vertices: (V, 3) of its skin. faces: (F, 3). eyes: (2, 3) the middles of the left and the right eyeball.
    up: about where up is.

    Raises FaceGeometryError where there is no face before the eyes.
    """
    left = eyes[0] - eyes[1]
    apart = float(np.linalg.norm(left))
    if not apart > 0.0:
        raise FaceGeometryError("Both eyes of the head are in one place: its face cannot be found.")
    x = left / apart
    y = np.asarray(up) - (x @ np.asarray(up)) * x
    y /= np.linalg.norm(y)
    axes = np.stack([x, y, np.cross(x, y)])
    centre, unit = eyes.mean(axis=0), apart / _EYES_APART
    points = (vertices - centre) @ axes.T / unit
    section = _section(points, faces)
    height, depth = _profile(section)
    nose = _most_forward(height, depth, _NOSE)
    chin = _most_forward(height, depth, _CHIN)
    mouth = _lips(section, height, depth)
    return FaceLandmarks(
        centre=centre,
        axes=axes,
        unit=unit,
        eye=np.array([_EYES_APART / 2, 0.0, 0.0]),
        mouth=mouth,
        bow=_bow(points, faces, float(mouth[1])),
        chin=chin,
        nose=nose,
        hinge=np.array([0.0, *_HINGE]),
    )


def guessed_eyes(vertices: FloatArray) -> FloatArray:
    """(2, 3) about where the left and the right eyeball are in a head (V, 3) whose skeleton has no eyes.

    Vertices are centimetres, Y up, Z ahead, as skeletons have them: grown people's eyes are much the same
    distance apart, and behind and above the tip of the nose.
    """
    middle = float(np.median(vertices[:, 0]))
    near = vertices[np.abs(vertices[:, 0] - middle) < _NOSE_HALF_WIDTH]
    if not len(near):
        raise FaceGeometryError("The head has no skin in its middle: its face cannot be found.")
    _, y, z = near[near[:, 2].argmax()]
    found: FloatArray = np.array(
        [(middle + side * _EYES_APART / 2, y + 3.6, z - 4.4) for side in (1.0, -1.0)]
    )
    return found


def _section(points: FloatArray, faces: IntArray, x: float = 0.0) -> FloatArray:
    """Lines (N, 2, 2), their ends as (y, z), the lower end first, in which an upright plane cuts the mesh."""
    triangles = points[faces]
    # A trace beside: on a mesh with mirrored halves no vertex then lies in the middle's plane.
    side = triangles[..., 0] - x - _BESIDE
    cut, side = (values[(side.min(axis=1) < 0) & (side.max(axis=1) > 0)] for values in (triangles, side))
    if not len(cut):
        raise FaceGeometryError("The head has no skin between its eyes: its face cannot be found.")
    # Exactly one corner is alone on its side: both its edges are cut.
    alone = np.where((side > 0).sum(axis=1) == 1, side.argmax(axis=1), side.argmin(axis=1))
    rows = np.arange(len(cut))
    ends = []
    for other in (1, 2):
        to = (alone + other) % 3
        start, end = side[rows, alone], side[rows, to]
        share = (start / (start - end))[:, None]
        ends.append((cut[rows, alone] + share * (cut[rows, to] - cut[rows, alone]))[:, 1:])
    lines = np.stack(ends, axis=1)
    return np.take_along_axis(lines, np.argsort(lines[..., :1], axis=1), axis=1)


def _profile(section: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Heights (N,), evenly spaced, and how far ahead the section reaches at each; -inf where it does not."""
    height = np.arange(_CHIN[0] - 1.0, 1.0, _STEP)
    depth = np.full(len(height), -np.inf)
    for (bottom, start), (top, end) in section:
        rows = slice(*np.searchsorted(height, (bottom, top)))
        share = (height[rows] - bottom) / max(top - bottom, 1e-9)
        depth[rows] = np.maximum(depth[rows], start + share * (end - start))
    return height, depth


def _most_forward(height: FloatArray, depth: FloatArray, between: tuple[float, float]) -> FloatArray:
    inside = (height > between[0]) & (height < between[1])
    best = int(np.argmax(np.where(inside, depth, -np.inf)))
    if not np.isfinite(depth[best]) or depth[best] < 0.0:
        raise FaceGeometryError("There is no face before the head's eyes: is it another mesh's skeleton?")
    return np.array([0.0, height[best], depth[best]])


def _lips(section: FloatArray, height: FloatArray, depth: FloatArray) -> FloatArray:
    """Where the lips meet: where skin goes in between them; else where the profile dips; else as usual."""
    meeting = _slit(section, height, depth)
    row = _deepest_dip(height, depth) if meeting is None else int(np.argmin(np.abs(height - meeting)))
    return np.array([0.0, height[row], depth[row]])


def _bow(points: FloatArray, faces: IntArray, middle: float) -> float:
    """How much higher the lips meet at their corners, by where they do on the way there."""
    found = []
    for side in (-_ASIDE, _ASIDE):
        section = _section(points, faces, side * _HALF_MOUTH)
        meeting = _slit(section, *_profile(section))
        if meeting is None:
            return _USUAL_BOW
        found.append(meeting)
    return float(np.clip((np.mean(found) - middle) / _ASIDE, -_MOST_BOW, _MOST_BOW))


def _slit(section: FloatArray, height: FloatArray, depth: FloatArray) -> float | None:
    """The height at which skin goes in behind the profile between the lips, if it does."""
    inward = section.mean(axis=1)
    behind = np.interp(inward[:, 0], height, np.where(np.isfinite(depth), depth, 0.0)) - inward[:, 1]
    at_mouth = (inward[:, 0] > _MOUTH[0]) & (inward[:, 0] < _MOUTH[1])
    slit = inward[at_mouth & (behind > _SLIT[0]) & (behind < _SLIT[1]), 0]
    return float(np.median(slit)) if len(slit) > 1 else None


def _deepest_dip(height: FloatArray, depth: FloatArray) -> int:
    reach = int(_LIPS_REACH / _STEP)
    best, deepest = int(np.argmin(np.abs(height - _USUAL_MOUTH))), _LEAST_DIP
    for row in np.flatnonzero((height > _MOUTH[0]) & (height < _MOUTH[1])):
        lips = min(depth[max(row - reach, 0) : row].max(), depth[row + 1 : row + 1 + reach].max())
        if lips - depth[row] > deepest:
            best, deepest = int(row), float(lips - depth[row])
    return best
