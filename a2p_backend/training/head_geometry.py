"""The head of a trained avatar as a file of geometry, for `kinematics.face_mesh`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from a2p_backend.avatar.trained.decoder import Decoder
from kinematics.armature import ARMATURE_AXES, METRES_PER_CENTIMETRE
from kinematics.errors import A2PError
from kinematics.files import atomic_write

_HEAD_BONES = ("neck", "head", "eye", "jaw")
"""The neck belongs to it, so that its edge lies where a collar may cover it."""


def write_head(decoder: Decoder, path: Path) -> None:
    """Write what follows the bones of head and neck to an .npz. A2PError where no bone is called a head."""
    bones = np.array([any(word in name.lower() for word in _HEAD_BONES) for name in decoder.bones])
    if not bones.any():
        raise A2PError("The avatar has no bone with `head` in its name, so its head cannot be told apart.")
    share = (decoder.weights * bones[decoder.indices]).sum(axis=1)
    inside = share > 0.5
    keep = inside[decoder.source[decoder.faces]].all(axis=1)
    corners, uv_faces = np.unique(decoder.faces[keep], return_inverse=True)
    used, faces = np.unique(decoder.source[decoder.faces[keep]], return_inverse=True)
    uvs = decoder.uvs[corners] * (1.0, -1.0) + (0.0, 1.0)
    to_skeleton = ARMATURE_AXES / METRES_PER_CENTIMETRE
    joints, weights = _skin(decoder, used)
    arrays = {
        "vertices": (decoder.vertices[used] @ to_skeleton).astype(np.float32),
        "faces": faces.reshape(-1, 3).astype(np.int32),
        "uvs": uvs.astype(np.float32),
        "uv_faces": uv_faces.reshape(-1, 3).astype(np.int32),
        "names": np.array(decoder.expressions),
        "moves": (decoder.moves[:, used].astype(np.float32) @ to_skeleton).astype(np.float16),
        "skin_vertices": np.array(_largest_piece(faces.reshape(-1, 3), len(used))),
    }
    with atomic_write(path) as file:
        np.savez_compressed(file, **arrays, joints=joints, weights=weights)


def _skin(decoder: Decoder, used: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Names (J,) of the bones that move the vertices, and each one's shares (V, J), which sum to 1."""
    dense = np.zeros((len(used), len(decoder.bones)), np.float32)
    np.add.at(dense, (np.arange(len(used))[:, None], decoder.indices[used]), decoder.weights[used])
    moving = dense.any(axis=0)
    shares = dense[:, moving] / dense[:, moving].sum(axis=1, keepdims=True)
    return np.array(decoder.bones)[moving], shares


def _largest_piece(faces: np.ndarray, count: int) -> int:
    """How many vertices the first connected piece has, which must be the skin."""
    piece = np.arange(count)
    while True:
        before = piece.copy()
        np.minimum.at(piece, faces.ravel(), np.repeat(piece[faces].min(axis=1), 3))
        if np.array_equal(before, piece):
            return int((piece == 0).sum())
