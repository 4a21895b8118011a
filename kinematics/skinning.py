"""Linear blend skinning: a mesh follows its joints, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kinematics.arrays import FloatArray, IntArray, constant
from kinematics.rotations import matrix_from_quaternion, quaternion_inverse, quaternion_multiply, rotate

if TYPE_CHECKING:
    from kinematics.pose import JointStates

INFLUENCES = 8
"""Joints that may move one vertex."""

_FRAMES_AT_ONCE = 16
"""Frames whose blended matrices are held at a time: 3 MB for the default actor, which stays in the cache."""


@dataclass(frozen=True, eq=False)
class SkinnedMesh:
    """A triangle mesh in the bind pose and its skin.

    vertices: (V, 3) centimetres, skeleton space.
    normals: (V, 3) unit vectors.
    faces: (F, 3) vertex numbers, counter-clockwise seen from outside.
    uvs: (U, 2) as the file has them (v up in the default actor, v down in released ones); may be empty.
    uv_faces: (F, 3) uv numbers of each face's corners; empty where there are no uvs.
    weights, indices: (V, 8) share and number of the joints that move a vertex; unused slots are joint 0,
        share 0.

    Raises ValueError where the arrays do not fit each other.
    """

    vertices: FloatArray
    normals: FloatArray
    faces: IntArray
    uvs: FloatArray
    uv_faces: IntArray
    weights: FloatArray
    indices: IntArray

    def __post_init__(self) -> None:
        for name in ("vertices", "normals", "uvs", "weights"):
            object.__setattr__(self, name, constant(getattr(self, name), np.float32))
        for name in ("faces", "uv_faces", "indices"):
            object.__setattr__(self, name, constant(getattr(self, name), np.int32))
        count = len(self.vertices)
        if self.vertices.shape != (count, 3) or self.normals.shape != (count, 3):
            raise ValueError("vertices and normals must both be lists of as many points x y z")
        if self.weights.shape != (count, INFLUENCES) or self.indices.shape != (count, INFLUENCES):
            raise ValueError(f"the skin must have {INFLUENCES} slots for each of the {count} vertices")
        if self.faces.ndim != 2 or self.faces.shape[1] != 3 or _outside(self.faces, count):
            raise ValueError(f"faces must be triangles of vertex numbers below {count}")
        if self.uv_faces.shape not in ((0, 3), self.faces.shape) or _outside(self.uv_faces, len(self.uvs)):
            raise ValueError(f"uv faces must be one triangle a face, of uv numbers below {len(self.uvs)}")
        if self.indices.size and self.indices.min() < 0:
            raise ValueError("the skin names a negative joint number")
        for name in ("vertices", "normals", "uvs", "weights"):
            if not np.all(np.isfinite(getattr(self, name))):
                raise ValueError(f"the mesh's {name} hold a number that is not finite")

    @cached_property
    def _dense_weights(self) -> FloatArray:
        """(V, J) shares. Mostly zeros, yet one matrix product beats gathering eight matrices a vertex."""
        joints = int(self.indices.max(initial=0)) + 1
        dense = np.zeros((len(self.vertices), joints), np.float32)
        np.add.at(dense, (np.arange(len(self.vertices))[:, None], self.indices), self.weights)
        return dense


def joint_matrices(states: JointStates, bind: JointStates) -> FloatArray:
    """(..., J, 3, 4): moves a point from the bind pose to where the joint carries it, G B^-1."""
    back = quaternion_inverse(bind.rotation)
    linear = matrix_from_quaternion(quaternion_multiply(states.rotation, back))
    linear = linear * (states.scale / bind.scale)[..., None, None]
    origin = rotate(back, -bind.translation) / bind.scale[..., None]
    translation = rotate(states.rotation, origin * states.scale[..., None]) + states.translation
    return np.concatenate([linear, translation[..., None]], axis=-1)


def skin(
    mesh: SkinnedMesh,
    states: JointStates,
    bind: JointStates,
    vertices: npt.ArrayLike | None = None,
    dtype: npt.DTypeLike = np.float32,
) -> FloatArray:
    """Posed vertices (..., V, 3) in centimetres, of type `dtype`, from global states (..., J).

    vertices: (V, 3) or (..., V, 3), bind-pose positions to pose instead of the mesh's own (template +
    offsets). float32 stays within 1e-3 cm of float64.
    """
    rest = np.asarray(mesh.vertices if vertices is None else vertices, dtype=dtype)
    posed, flat_rest = _frames(mesh, states, rest)
    for frames, blended in _blended_matrices(mesh, states, bind, dtype):
        points = flat_rest if flat_rest.ndim == 2 else flat_rest[frames]
        np.matmul(blended[..., :3], points[..., None], out=posed[frames][..., None])
        posed[frames] += blended[..., 3]
    return posed.reshape(*states.scale.shape[:-1], *rest.shape[-2:])


def unskin(
    mesh: SkinnedMesh,
    states: JointStates,
    bind: JointStates,
    posed: npt.ArrayLike,
    dtype: npt.DTypeLike = np.float32,
) -> FloatArray:
    """Bind-pose vertices (..., V, 3) whose posed positions are `posed` (..., V, 3): the inverse of `skin`.

    Raises numpy.linalg.LinAlgError where a vertex's blended matrix has collapsed.
    """
    posed = np.asarray(posed, dtype=dtype)
    rest, flat_posed = _frames(mesh, states, posed)
    for frames, blended in _blended_matrices(mesh, states, bind, dtype):
        points = flat_posed if flat_posed.ndim == 2 else flat_posed[frames]
        rest[frames] = np.linalg.solve(blended[..., :3], (points - blended[..., 3])[..., None])[..., 0]
    return rest.reshape(*states.scale.shape[:-1], *posed.shape[-2:])


def mesh_from_legacy(model: Mapping[str, Any], joint_count: int) -> SkinnedMesh:
    """The mesh of the legacy Momentum format's object `SkinnedModel`.

    Polygons are fanned into triangles. Only the first 8 influences of a vertex count, the rest is dropped and
    nothing renormalised, as the released actors expect. KeyError, TypeError or ValueError where the object is
    malformed.
    """
    vertices = np.array(_either(model, "RestPositions", "vertices"), dtype=np.float64).reshape(-1, 3)
    faces = _either(model, "Faces", "faces")
    pairs = np.array(model["SkinningWeights"], dtype=np.float64).reshape(-1, 2)
    weights, indices = skin_table(pairs[:, 0].astype(np.int64), pairs[:, 1], model["SkinningOffsets"])
    if len(weights) != len(vertices):
        raise ValueError(f"SkinningOffsets are for {len(weights)} vertices, but there are {len(vertices)}")
    if _outside(indices, joint_count):
        raise ValueError(f"SkinningWeights name a joint that is not among the {joint_count} bones")
    return SkinnedMesh(
        vertices=vertices,
        normals=np.array(_either(model, "RestVertexNormals", "normals"), dtype=np.float64).reshape(-1, 3),
        faces=_triangles(faces["Indices"], faces.get("Offsets")),
        uvs=np.array(_either(model, "TextureCoordinates", "texcoords"), dtype=np.float64).reshape(-1, 2),
        uv_faces=_triangles(faces.get("TextureIndices", []), faces.get("Offsets")),
        weights=weights,
        indices=indices,
    )


def skin_table(
    joints: npt.ArrayLike, weights: npt.ArrayLike, offsets: npt.ArrayLike
) -> tuple[FloatArray, IntArray]:
    """Weights and joint numbers (V, 8), from N influences and where each vertex's slice starts (V + 1,).

    The first 8 of a vertex count, in stored order; the rest is dropped and nothing renormalised.
    """
    joints, weights, offsets = np.asarray(joints), np.asarray(weights), np.asarray(offsets, dtype=np.int64)
    counts = np.diff(offsets)
    if (
        offsets.ndim != 1
        or len(offsets) == 0
        or offsets[0] != 0
        or offsets[-1] != len(joints)
        or np.any(counts < 0)
    ):
        raise ValueError("SkinningOffsets must rise from 0 to the number of SkinningWeights")
    slots = np.arange(INFLUENCES)
    used = slots < counts[:, None]
    source = (offsets[:-1, None] + slots)[used]
    table_weights = np.zeros((len(counts), INFLUENCES), np.float32)
    table_joints = np.zeros((len(counts), INFLUENCES), np.int32)
    table_weights[used], table_joints[used] = weights[source], joints[source]
    return table_weights, table_joints


def _blended_matrices(
    mesh: SkinnedMesh, states: JointStates, bind: JointStates, dtype: npt.DTypeLike
) -> Iterator[tuple[slice, FloatArray]]:
    """Slices of the flattened leading axes, and the matrices (frames, V, 3, 4) that move each vertex then."""
    weights = mesh._dense_weights.astype(dtype, copy=False)
    joints = weights.shape[1]
    matrices = joint_matrices(states, bind)[..., :joints, :, :]
    matrices = matrices.reshape(-1, joints, 12).astype(dtype, copy=False)
    for start in range(0, len(matrices), _FRAMES_AT_ONCE):
        frames = slice(start, start + _FRAMES_AT_ONCE)
        blended = np.matmul(weights, matrices[frames])
        yield frames, blended.reshape(*blended.shape[:2], 3, 4)


def _frames(mesh: SkinnedMesh, states: JointStates, points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """An empty result (frames, V, 3), and the points as (V, 3) or (frames, V, 3)."""
    leading, count = states.scale.shape[:-1], len(mesh.vertices)
    if points.shape[-2:] != (count, 3):
        raise ValueError(f"expected {count} vertices x y z, not an array of shape {points.shape}")
    result = np.empty((int(np.prod(leading)), count, 3), points.dtype)
    if points.ndim == 2:
        return result, points
    return result, np.broadcast_to(points, (*leading, count, 3)).reshape(-1, count, 3)


def _triangles(indices: Any, offsets: Any) -> IntArray:
    corners = np.array(indices, dtype=np.int64).reshape(-1)
    if offsets is None or len(corners) == 0:
        return corners.reshape(-1, 3)
    bounds = np.array(offsets, dtype=np.int64)
    sizes = np.diff(bounds)
    if bounds[0] != 0 or bounds[-1] != len(corners) or np.any(sizes < 3):
        raise ValueError("Faces.Offsets must rise from 0 to the number of Indices by 3 or more")
    if np.all(sizes == 3):
        return corners.reshape(-1, 3)
    fans = [
        (corners[start], corners[start + i], corners[start + i + 1])
        for start, size in zip(bounds[:-1], sizes, strict=True)
        for i in range(1, size - 1)
    ]
    return np.array(fans, dtype=np.int64)


def _either(model: Mapping[str, Any], *spellings: str) -> Any:
    for name in spellings:
        if name in model:
            return model[name]
    raise KeyError(spellings[0])


def _outside(numbers: IntArray, count: int) -> bool:
    return bool(numbers.size and (numbers.min() < 0 or numbers.max() >= count))
