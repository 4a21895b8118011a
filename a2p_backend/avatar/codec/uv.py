"""Between a mesh and maps over its texture atlas.

u runs right and v runs down, both from 0 to 1; texel (i, j) of a map of S x S has its centre at
((j + 0.5) / S, (i + 0.5) / S).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor, nn
from torch.nn import functional

from kinematics.arrays import FloatArray, IntArray

INPAINT_DISTANCE = 100.0
"""Texels beyond this distance from the nearest chart are left empty."""

FloatPair: TypeAlias = "FloatArray | tuple[FloatArray, FloatArray]"

_LEAST_AREA = 1e-8
"""Of a triangle that covers texels: twice its area, where the atlas is 2 x 2."""
_LEAST_DETERMINANT = 1e-6
"""Triangles smaller than this are given other barycentrics than theirs; the networks were trained so."""


@dataclass(frozen=True)
class Topology:
    """A mesh and its atlas.

    vi: (F, 3) vertex numbers of the faces' corners. vt: (T, 2) texture coordinates. vti: (F, 3) their numbers
    for the faces' corners. v2uv: (V, n) the texture coordinates of each vertex, the first repeated to fill
    the row.
    """

    vi: Tensor
    vt: Tensor
    vti: Tensor
    v2uv: Tensor


@dataclass(frozen=True)
class UVImages:
    """What lies at each texel of a map of S x S; -1 and 0 where nothing is near.

    faces: (S, S) int64. vertices: (S, S, 3) int64, of the face's corners. barycentrics: (S, S, 3) float32.
    """

    faces: Tensor
    vertices: Tensor
    barycentrics: Tensor


def uv_images(topology: Topology, size: int, inpaint_distance: float = INPAINT_DISTANCE) -> UVImages:
    """The images of an atlas, each uncovered texel a copy of the nearest covered one if there is any near.

    inpaint_distance: texels; 0 leaves every uncovered texel empty.
    """
    vt, vti = topology.vt.cpu().numpy(), topology.vti.cpu().numpy()
    faces = face_image(vt, vti, size)
    source = nearest_covered(faces, inpaint_distance)
    return images_from_faces(topology, faces, source)


def images_from_faces(topology: Topology, faces: IntArray, source: IntArray) -> UVImages:
    """The images, from the face at each covered texel (S, S) and the texel (S, S, 2) that each one copies."""
    size = len(faces)
    barycentrics = _barycentrics(topology.vt.cpu().numpy(), topology.vti.cpu().numpy(), faces)
    rows, columns = source[..., 0], source[..., 1]
    copied = torch.from_numpy(faces[rows, columns].astype(np.int64))
    vertices = topology.vi.cpu().to(torch.int64)[copied.clamp(min=0)]
    vertices = torch.where(copied[..., None] >= 0, vertices, -1)
    assert vertices.shape == (size, size, 3)
    return UVImages(copied, vertices, torch.from_numpy(barycentrics[rows, columns]))


def face_image(vt: FloatArray, vti: IntArray, size: int) -> IntArray:
    """(S, S) the face whose triangle, wound either way, holds the texel's centre; -1 for none.

    Where triangles overlap, the lowest face number counts. Whether a centre on an edge is inside is a matter
    of rounding: this is in the order and in the precision in which the released atlases were made.
    """
    image = np.full((size, size), -1, np.int64)
    corners = vt[vti].astype(np.float32)
    lowest = np.clip(np.floor(corners.min(axis=1) * size - 0.5), 0, size).astype(np.int64)
    highest = np.clip(np.ceil(corners.max(axis=1) * size - 0.5), -1, size - 1).astype(np.int64)
    corners = np.float32(2) * (np.float32(1) - corners) - np.float32(1)
    centres = np.float32(-1) + np.arange(2 * size - 1, 0, -2, dtype=np.float32) / np.float32(size)
    area = _beside(corners[:, 2].T, corners[:, 0].T, corners[:, 1].T)
    for face in np.flatnonzero(np.abs(area) > _LEAST_AREA)[::-1]:
        (left, top), (right, bottom) = lowest[face], highest[face] + 1
        point = centres[left:right], centres[top:bottom, None]
        a, b, c = corners[face]
        sides = (_beside(point, start, end) / area[face] > 0 for start, end in ((b, c), (c, a), (a, b)))
        image[top:bottom, left:right][np.logical_and.reduce([*sides])] = face
    return image


def _beside(point: FloatPair, start: FloatPair, end: FloatPair) -> FloatArray:
    """Twice the area of triangles of a point and an edge, signed by the side on which the point lies."""
    (x, y), (x0, y0), (x1, y1) = point, start, end
    return (x - x0) * (y1 - y0) - (y - y0) * (x1 - x0)


def nearest_covered(faces: IntArray, distance: float) -> IntArray:
    """(S, S, 2) row and column of the covered texel nearest to each, or its own if none is that near."""
    own = np.indices(faces.shape)
    if not (faces >= 0).any():
        return np.moveaxis(own, 0, -1)
    distances, nearest = distance_transform_edt(faces < 0, return_indices=True)
    return np.moveaxis(np.where(distances < distance, nearest, own), 0, -1)


def _barycentrics(vt: FloatArray, vti: IntArray, faces: IntArray) -> FloatArray:
    """(S, S, 3) float32 shares of the corners at the centre of each covered texel, else 0."""
    size = len(faces)
    rows, columns = np.nonzero(faces >= 0)
    corners = vt[vti[faces[rows, columns]]].astype(np.float32)
    centres = (np.stack([columns, rows], axis=-1).astype(np.float32) + np.float32(0.5)) / np.float32(size)
    (x1, y1), (x2, y2), (x, y) = (
        (points - corners[:, 2]).T for points in (corners[:, 0], corners[:, 1], centres)
    )
    determinant = y2 * x1 - y1 * x2
    sign = np.where(determinant < 0, np.float32(-1), np.float32(1))
    determinant = sign * np.maximum(np.abs(determinant), np.float32(_LEAST_DETERMINANT))
    first, second = (y2 * x - x2 * y) / determinant, (x1 * y - y1 * x) / determinant
    image = np.zeros((size, size, 3), np.float32)
    image[rows, columns] = np.stack([first, second, 1 - first - second], axis=-1)
    return image


class UVGeometry(nn.Module):
    """Values at vertices to maps over the atlas, and back."""

    def __init__(self, topology: Topology, images: UVImages) -> None:
        super().__init__()
        # Copies: a checkpoint that is loaded writes into buffers, not into its assets.
        self.register_buffer("vi", topology.vi.to(torch.int32, copy=True))
        self.register_buffer("vt", topology.vt.to(torch.float32, copy=True))
        self.register_buffer("vti", topology.vti.to(torch.int32, copy=True))
        self.register_buffer("v2uv", topology.v2uv.to(torch.int64, copy=True))
        self.register_buffer("index_image", images.vertices.clone())
        self.register_buffer("bary_image", images.barycentrics.clone())
        self.register_buffer("face_index_image", images.faces.clone())

    def to_uv(self, values: Tensor) -> Tensor:
        """Values (B, V, C) to maps (B, C, S, S), zero where there is no face."""
        near = (self.index_image >= 0).all(dim=-1, keepdim=True)
        shares = self.bary_image * near
        corners = values[:, self.index_image.clamp(min=0)]
        return torch.einsum("bijkc,ijk->bcij", corners, shares)

    def from_uv(self, maps: Tensor) -> Tensor:
        """Maps (B, C, S, S) to values (B, V, C): the mean of what lies at the vertex's coordinates.

        0 and 1 are here the centres of the outermost texels, and a vertex of fewer coordinates than others
        has its first one counted again, as the networks were trained.
        """
        grid = (2.0 * self.vt - 1.0).expand(len(maps), 1, -1, 2)
        samples = functional.grid_sample(maps, grid, padding_mode="zeros", align_corners=True)
        return samples[:, :, 0, self.v2uv].mean(dim=-1).transpose(1, 2)
