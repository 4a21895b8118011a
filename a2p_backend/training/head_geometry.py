"""The head of a trained avatar as a file of geometry, for `kinematics.face_mesh`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from a2p_backend.avatar.trained.decoder import Decoder
from kinematics.armature import ARMATURE_AXES, METRES_PER_CENTIMETRE
from kinematics.errors import A2PError
from kinematics.files import atomic_write

_HEAD_BONES = ("neck", "head", "eye", "jaw")
"""The neck belongs to it, so that its edge lies where a collar may cover it."""
_EDGE = 0.5
"""How far a vertex follows these bones where the head ends."""
_LEAST_STEP = 0.02
"""Of a triangle's side, from a vertex to the edge: no nearer, so that no triangle is without extent."""


@dataclass(frozen=True, eq=False)
class _Between:
    """Points on the way from some to others: numbers first, second (N,), and how far (N,), 0 to 1."""

    first: np.ndarray
    second: np.ndarray
    far: np.ndarray

    def of(self, values: np.ndarray) -> np.ndarray:
        """(N, ...) of values (V, ...)."""
        far = self.far.reshape(-1, *(1,) * (values.ndim - 1))
        mixed: np.ndarray = values[self.first] * (1.0 - far) + values[self.second] * far
        return mixed


def write_head(decoder: Decoder, path: Path) -> None:
    """Write what follows the bones of head and neck to an .npz. A2PError where no bone is called a head."""
    bones = np.array([any(word in name.lower() for word in _HEAD_BONES) for name in decoder.bones])
    if not bones.any():
        raise A2PError("The avatar has no bone with `head` in its name, so its head cannot be told apart.")
    share = (decoder.weights * bones[decoder.indices]).sum(axis=1)
    pairs = _cut(decoder.faces, share[decoder.source]).reshape(-1, 2)
    corners, uv_faces = np.unique(pairs, axis=0, return_inverse=True)
    ends, faces = np.unique(decoder.source[pairs], axis=0, return_inverse=True)
    faces = faces.reshape(-1, 3)
    points = _between(ends, share)
    uvs = _between(corners, share[decoder.source]).of(decoder.uvs) * (1.0, -1.0) + (0.0, 1.0)
    to_skeleton = ARMATURE_AXES / METRES_PER_CENTIMETRE
    joints, weights = _skin(decoder, points)
    moves = points.of(decoder.moves.astype(np.float32).swapaxes(0, 1)).swapaxes(0, 1)
    arrays = {
        "vertices": (points.of(decoder.vertices) @ to_skeleton).astype(np.float32),
        "faces": faces.astype(np.int32),
        "uvs": uvs.astype(np.float32),
        "uv_faces": uv_faces.reshape(-1, 3).astype(np.int32),
        "names": np.array(decoder.expressions),
        "moves": (moves @ to_skeleton).astype(np.float16),
        "skin_vertices": np.array(_first_piece(faces, len(ends))),
    }
    with atomic_write(path) as file:
        np.savez_compressed(file, **arrays, joints=joints, weights=weights)


def _cut(faces: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Triangles that end where the share (C,) of corners is `_EDGE`, of faces (F, 3): (F', 3, 2), for each
    corner the two between which it lies, the one inside first; twice the same where it is one of them.
    """
    inside = share[faces] > _EDGE
    count = inside.sum(axis=1)
    whole = faces[count == 3]
    # The corner that is alone on its side first, the others in their order.
    one, two = (
        _turned(faces[count == n], inside[count == n] == alone) for n, alone in ((1, True), (2, False))
    )
    a, b, c = one.T
    tips = np.stack([[a, a], [a, b], [a, c]]).transpose(2, 0, 1)
    a, b, c = two.T
    near = np.stack([[b, a], [b, b], [c, c]]).transpose(2, 0, 1)
    rest = np.stack([[b, a], [c, c], [c, a]]).transpose(2, 0, 1)
    return np.concatenate([np.stack([whole, whole], axis=2), tips, near, rest])


def _turned(faces: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Faces (F, 3), each begun with the corner that is marked in `first` (F, 3)."""
    start = first.argmax(axis=1)[:, None]
    return np.take_along_axis(faces, (start + np.arange(3)) % 3, axis=1)


def _between(ends: np.ndarray, share: np.ndarray) -> _Between:
    """Where between ends (N, 2) the share is `_EDGE`; the first one where both are the same."""
    first, second = ends.T
    here, there = share[first], share[second]
    cut = first != second
    far = np.where(cut, (here - _EDGE) / np.where(cut, here - there, 1.0), 0.0)
    return _Between(first, second, np.where(cut, far.clip(_LEAST_STEP, 1.0), 0.0).astype(np.float32))


def _skin(decoder: Decoder, points: _Between) -> tuple[np.ndarray, np.ndarray]:
    """Names (J,) of the bones that move the points, and each one's shares (N, J), which sum to 1."""
    whole = np.zeros((len(decoder.vertices), len(decoder.bones)), np.float32)
    np.add.at(whole, (np.arange(len(whole))[:, None], decoder.indices), decoder.weights)
    dense = points.of(whole)
    moving = dense.any(axis=0)
    shares = dense[:, moving] / dense[:, moving].sum(axis=1, keepdims=True)
    return np.array(decoder.bones)[moving], shares


def _first_piece(faces: np.ndarray, count: int) -> int:
    """How many vertices the first connected piece has, which must be the skin."""
    piece = np.arange(count)
    while True:
        before = piece.copy()
        np.minimum.at(piece, faces.ravel(), np.repeat(piece[faces].min(axis=1), 3))
        if np.array_equal(before, piece):
            return int((piece == 0).sum())
